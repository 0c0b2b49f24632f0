// Several groups, each with its arc, on one checkpoint store: what one of them writes, erases, restores or takes in
// touches nothing of the others.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "base/prng.h"
#include "kv/batch.h"
#include "kv/position.h"
#include "sim/checkpoint_store.h"
#include "storage/checkpointer.h"
#include "storage/snapshot_sink.h"
#include "storage/snapshot_source.h"

namespace torc::storage {
namespace {

constexpr WallMs kNow{1'000'000};
const consensus::Configuration kMembers{{{NodeId(1), ReplicaNumber(11)}}, {}, {}};

class NoReplies : public kv::ReplyRouter {
 public:
  kv::ReplySink& sink_for(size_t) override { return sink_; }

 private:
  kv::NullSink sink_;
};

/// The n-th key of those whose slots lie in the arc.
std::string key_of(Arc arc, int n) {
  for (int i = 0;; ++i) {
    std::string key = "key" + std::to_string(i);
    if (arc.contains(kv::slot_of(key)) && n-- == 0) return key;
  }
}

/// A group's replica: its state, and what of it is in the store.
class Replica {
 public:
  Replica(env::CheckpointStore& store, GroupId group, Arc arc) : store_(store), group_(group), arc_(arc) { restart(); }

  void apply(kv::CommandId id, const std::vector<std::string_view>& args) {
    kv::BatchBuilder batch(0);
    batch.add({id, args});
    NoReplies replies;
    const Status applied = state_->apply(state_->applied() + 1, batch.take(kNow), replies);
    ASSERT_TRUE(applied.ok()) << applied.error().message;
  }
  void set(const std::string& key, const std::string& value) { apply(kv::CommandId::kSet, {key, value}); }
  void flush() { apply(kv::CommandId::kFlushAll, {}); }
  /// The process ends, and another restores what is in the store.
  void restart() {
    checkpointer_.reset();
    state_ = std::make_unique<kv::StateMachine>(kv::StateMachineOptions{group_.value, arc_});
    const auto meta = load_checkpoint(store_, group_);
    ASSERT_TRUE(meta.ok()) << meta.error().message;
    if (meta->has_value()) {
      const Status restored = restore_checkpoint(store_, **meta, *state_);
      ASSERT_TRUE(restored.ok()) << restored.error().message;
    }
    use_checkpointer();
  }
  Checkpointer& checkpointer() { return *checkpointer_; }
  /// Up to its commit, whose end the store's owner brings about.
  void write_checkpoint() {
    checkpointer_->start(Term(3), kMembers);
    while (checkpointer_->step(1u << 20)) {
    }
  }
  std::string snapshot() const {
    auto source = SnapshotSource::open(store_, group_);
    EXPECT_TRUE(source.ok()) << source.error().message;
    std::string stream;
    while (!(*source)->is_at_end()) stream += (*source)->next().value().bytes.view();
    return stream;
  }
  std::unique_ptr<SnapshotSink> stage(std::string_view stream) {
    auto sink = std::make_unique<SnapshotSink>(store_, group_, kv::StateMachineOptions{9, arc_});
    const Status taken = sink->take(stream, crc32c(stream), true);
    EXPECT_TRUE(taken.ok()) << taken.error().message;
    return sink;
  }
  void install(std::unique_ptr<SnapshotSink> sink) {
    checkpointer_.reset();
    state_ = sink->take_state();
    use_checkpointer();
  }
  const kv::StateMachine& state() const { return *state_; }
  Arc arc() const { return arc_; }
  uint64_t digest() const { return state_->digest(); }
  bool is_durable() const { return is_durable_; }

 private:
  void use_checkpointer() {
    checkpointer_ = std::make_unique<Checkpointer>(
        store_, group_, *state_, [this](const Checkpointer::Outcome& outcome) { is_durable_ = outcome.status.ok(); });
  }

  env::CheckpointStore& store_;
  const GroupId group_;
  const Arc arc_;
  std::unique_ptr<kv::StateMachine> state_;
  std::unique_ptr<Checkpointer> checkpointer_;
  bool is_durable_ = false;
};

/// Four groups with a quarter of the slots each, and some keys.
class Arcs : public testing::Test {
 protected:
  Arcs() {
    for (uint32_t i = 0; i < 4; ++i) {
      const Arc arc{i * 4096, (i + 1) * 4096};
      replicas.push_back(std::make_unique<Replica>(store, GroupId(10 + i), arc));
      for (int n = 0; n < 50; ++n) replicas.back()->set(key_of(arc, n), std::to_string(n));
    }
  }
  void checkpoint(Replica& replica) {
    replica.write_checkpoint();
    while (store.run_all()) {
    }
    ASSERT_TRUE(replica.is_durable());
  }
  void checkpoint_all() {
    for (const auto& replica : replicas) checkpoint(*replica);
  }
  std::vector<uint64_t> digests() const {
    std::vector<uint64_t> all;
    for (const auto& replica : replicas) all.push_back(replica->digest());
    return all;
  }
  void restart_all() {
    for (const auto& replica : replicas) replica->restart();
  }

