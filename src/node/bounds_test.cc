// What gathers in a group has a bound whatever its disk, its leaders and its clients do (node/gauge.h).
#include <gmock/gmock.h>

#include "node/group_test_world.h"

namespace torc::node {
namespace {

using consensus::AppendReply;
using consensus::AppendRequest;
using consensus::EntryKind;
using ::testing::Ge;
using ::testing::Le;

consensus::Entry set_entry(Term term, LogIndex index, const std::string& key, const std::string& value) {
  kv::BatchBuilder batch(consensus::kEntryHeaderBytes);
  const std::vector<std::string_view> args{key, value};
  batch.add({kv::CommandId::kSet, args});
  return consensus::make_entry(term, index, EntryKind::kCommands, batch.take(WallMs{1}));
}

/// The one entry behind (prev, prev_term), of this term.
AppendRequest append(Term term, LogIndex prev, Term prev_term, const std::string& value) {
  AppendRequest request;
  request.term = term;
  request.prev_index = prev;
  request.prev_term = prev_term;
  request.entries.push_back(set_entry(term, prev + 1, std::to_string(prev.value + 1), value));
  return request;
}

// One leader sends no more than its window before it has an answer. Leaders that follow each other each begin anew.
TEST(Bounds, AMemberWhoseDiskHangsTakesOnlySoMuchWhoeverLeads) {
  constexpr size_t kBound = 1u << 20;
  constexpr size_t kValueBytes = 100'000;
  GroupWorld world;
  world.unsynced_bytes_max = kBound;
  world.open();
  const std::string value(kValueBytes, 'v');
  for (uint64_t term = 1; term <= 50; ++term) {
    world.receive(2 + term % 2, append(Term(term), LogIndex(0), Term(0), value));
    world.turn_while_the_disk_hangs();
    ASSERT_LE(world.gauge("entries_undurable"), kBound + 2 * kValueBytes) << term;
    ASSERT_LE(world.gauge("entries_held"), kBound + 2 * kValueBytes) << term;
  }
  EXPECT_GT(world.group->status().appends_put_off, 30u);
  EXPECT_TRUE(world.sent.empty()) << "nothing is durable";

  world.disk.run_all();
  world.turn();
  EXPECT_EQ(world.gauge("entries_undurable"), 0u);
  world.receive(2, append(Term(51), LogIndex(0), Term(0), value));
  world.turn();
  EXPECT_EQ(world.last<AppendReply>().match_index, LogIndex(1));
}

// All of it arrives in one turn of the loop.
TEST(Bounds, WhatWasReceivedAndIsNotOnItsWayToTheDiskCounts) {
  GroupWorld world;
  world.unsynced_bytes_max = 1u << 20;
  world.open();
  const std::string value(300'000, 'v');
  for (uint64_t index = 0; index < 10; ++index) {
    world.receive(2, append(Term(1), LogIndex(index), Term(index == 0 ? 0 : 1), value));
  }
  EXPECT_EQ(world.group->status().replica.last_index, LogIndex(4));
  EXPECT_EQ(world.group->status().appends_put_off, 6u);
  world.turn();
  EXPECT_EQ(world.last<AppendReply>().match_index, LogIndex(4)) << "the rest was lost on its way";
  for (int repetition = 0; repetition < 10; ++repetition) {
    world.receive(2, append(Term(1), LogIndex(0), Term(0), value));
    world.turn_while_the_disk_hangs();
  }
  world.receive(2, append(Term(1), LogIndex(4), Term(1), value));
  world.turn();
  EXPECT_EQ(world.last<AppendReply>().match_index, LogIndex(5)) << "what the log has already is not on its way";
}

// A leader asks anew at every heartbeat, and every answer waits for the disk.
TEST(Bounds, AnswersThatWaitForTheDiskDoNotGather) {
  GroupWorld world;
  world.open();
  world.receive(2, append(Term(1), LogIndex(0), Term(0), "v"));
  world.turn_while_the_disk_hangs();
  const uint64_t bytes_of_one = world.gauge("messages_unsent");
  ASSERT_GT(bytes_of_one, 0u);
  AppendRequest probe;
  probe.term = Term(1);
  probe.prev_index = LogIndex(1);
  probe.prev_term = Term(1);
  for (probe.stamp = 1; probe.stamp <= 1'000; ++probe.stamp) {
    world.receive(2, probe);
    world.turn_while_the_disk_hangs();
  }
  EXPECT_EQ(world.gauge("messages_unsent"), bytes_of_one);
  world.disk.run_all();
  ASSERT_EQ(world.sent.size(), 1u);
  EXPECT_EQ(world.last<AppendReply>().match_index, LogIndex(1));
  EXPECT_EQ(world.last<AppendReply>().stamp, consensus::SendStamp{1'000}) << "the newest one stands for all";
}

// Who follows a quick leader, and applies slowly, has the log to read from.
TEST(Bounds, WhatIsCommittedAndNotAppliedYetIsReadBackFromTheLog) {
  constexpr uint64_t kEntries = 90;
  GroupWorld world;
  world.unsynced_bytes_max = 256u << 20;
  world.open();
  const std::string value(1u << 20, 'v');
  for (uint64_t index = 0; index < kEntries; ++index) {
    AppendRequest request = append(Term(1), LogIndex(index), Term(index == 0 ? 0 : 1), value);
    request.commit = LogIndex(index + 1);
    world.receive(2, request);
  }
  world.turn();
  std::vector<uint64_t> kept{world.gauge("entries_unapplied")};
  ASSERT_LT(world.group->applied(), LogIndex(kEntries / 2)) << "a turn applies a piece";
  for (int turn = 0; turn < 100 && world.group->applied() < LogIndex(kEntries); ++turn) {
    world.turn();
    kept.push_back(world.gauge("entries_unapplied"));
  }
  EXPECT_EQ(world.group->applied(), LogIndex(kEntries));
  EXPECT_EQ(world.group->status().keys, kEntries);
  EXPECT_THAT(kept, ::testing::Each(Le(Unapplied::kKeptBytesMax + (2u << 20))));
}

/// Everything that was sent last is acknowledged by both peers: it is committed without the leader's disk.
void acknowledge_by_all(GroupWorld& world) {
  const auto request = world.last<AppendRequest>();
  AppendReply reply;
  reply.term = request.term;
  reply.accepted = true;
  reply.match_index = request.prev_index + request.entries.size();
  reply.stamp = request.stamp;
  world.receive(2, reply);
  world.receive(3, reply);
}

// They were taken in while the disk kept up; each is committed by the others' disks, so all would follow.
TEST(Bounds, ALeaderProposesNothingMoreWhileItsDiskIsTooFarBehind) {
  constexpr size_t kBound = 1u << 20;
  GroupWorld world;
  world.unsynced_bytes_max = kBound;
  world.open();
  world.win_election();
  world.acknowledge();
  const std::string value(500'000, 'v');
  for (Ticket ticket = 1; ticket <= 20; ++ticket) world.write(ticket, kv::CommandId::kSet, {"k", value});
  for (int turn = 0; turn < 40; ++turn) {
    world.turn_while_the_disk_hangs();
    ASSERT_LE(world.gauge("entries_undurable"), kBound + (2u << 20));
    acknowledge_by_all(world);
  }
  const size_t answered_while_it_hung = world.port.answers.size();
  EXPECT_THAT(answered_while_it_hung, ::testing::AllOf(Ge(2u), Le(6u)));
  for (int turn = 0; turn < 40; ++turn) {
    world.turn();
    acknowledge_by_all(world);
  }
  EXPECT_EQ(world.port.answers.size(), 20u);
  for (const auto& [ticket, answer] : world.port.answers) EXPECT_EQ(answer, "OK") << ticket;
}

// With each write that was decided in front of it another purge of the same keys came behind it (torc-sim seed 935).
TEST(Bounds, OnePurgeWaitsBehindTheWritesOfClients) {
  GroupWorld world;
  world.open();
  world.win_election();
  world.acknowledge();
  for (Ticket ticket = 0; ticket < 150; ++ticket) {
    const std::string key = std::to_string(ticket) + std::string(65'000, 'k');
    world.write(ticket, kv::CommandId::kPSetEx, {key, "1000", "v"});
  }
  for (int i = 0; i < 30; ++i) world.turn(), world.acknowledge();
  ASSERT_EQ(world.group->status().keys, 150u);
  const std::string value(900'000, 'v');
  for (Ticket ticket = 200; ticket < 220; ++ticket) world.write(ticket, kv::CommandId::kSet, {"k", value});
  const uint64_t gathered = world.gauge("proposals_gathered");
  world.wait(1500ms);
  for (int i = 0; i < 60; ++i) {
    world.maintain();
    world.turn();
    ASSERT_LE(world.gauge("proposals_gathered"), gathered + (9u << 20)) << i;
    world.acknowledge();
  }
  EXPECT_EQ(world.group->status().keys, 1u);
  EXPECT_LE(world.gauge("proposals_gathered"), sizeof(WallMs)) << "an empty batch has a stamp";
}

// Each of the leaders that come and go without a majority would add a batch to what nobody has decided.
TEST(Bounds, ALeaderAddsNothingBeforeWhatEarlierOnesLeftIsDecided) {
  GroupWorld world;
  world.open();
  world.win_election();
  world.write(1, kv::CommandId::kSet, {"k", "v"});
  world.turn();
  EXPECT_EQ(world.group->status().replica.last_index, LogIndex(1)) << "its first entry";
  world.acknowledge();
  EXPECT_EQ(world.group->status().replica.last_index, LogIndex(2));
  world.acknowledge();
  EXPECT_EQ(world.port.answers[1], "OK");
}

}  // namespace
}  // namespace torc::node
