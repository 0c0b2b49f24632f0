// One group driven by hand: its peers are played by the test, so that rare orders of messages can be said exactly.
#include <gmock/gmock.h>

#include "node/group_test_world.h"

namespace torc::node {
namespace {

using ::testing::HasSubstr;

// Confirmed and deposed in one turn: the read may still be served, but its key has expired, and only a leader's entry
// may say so.
TEST(Group, ReadThatNeedsACommitGoesElsewhereIfLeadershipEndedInTheSameTurn) {
  GroupWorld world;
  world.open();
  world.win_election();
  world.acknowledge();
  world.write(1, kv::CommandId::kPSetEx, {"k", "20", "v"});
  world.turn();
  world.acknowledge();
  ASSERT_EQ(world.port.answers[1], "OK");
  world.wait(400ms);
  world.read(2, {"k"});
  world.turn();
  world.receive(2, world.heartbeat_reply());
  consensus::HeartbeatRequest successor;
  successor.term = world.group->term() + 1;
  world.receive(3, successor);
  world.turn();
  ASSERT_FALSE(world.group->is_leader());
  EXPECT_EQ(world.rerouted, std::vector<Ticket>{2}) << "it must not wait for this node to lead again";
}

// Heartbeats need no disk, entries do: a leader whose followers' disks are full keeps its office and commits nothing.
TEST(Group, EverythingThatWaitsForAMajorityIsAnsweredInTime) {
  GroupWorld world;
  world.open();
  world.win_election();  // its no-op is never acknowledged
  world.write(1, kv::CommandId::kSet, {"k", "v"});
  world.turn();
  world.write(2, kv::CommandId::kSet, {"k", "w"});
  world.read(3, {"k"});
  world.pass_without_acknowledgements();
  EXPECT_EQ(world.port.answers[1], "!no majority") << "it was never proposed";
  EXPECT_EQ(world.port.answers[2], "!no majority");
  EXPECT_EQ(world.port.answers[3], "!read overdue");
  world.acknowledge();
  EXPECT_EQ(world.port.answers.size(), 3u);

  world.acknowledge();  // the first one was of an empty probe
  world.write(4, kv::CommandId::kSet, {"k", "v"});
  world.turn();
  world.write(5, kv::CommandId::kSet, {"k", "w"});
  world.pass_without_acknowledgements();
  EXPECT_EQ(world.port.answers[4], "!unknown outcome") << "it was proposed";
  EXPECT_EQ(world.port.answers[5], "!no majority");
}

// After a restart everything behind the checkpoint waits until the new term's first entry is committed, and is applied
// at the end of that turn. A client that reads in the same turn would see a state from before writes that were
// acknowledged.
TEST(Group, AReadInTheTurnInWhichAllIsCommittedWaitsUntilItIsApplied) {
  GroupWorld world;
  world.open();
  world.win_election();
  world.acknowledge();
  world.write(1, kv::CommandId::kSet, {"k", "v"});
  world.turn();
  world.acknowledge();
  ASSERT_EQ(world.port.answers[1], "OK");

  world.open();
  world.win_election();
  const std::vector<std::string_view> key{"k"};
  const kv::CommandView get{kv::CommandId::kGet, key};
  const auto read_now = [&](Ticket ticket) {
    world.clients.start({world.client, ticket}, GroupId(1), false);
    return world.group->read_now({.waiter = {world.client, ticket}, .command = get});
  };
  EXPECT_FALSE(read_now(2)) << "nothing of this term is committed";
  world.receive_acknowledgement();
  ASSERT_TRUE(world.group->status().replica.has_lease);
  ASSERT_LT(world.group->applied(), world.group->status().replica.commit);
  EXPECT_FALSE(read_now(3)) << "answered " << world.port.answers[3];
  world.turn();
  EXPECT_TRUE(read_now(4));
  EXPECT_EQ(world.port.answers[4], "v");
}

TEST(Group, LogThatEndsBeforeTheCheckpointRestartsThere) {
  GroupWorld world;
  world.open();
  world.store_checkpoint(LogIndex(10), Term(0));
  world.open();
  EXPECT_EQ(world.group->applied(), LogIndex(10));
  EXPECT_EQ(world.group->status().replica.last_index, LogIndex(10));
  world.win_election();
  world.acknowledge();
  world.write(1, kv::CommandId::kSet, {"k", "v"});
  world.turn();
  world.acknowledge();
  EXPECT_EQ(world.port.answers[1], "OK");
  world.open();
  EXPECT_EQ(world.group->applied(), LogIndex(10));
  EXPECT_EQ(world.group->status().replica.last_index, LogIndex(12));
}

// Its few entries keep gigabytes of other groups' in the log they share, and node 3, which lacks them, may never come.
TEST(Group, ADemandedCheckpointComesHoweverLittleTheLogHasGrownAndTheLogIsCutWhoeverLacksIt) {
  GroupWorld world;
  world.open();
  world.win_election();
  world.acknowledge();
  world.write(1, kv::CommandId::kSet, {"k", "v"});
  world.turn();
  world.acknowledge();
  const auto maintain = [&world] {
    for (int i = 0; i < 10; ++i) {
      world.maintain();
      world.turn();
    }
  };
  maintain();
  EXPECT_EQ(world.group->status().checkpoint_index, LogIndex(0));
  EXPECT_GT(world.log->group_bytes(kGroup), 0u);
  world.group->demand_checkpoint();
  EXPECT_TRUE(world.group->is_checkpoint_demanded());
  maintain();
  EXPECT_FALSE(world.group->is_checkpoint_demanded());
  EXPECT_EQ(world.group->status().checkpoint_index, world.group->applied());
  EXPECT_EQ(world.log->group_bytes(kGroup), 0u);
  world.group->demand_checkpoint();  // there is nothing more to write
  maintain();
  EXPECT_FALSE(world.group->is_checkpoint_demanded());
  world.open();
  EXPECT_EQ(world.group->status().keys, 1u);
}

// The store holds the images of other groups too: those are none of this one's.
TEST(Group, OfAnArcRestoresItsOwnImagesAndRefusesKeysElsewhere) {
  GroupWorld world;
  world.arc = {0, 8192};  // of "ours"; "away" lies elsewhere
  world.store_checkpoint(LogIndex(10), Term(0));
  kv::StateMachine neighbour({0, {8192, 16384}});
  kv::BatchBuilder batch(0);
  const std::vector<std::string_view> args = {"away", "theirs"};
  batch.add({kv::CommandId::kSet, args});
  struct Nobody final : kv::ReplyRouter {
    kv::NullSink sink;
    kv::ReplySink& sink_for(size_t) override { return sink; }
  } nobody;
  ASSERT_TRUE(neighbour.apply(LogIndex(1), batch.take(WallMs{1}), nobody).ok());
  world.store_checkpoint(GroupId(2), neighbour, Term(1));
  world.open();
  ASSERT_NE(world.group, nullptr) << world.open_error;
  EXPECT_EQ(world.group->status().keys, 0u);
  world.win_election();
  world.acknowledge();
  world.write(1, kv::CommandId::kSet, {"ours", "1"});
  world.write(2, kv::CommandId::kSet, {"away", "1"});
  world.turn();
  world.acknowledge();
  EXPECT_THAT(world.port.answers[1], HasSubstr("OK"));
  EXPECT_EQ(world.port.answers[2], "!" + std::string(kv::name_of(kv::Refusal::kNotHere)));
  EXPECT_EQ(world.group->status().keys, 1u);
}

TEST(Group, WhoseCheckpointIsOfAnotherArcDoesNotStart) {
  GroupWorld world;
  world.store_checkpoint(LogIndex(10), Term(0));
  world.arc = {0, 8192};
  world.open();
  EXPECT_EQ(world.open_error, "the checkpoint holds slots 0 to 16383, this replica slots 0 to 8191");
}

// A follower applies what a majority of others has; its checkpoint can be durable before its own log, of which a crash
// then takes the term's record too.
TEST(Group, CheckpointOfATermTheLogHasNotHeardOfIsTakenOver) {
  GroupWorld world;
  world.open();
  world.store_checkpoint(LogIndex(10), Term(5));
  for (int life = 0; life < 2; ++life) {
    world.open();
    EXPECT_EQ(world.group->applied(), LogIndex(10));
    EXPECT_EQ(world.group->term(), Term(5));
    world.turn();
  }
}

TEST(Group, LogCutBeyondItsCheckpointIsRefused) {
  GroupWorld world;
  world.open();
  world.store_checkpoint(LogIndex(10), Term(5));
  world.log->append_hard_state(kGroup, {Term(5), {}});
  world.log->reset(kGroup, LogIndex(20), Term(5));
  world.log->flush([](const Status&) {});
  world.disk.run_all();
  world.open();
  EXPECT_THAT(world.open_error, HasSubstr("the log starts after entry 20 but the checkpoint ends at 10"));
}

/// The payload of the newest entry sent to node 2.
std::string newest_payload(const GroupWorld& world) {
  return std::string(world.last<consensus::AppendRequest>().entries.back().payload());
}

// 700 keys of 65,000 bytes with one deadline were one purge, larger than an entry may be.
TEST(Group, APurgeIsBoundedByBytesToo) {
  GroupWorld world;
  world.open();
  world.win_election();
  world.acknowledge();
  constexpr size_t kKeys = 300;
  for (size_t i = 0; i < kKeys; ++i) {
    const std::string key = std::to_string(i) + std::string(65'000, 'k');
    world.write(i, kv::CommandId::kPSetEx, {key, "1000", "v"});
  }
  for (int i = 0; i < 40; ++i) {
    world.turn();
    world.acknowledge();
  }
  ASSERT_EQ(world.group->status().keys, kKeys);
  world.wait(1500ms);
  size_t purges = 0;
  for (int i = 0; i < 40 && world.group->status().keys > 0; ++i) {
    world.maintain();
    world.turn();
    EXPECT_LE(newest_payload(world).size(), 9u << 20);
    world.acknowledge();
    ++purges;
  }
  EXPECT_EQ(world.group->status().keys, 0u);
  EXPECT_EQ(purges, 3u) << "19.5 MB, 8 MiB at a time";
}

TEST(Group, ACommandLargerThanAnEntryMayHoldIsRefused) {
  GroupWorld world;
  world.open();
  world.win_election();
  world.acknowledge();
  const std::string half(kv::kOperationBytesMax / 2, 'x');
  world.write(1, kv::CommandId::kMSet, {"a", half, "b", half});
  EXPECT_EQ(world.port.answers[1], "!command too large");
  world.write(2, kv::CommandId::kSet, {"a", "1"});
  world.turn();
  world.acknowledge();
  EXPECT_EQ(world.port.answers[2], "OK");
}

// A thousand of these in one pipeline are 60 KB that make 32 GB: one entry each, so that heartbeats go between them.
TEST(Group, CommandsThatTouchMuchAreNotPutIntoOneEntry) {
  GroupWorld world;
  world.open();
  world.win_election();
  world.acknowledge();
  for (Ticket ticket = 1; ticket <= 3; ++ticket) {
    const std::string key = std::to_string(ticket);
    world.write(ticket, kv::CommandId::kSetRange, {key, "20000000", "x"});
  }
  for (Ticket ticket = 4; ticket <= 6; ++ticket) world.write(ticket, kv::CommandId::kGetSet, {"1", "v"});
  size_t entries = 0;
  for (; !world.port.answers.contains(6) && entries < 10; ++entries) {
    world.turn();
    world.acknowledge();
  }
  EXPECT_EQ(entries, 6u) << "of the value that is made before it is read nobody knows yet, and it counts";
}

TEST(Group, ATurnAppliesAPieceAndTheRestComesInTheNext) {
  GroupWorld world;
  world.work_per_turn = 16u << 20;
  world.open();
  world.win_election();
  world.acknowledge();
  consensus::AppendRequest request;
  request.term = world.group->term() + 1;
  request.prev_index = LogIndex(1);
  request.prev_term = world.group->term();
  request.commit = LogIndex(9);
  for (uint64_t index = 2; index <= 9; ++index) {
    kv::BatchBuilder batch(consensus::kEntryHeaderBytes);
    const std::string key = std::to_string(index);
    const std::vector<std::string_view> args{key, "6000000", "x"};
    batch.add({kv::CommandId::kSetRange, args});
    request.entries.push_back(
        consensus::make_entry(request.term, LogIndex(index), consensus::EntryKind::kCommands, batch.take(WallMs{1})));
  }
  world.receive(3, request);
  std::vector<uint64_t> applied;
  for (int i = 0; i < 10 && world.group->applied() < LogIndex(9); ++i) {
    world.turn();
    applied.push_back(world.group->applied().value);
  }
  EXPECT_EQ(applied, (std::vector<uint64_t>{4, 7, 9}));
}

constexpr std::string_view kOutOfMemory = "!out of memory";

TEST(Group, AboveTheMemoryLimitOnlyWhatMayGrowIsRefused) {
  GroupWorld world;
  world.memory_max = 10u << 20;
  world.open();
  world.win_election();
  world.acknowledge();
  const std::string value(11u << 20, 'v');
  world.write(1, kv::CommandId::kSet, {"large", value});
  world.turn();
  world.acknowledge();
  ASSERT_EQ(world.port.answers[1], "OK") << "the one that passes the limit is taken, as in Redis";
  Ticket ticket = 2;
  const auto answer = [&](kv::CommandId id, std::vector<std::string_view> args) {
    world.write(ticket, id, std::move(args));
    world.turn();
    world.acknowledge();
    return world.port.answers[ticket++];
  };
  EXPECT_EQ(answer(kv::CommandId::kSet, {"a", "1"}), kOutOfMemory);
  EXPECT_EQ(answer(kv::CommandId::kIncr, {"a"}), kOutOfMemory);
  EXPECT_EQ(answer(kv::CommandId::kSetRange, {"a", "5", "x"}), kOutOfMemory);
  EXPECT_EQ(answer(kv::CommandId::kPExpire, {"large", "100000"}), ":1");
  EXPECT_EQ(answer(kv::CommandId::kPersist, {"large"}), ":1");
  EXPECT_EQ(answer(kv::CommandId::kDel, {"large"}), ":1");
  EXPECT_EQ(answer(kv::CommandId::kSet, {"a", "1"}), "OK");
  EXPECT_GT(world.group->memory_used(), 0u);
}

// What was forwarded twice because its answer took long: "refused" must be true of both copies.
TEST(Group, ACopyOfACallThatIsThereAlreadyIsNotRefusedForLackOfMemory) {
  GroupWorld world;
  world.memory_max = 10u << 20;
  world.open();
  world.win_election();
  world.acknowledge();
  const kv::SessionId session(0, 7);
  const kv::SessionCall opening{.session = session, .is_first_send = true};
  world.write(1, kv::CommandId::kOpenSession, {}, &opening);
  world.turn();
  world.acknowledge();
  EXPECT_EQ(world.port.answers[1], "OK");
  const std::string value(11u << 20, 'v');
  const kv::SessionCall first{session, 1, 1};
  const kv::SessionCall second{session, 2, 1};
  world.write(2, kv::CommandId::kSet, {"large", value}, &first);
  world.write(3, kv::CommandId::kSet, {"large", value}, &first);
  world.write(4, kv::CommandId::kSet, {"other", "1"}, &second);
  EXPECT_EQ(world.port.answers[4], kOutOfMemory);
  for (int i = 0; i < 3; ++i) {
    world.turn();
    world.acknowledge();
  }
  EXPECT_EQ(world.port.answers[2], "OK");
  EXPECT_EQ(world.port.answers[3], "OK") << "the first one's answer";
  world.write(5, kv::CommandId::kSet, {"large", value}, &first);
  world.write(6, kv::CommandId::kSet, {"other", "1"}, &second);
  world.turn();
  world.acknowledge();
  EXPECT_EQ(world.port.answers[5], "OK");
  EXPECT_EQ(world.port.answers[6], kOutOfMemory);
  EXPECT_EQ(world.group->status().keys, 1u);
}

// Nobody has another copy of it: its client may send it as a first one again, or give it up for certain.
TEST(Group, AFirstCopyIsRefusedForWhatItIsByALeaderThatHasNotAppliedItsLogYet) {
  GroupWorld world;
  world.memory_max = 10u << 20;
  world.memory_elsewhere = 11u << 20;
  world.open();
  world.win_election();
  const kv::SessionCall first{{1, 2}, 1, 1, true};
  world.write(1, kv::CommandId::kSet, {"a", "1"}, &first);
  EXPECT_EQ(world.port.answers[1], kOutOfMemory);
  const kv::SessionCall again{{1, 2}, 1, 1};
  world.write(2, kv::CommandId::kSet, {"a", "1"}, &again);
  EXPECT_EQ(world.port.answers[2], "!send the same call again") << "an earlier copy may be in the log";
}

TEST(Group, MemoryThatGathersElsewhereOnTheNodeCounts) {
  GroupWorld world;
  world.memory_max = 10u << 20;
  world.memory_elsewhere = 11u << 20;
  world.open();
  world.win_election();
  world.acknowledge();
  world.write(1, kv::CommandId::kSet, {"a", "1"});
  EXPECT_EQ(world.port.answers[1], kOutOfMemory);
  world.memory_elsewhere = 0;
  world.turn();
  world.write(2, kv::CommandId::kSet, {"a", "1"});
  world.turn();
  world.acknowledge();
  EXPECT_EQ(world.port.answers[2], "OK");
}

// A pipeline of them is admitted before the first is applied: what they will make has to count at once.
TEST(Group, WhatIsTakenInAndNotAppliedYetCountsAsUsed) {
  GroupWorld world;
  world.memory_max = 100u << 20;
  world.open();
  world.win_election();
  world.acknowledge();
  for (Ticket ticket = 1; ticket <= 10; ++ticket) {
    const std::string key = std::to_string(ticket);
    world.write(ticket, kv::CommandId::kSetRange, {key, "33554431", "x"});
  }
  size_t refused = 0;
  for (const auto& [ticket, text] : world.port.answers) refused += text == kOutOfMemory ? 1 : 0;
  EXPECT_EQ(refused, 6u) << "four of 33 MiB reach the limit";
}

}  // namespace
}  // namespace torc::node