  sim::CheckpointStore store;
  std::vector<std::unique_ptr<Replica>> replicas;
};

TEST_F(Arcs, EachGroupRestoresItsOwnKeysAndNoOthers) {
  checkpoint_all();
  const std::vector<uint64_t> before = digests();
  restart_all();
  EXPECT_EQ(digests(), before);
  for (const auto& replica : replicas) EXPECT_EQ(replica->state().key_count(), 50u);
}

TEST_F(Arcs, AGroupThatIsFlushedErasesNoneOfItsNeighboursImages) {
  checkpoint_all();
  replicas[1]->flush();
  replicas[1]->set(key_of(replicas[1]->arc(), 7), "after");
  checkpoint(*replicas[1]);
  const std::vector<uint64_t> before = digests();
  restart_all();
  EXPECT_EQ(digests(), before);
  EXPECT_EQ(replicas[1]->state().key_count(), 1u);
  EXPECT_EQ(replicas[0]->state().key_count(), 50u);
  EXPECT_EQ(replicas[2]->state().key_count(), 50u);
}

TEST_F(Arcs, AnArrivingSnapshotReplacesTheImagesOfItsArcAndNoOthers) {
  sim::CheckpointStore elsewhere;
  Replica sender(elsewhere, GroupId(12), replicas[2]->arc());
  sender.set(key_of(sender.arc(), 3), "from the sender");
  sender.set(key_of(sender.arc(), 77), "from the sender");
  sender.write_checkpoint();
  ASSERT_TRUE(elsewhere.run_all());
  checkpoint_all();

  auto sink = replicas[2]->stage(sender.snapshot());
  sink->commit([](const Status& status) { EXPECT_TRUE(status.ok()); });
  ASSERT_TRUE(store.run_all());
  replicas[2]->install(std::move(sink));
  EXPECT_EQ(replicas[2]->digest(), sender.digest());
  const std::vector<uint64_t> before = digests();
  restart_all();
  EXPECT_EQ(digests(), before);
  EXPECT_EQ(replicas[2]->state().key_count(), 2u);
}

// Otherwise one slow sender would keep every group of a node from its checkpoints, and the log from being cut.
TEST_F(Arcs, OthersWriteTheirCheckpointsWhileASnapshotIsStaged) {
  checkpoint_all();
  const std::string stream = replicas[0]->snapshot();
  replicas[0]->set(key_of(replicas[0]->arc(), 0), "newer than the snapshot");
  auto sink = replicas[0]->stage(stream);
  replicas[3]->set(key_of(replicas[3]->arc(), 0), "meanwhile");
  checkpoint(*replicas[3]);
  replicas[1]->set(key_of(replicas[1]->arc(), 0), "meanwhile");
  replicas[1]->write_checkpoint();  // both commits are under way at a time
  sink->commit([](const Status& status) { EXPECT_TRUE(status.ok()); });
  while (store.run_all()) {
  }
  replicas[0]->install(std::move(sink));
  const std::vector<uint64_t> before = digests();
  restart_all();
  EXPECT_EQ(digests(), before);
}

TEST_F(Arcs, ASnapshotOfAnotherArcIsRefused) {
  checkpoint_all();
  const std::string stream = replicas[0]->snapshot();
  SnapshotSink half(store, GroupId(10), {1, {0, 2048}});
  const Status taken = half.take(stream, crc32c(stream), true);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().message, "snapshot: of slots 0 to 4095 instead of slots 0 to 2047");
}

TEST_F(Arcs, ACheckpointOfAnotherArcIsNoDamageAndIsNotRestored) {
  checkpoint_all();
  kv::StateMachine half({1, {0, 2048}});
  const Status restored = restore_checkpoint(store, *load_checkpoint(store, GroupId(10)).value(), half);
  ASSERT_FALSE(restored.ok());
  EXPECT_EQ(restored.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(restored.error().message, "the checkpoint holds slots 0 to 4095, this replica slots 0 to 2047");
  EXPECT_EQ(half.key_count(), 0u);
}

TEST_F(Arcs, WhateverSeveralGroupsDoAtATimeEachComesBackAsOfItsOwnCheckpoint) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    checkpoint_all();
    std::vector<uint64_t> captured = digests();
    for (int step = 0; step < 300; ++step) {
      const size_t i = prng.below(replicas.size());
      Replica& replica = *replicas[i];
      switch (prng.below(10)) {
        case 0:
          if (replica.checkpointer().is_running()) break;
          captured[i] = replica.digest();
          replica.checkpointer().start(Term(3), kMembers);
          break;
        case 1:
          if (prng.chance(1, 3)) replica.flush();
          break;
        case 2:
          store.run_all();
          break;
        case 3:
        case 4:
        case 5:
          replica.checkpointer().step(1 + prng.below(2000));
          break;
        default:
          replica.set(key_of(replica.arc(), static_cast<int>(prng.below(60))), std::to_string(prng.next()));
      }
    }
    for (const auto& replica : replicas) {
      while (replica->checkpointer().step(1u << 20)) {
      }
    }
    while (store.run_all()) {
    }
    restart_all();
    ASSERT_EQ(digests(), captured) << "every checkpoint that was begun is complete";
  }
}

}  // namespace
}  // namespace torc::storage
