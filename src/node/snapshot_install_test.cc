// What a snapshot does to a replica and its disk, step by step, and what each crash leaves (docs/protocol.md,
// "Snapshots").
#include <gmock/gmock.h>

#include "node/group_test_world.h"
#include "storage/snapshot_source.h"

namespace torc::node {
namespace {

using wire::SnapshotProgress;

constexpr LogIndex kIndex{50};
constexpr Term kEntryTerm{4};
constexpr Term kSenderTerm{6};

class NoReplies : public kv::ReplyRouter {
 public:
  kv::ReplySink& sink_for(size_t) override { return sink_; }

 private:
  kv::NullSink sink_;
};

/// Another replica's checkpoint, as the chunks it would send.
struct Snapshot {
  explicit Snapshot(size_t value_bytes = 20, LogIndex index = kIndex) {
    kv::StateMachine state({});
    state.skip(index - 1);
    const std::string value(value_bytes, 'v');
    const std::vector<std::string_view> args = {"k", value};
    kv::BatchBuilder batch(0);
    batch.add({kv::CommandId::kSet, args});
    NoReplies replies;
    EXPECT_TRUE(state.apply(index, batch.take(WallMs{1000}), replies).ok());
    digest = state.digest();
    sim::CheckpointStore store;
    storage::Checkpointer checkpointer(store, kGroup, state, [](const auto&) {});
    checkpointer.start(kEntryTerm, {{replica(1), replica(2), replica(3)}, {}, {}});
    while (checkpointer.step(1u << 20)) {
    }
    store.run_all();
    auto source = storage::SnapshotSource::open(store, kGroup);
    while (!(*source)->is_at_end()) pieces.push_back((*source)->next().value());
  }
  wire::SnapshotChunk chunk(size_t i, uint64_t stream = 9) const {
    const storage::SnapshotSource::Chunk& piece = pieces.at(i);
    return {kGroup,       replica(2),     replica(1),    kSenderTerm, stream,
            piece.offset, piece.checksum, piece.is_last, piece.bytes};
  }
  uint64_t digest = 0;
  std::vector<storage::SnapshotSource::Chunk> pieces;
};

/// A follower of replica 2 in term 5, with some entries of its own.
void follow(GroupWorld& world) {
  world.open();
  consensus::AppendRequest request;
  request.term = Term(5);
  request.stamp = 1;
  for (uint64_t i = 1; i <= 3; ++i) {
    request.entries.push_back(consensus::make_entry(Term(2), LogIndex(i), consensus::EntryKind::kNoop,
                                                    std::string(consensus::kEntryHeaderBytes, '\0')));
  }
  request.commit = LogIndex(2);
  world.receive(2, request);
  world.turn();
  ASSERT_EQ(world.group->applied(), LogIndex(2));
}

TEST(SnapshotInstall, TheFollowerGoesOnFromItAndTellsItsLeader) {
  const Snapshot snapshot;
  GroupWorld world;
  follow(world);
  world.sent.clear();
  world.group->receive(snapshot.chunk(0));
  world.turn();
  EXPECT_EQ(world.group->applied(), kIndex);
  EXPECT_EQ(world.group->digest(), snapshot.digest);
  EXPECT_EQ(world.group->term(), kSenderTerm);
  const GroupStatus status = world.group->status();
  EXPECT_EQ(status.checkpoint_index, kIndex);
  EXPECT_EQ(status.replica.last_index, kIndex);
  EXPECT_EQ(status.replica.stable_index, kIndex);
  EXPECT_EQ(status.log_bytes, 0u);
  EXPECT_EQ(status.snapshots_installed, 1u);
  EXPECT_EQ(world.replies.back().progress, SnapshotProgress::kDone);

  consensus::AppendRequest next;
  next.term = kSenderTerm;
  next.prev_index = kIndex;
  next.prev_term = kEntryTerm;
  next.stamp = 2;
  next.entries = {consensus::make_entry(kSenderTerm, kIndex + 1, consensus::EntryKind::kNoop,
                                        std::string(consensus::kEntryHeaderBytes, '\0'))};
  next.commit = kIndex + 1;
  world.receive(2, next);
  world.turn();
  EXPECT_EQ(world.last<consensus::AppendReply>().match_index, kIndex + 1);
  EXPECT_EQ(world.group->applied(), kIndex + 1);
}

TEST(SnapshotInstall, NothingIsSaidBeforeItIsDurable) {
  const Snapshot snapshot;
  GroupWorld world;
  follow(world);
  consensus::HeartbeatRequest heartbeat;  // replica 2 leads the term it sends in
  heartbeat.term = kSenderTerm;
  heartbeat.stamp = 2;
  world.receive(2, heartbeat);
  world.turn();
  world.sent.clear();
  const auto replies = [&] {
    return std::ranges::count_if(world.sent, [](const consensus::Message& message) {
      return std::holds_alternative<consensus::AppendReply>(message.body);
    });
  };
  world.group->receive(snapshot.chunk(0));
  ASSERT_TRUE(world.checkpoints.run_all());  // all of it is on the disk, beside the checkpoint
  EXPECT_FALSE(world.gather());
  world.disk.run_all();  // the term
  EXPECT_EQ(world.group->applied(), LogIndex(2));
  EXPECT_FALSE(world.group->has_work());
  EXPECT_EQ(world.replies.back().progress, SnapshotProgress::kReceiving);
  ASSERT_TRUE(world.checkpoints.run_all());  // the switch
  EXPECT_TRUE(world.group->has_work());
  EXPECT_TRUE(world.gather());
  EXPECT_EQ(world.group->applied(), kIndex);
  EXPECT_EQ(replies(), 0) << "the log's reset is not durable";
  world.turn();
  world.log->flush([&](const Status& status) {
    ASSERT_TRUE(status.ok());
    world.on_durable(world.group->appended_sequence());
  });
  world.turn();
  EXPECT_EQ(replies(), 1);
  EXPECT_EQ(world.last<consensus::AppendReply>().match_index, kIndex);
}

// Steps of the protocol's table of crashes, and how the disk may treat what was not synced.
TEST(SnapshotInstall, UntilItIsDurableTheFormerLogIs) {
  const Snapshot snapshot;
  GroupWorld world;
  follow(world);
  ASSERT_EQ(world.group->durable_index(), LogIndex(3));
  world.group->receive(snapshot.chunk(0));
  ASSERT_TRUE(world.checkpoints.run_all());
  bool was_given_up = false;
  const auto look = [&] {
    was_given_up = was_given_up || world.group->status().replica.stable_index == LogIndex();
    EXPECT_GE(world.group->durable_index(), LogIndex(3)) << "an old copy of itself, the leader would say";
  };
  for (int step = 0; step < 10; ++step) {
    world.advance();
    look();
    world.disk.run_all();
    look();
    world.checkpoints.run_all();
    look();
  }
  EXPECT_TRUE(was_given_up) << "and the core counted on nothing meanwhile";
  EXPECT_EQ(world.group->durable_index(), kIndex);
}

TEST(SnapshotInstall, ACrashAtAnyStepLeavesTheFormerStateOrTheNewOne) {
  const Snapshot snapshot(3 * storage::kSnapshotChunkBytes);
  ASSERT_GT(snapshot.pieces.size(), 2u);
  const size_t chunks = snapshot.pieces.size();
  bool was_former = false;
  bool was_new = false;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Prng prng(seed);
    GroupWorld world;
    follow(world);
    const uint64_t step_count = prng.below(chunks + 8);
    for (uint64_t step = 0; step < step_count; ++step) {
      if (step < chunks) {
        world.group->receive(snapshot.chunk(step));
        continue;
      }
      // Then one thing after the other gets done: a turn, a disk operation, the commit.
      world.advance();
      if (!world.disk.run_one()) world.checkpoints.run_all();
    }
    const bool was_told = std::ranges::any_of(
        world.replies, [](const wire::SnapshotReply& reply) { return reply.progress == SnapshotProgress::kDone; });
    world.group.reset();
    world.log.reset();
    prng.chance(1, 2) ? world.disk.crash(prng) : world.disk.kill(prng);
    world.checkpoints.crash(prng);
    world.open();
    ASSERT_EQ(world.open_error, "") << "seed " << seed;
    if (world.group->applied() == kIndex) {
      was_new = true;
      EXPECT_EQ(world.group->digest(), snapshot.digest);
      EXPECT_EQ(world.group->term(), kSenderTerm) << "who lacks what is committed here may not reach us any more";
      EXPECT_EQ(world.group->status().replica.last_index, kIndex);
    } else {
      was_former = true;
      EXPECT_FALSE(was_told) << "seed " << seed;
      EXPECT_EQ(world.group->applied(), LogIndex(0));
      EXPECT_GE(world.group->term(), Term(5));
      EXPECT_EQ(world.group->status().replica.last_index, LogIndex(3));
    }
    // Whatever is left, a later snapshot finds its place there.
    const Snapshot later(10, kIndex + 10);
    world.group->receive(later.chunk(0, 10));
    world.turn();
    world.turn();
    EXPECT_EQ(world.group->applied(), kIndex + 10) << "seed " << seed;
    EXPECT_EQ(world.group->digest(), later.digest);
    if (HasFailure()) return;
  }
  EXPECT_TRUE(was_former && was_new);
}

TEST(SnapshotInstall, WithoutSpaceForItTheFormerStateStaysAndItIsAskedForLater) {
  const Snapshot snapshot;
  GroupWorld world;
  follow(world);
  world.checkpoints.set_full(true);
  world.group->receive(snapshot.chunk(0));
  world.turn();
  EXPECT_EQ(world.replies.back().progress, SnapshotProgress::kRefused);
  EXPECT_EQ(world.group->applied(), LogIndex(2));
  EXPECT_EQ(world.group->status().replica.last_index, LogIndex(3)) << "the log was not given up for it";
  world.checkpoints.set_full(false);
  world.replies.clear();
  world.group->receive(snapshot.chunk(0, 10));
  world.turn();
  EXPECT_TRUE(world.replies.empty()) << "not at once";
  world.wait(11s);
  world.group->receive(snapshot.chunk(0, 11));
  world.turn();
  EXPECT_EQ(world.group->applied(), kIndex);
}

TEST(SnapshotInstall, TheSwitchWaitsForSpace) {
  const Snapshot snapshot;
  GroupWorld world;
  follow(world);
  world.group->receive(snapshot.chunk(0));
  ASSERT_TRUE(world.checkpoints.run_all());
  world.checkpoints.set_full(true);
  for (int i = 0; i < 5; ++i) {
    world.turn();
    world.wait(1s);
  }
  EXPECT_EQ(world.group->applied(), LogIndex(2));
  world.checkpoints.set_full(false);
  world.wait(1s);
  world.turn();
  EXPECT_EQ(world.group->applied(), kIndex);
  EXPECT_EQ(world.group->digest(), snapshot.digest);
}

TEST(SnapshotInstall, OneThatTellsNothingNewIsNotTakenToItsEnd) {
  const Snapshot snapshot(3 * storage::kSnapshotChunkBytes);
  GroupWorld world;
  follow(world);
  const Snapshot newer(20, kIndex + 1);
  world.group->receive(newer.chunk(0));
  world.turn();
  ASSERT_EQ(world.group->applied(), kIndex + 1);
  world.group->receive(snapshot.chunk(0, 10));
  EXPECT_EQ(world.replies.back().progress, SnapshotProgress::kDone) << "its head says that all is here already";
  world.turn();
  EXPECT_EQ(world.group->applied(), kIndex + 1);
  EXPECT_EQ(world.group->digest(), newer.digest);
  EXPECT_EQ(world.group->status().snapshots_installed, 1u);
}

// The log holds (50, term 4) already, uncommitted as far as is known here.
TEST(SnapshotInstall, OneTheLogHoldsLeavesTheLogAlone) {
  GroupWorld world;
  world.open();
  consensus::AppendRequest request;
  request.term = Term(5);
  request.stamp = 1;
  for (uint64_t i = 1; i <= 60; ++i) {
    request.entries.push_back(consensus::make_entry(kEntryTerm, LogIndex(i), consensus::EntryKind::kNoop,
                                                    std::string(consensus::kEntryHeaderBytes, '\0')));
  }
  world.receive(2, request);
  world.turn();
  const Snapshot snapshot;
  world.group->receive(snapshot.chunk(0));
  world.turn();
  EXPECT_EQ(world.group->status().snapshots_installed, 0u);
  EXPECT_EQ(world.group->status().replica.last_index, LogIndex(60));
  EXPECT_EQ(world.group->applied(), kIndex) << "it told what is committed";
  EXPECT_EQ(world.replies.back().progress, SnapshotProgress::kDone);
}

// Deposed with an undecided write in its log, it gets a snapshot that covers the place of that write.
TEST(SnapshotInstall, AWriteWhosePlaceItCoversHasAnUnknownOutcome) {
  GroupWorld world;
  world.open();
  world.win_election();
  world.acknowledge();
  world.write(1, kv::CommandId::kSet, {"a", "1"});
  world.turn();
  const Snapshot snapshot;
  wire::SnapshotChunk chunk = snapshot.chunk(0);
  chunk.term = world.group->term() + 5;
  world.group->receive(chunk);
  world.turn();
  EXPECT_EQ(world.group->applied(), kIndex);
  EXPECT_EQ(world.port.answers[1], "!unknown outcome");
}

TEST(SnapshotInstall, WhatIsMeantForAnotherLifeOfTheNodeIsIgnored) {
  const Snapshot snapshot;
  GroupWorld world;
  follow(world);
  wire::SnapshotChunk chunk = snapshot.chunk(0);
  chunk.to = {NodeId(1), ReplicaNumber(77)};
  world.group->receive(chunk);
  world.turn();
  EXPECT_TRUE(world.replies.empty());
  EXPECT_EQ(world.group->applied(), LogIndex(2));
}

TEST(SnapshotInstall, LeaderThatTheLogDoesNotKnowYetIsListenedTo) {
  const Snapshot snapshot;
  GroupWorld world;
  follow(world);
  wire::SnapshotChunk chunk = snapshot.chunk(0);
  chunk.from = replica(7);  // joined after what this log knows
  world.group->receive(chunk);
  world.turn();
  EXPECT_FALSE(world.replies.empty());
}

/// Node 2 acknowledges everything, node 3 nothing.
void write_entries(GroupWorld& world, int count) {
  static Ticket ticket = 0;
  for (int i = 0; i < count; ++i) {
    world.write(++ticket, kv::CommandId::kSet, {"k" + std::to_string(i % 10), std::string(100, 'v')});
    world.turn();
    world.acknowledge();
    world.maintain();
    world.turn();
  }
}

TEST(SnapshotInstall, TheLogStaysBoundedWhileAMemberIsAwayWhichThenGetsASnapshot) {
  GroupWorld world;
  world.checkpoint_log_bytes = 20'000;
  world.log_tail_bytes = 10'000;
  world.open();
  world.win_election();
  world.acknowledge();
  uint64_t largest = 0;
  for (int i = 0; i < 20; ++i) {
    write_entries(world, 50);
    largest = std::max(largest, world.group->status().log_bytes);
  }
  EXPECT_LT(largest, 20'000u + 10'000 + 64 * 200);
  EXPECT_GT(world.group->status().log_bytes, 9'000u) << "what a member slightly behind needs is there";
  ASSERT_TRUE(world.chunks.empty());

  consensus::HeartbeatReply reply = world.heartbeat_reply();
  world.wait(1s);
  world.receive(3, reply);  // it is there again, and lacks everything
  world.turn();
  consensus::AppendReply rejection;
  rejection.term = world.group->term();
  const auto probe =
      std::ranges::find_if(world.sent.rbegin(), world.sent.rend(), [](const consensus::Message& message) {
        return message.to == replica(3) && std::holds_alternative<consensus::AppendRequest>(message.body);
      });
  ASSERT_NE(probe, world.sent.rend());
  rejection.prev_index = std::get<consensus::AppendRequest>(probe->body).prev_index;
  rejection.stamp = std::get<consensus::AppendRequest>(probe->body).stamp;
  world.receive(3, rejection);
  world.turn();
  ASSERT_EQ(world.chunks.size(), 1u);
  EXPECT_EQ(world.chunks[0].to, replica(3));
  EXPECT_EQ(world.chunks[0].offset, 0u);

  // While it is under way the log behind it stays.
  const LogIndex sent = world.group->status().checkpoint_index;
  write_entries(world, 300);
  EXPECT_GT(world.group->status().checkpoint_index, sent + 200);
  EXPECT_GT(world.group->status().log_bytes, 30'000u);
  wire::SnapshotReply done;
  done.group = kGroup;
  done.from = replica(3);
  done.to = replica(1);
  done.stream = world.chunks[0].stream;
  done.progress = SnapshotProgress::kDone;
  world.sent.clear();
  world.group->receive(done);
  world.turn();
  ASSERT_FALSE(world.sent.empty());
  const auto* next = std::get_if<consensus::AppendRequest>(&world.sent[0].body);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->prev_index, sent);
  write_entries(world, 10);
  EXPECT_GT(world.group->status().log_bytes, 30'000u) << "its receiver has not had time to ask for what is behind it";
  world.wait(300ms);
  write_entries(world, 10);
  EXPECT_LT(world.group->status().log_bytes, 30'000u + 64 * 200);
}

}  // namespace
}  // namespace torc::node
