// Eight groups on one RocksDB, as a node holds them: what becomes of the others when one is flushed.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "host/rocksdb_checkpoint_store.h"
#include "host/run_until.h"
#include "host/scratch_directory.h"
#include "kv/batch.h"
#include "kv/position.h"
#include "storage/checkpointer.h"

namespace torc::server {
namespace {

constexpr uint32_t kGroups = 8;
constexpr uint32_t kSlotsEach = kSlotCount / kGroups;

class NoReplies final : public kv::ReplyRouter {
 public:
  kv::ReplySink& sink_for(size_t) override { return sink_; }

 private:
  kv::NullSink sink_;
};

struct Replica {
  explicit Replica(uint32_t number)
      : group(100 + number),
        state(std::make_unique<kv::StateMachine>(
            kv::StateMachineOptions{number, {number * kSlotsEach, (number + 1) * kSlotsEach}})) {}

  void apply(kv::CommandId id, const std::vector<std::string_view>& args) {
    kv::BatchBuilder batch(0);
    batch.add({id, args});
    NoReplies nobody;
    ASSERT_TRUE(state->apply(state->applied() + 1, batch.take(WallMs{1000}), nobody).ok());
  }

  const GroupId group;
  std::unique_ptr<kv::StateMachine> state;
  std::unique_ptr<storage::Checkpointer> checkpointer;
  bool is_durable = false;
};

class ArcsOnDisk : public testing::Test {
 protected:
  using Replicas = std::vector<std::unique_ptr<Replica>>;

  static Replicas empty_replicas() {
    Replicas replicas;
    for (uint32_t i = 0; i < kGroups; ++i) replicas.push_back(std::make_unique<Replica>(i));
    return replicas;
  }
  std::unique_ptr<host::RocksDbCheckpointStore> open() {
    return host::RocksDbCheckpointStore::open(directory / "checkpoint", loop).value();
  }
  static void start(env::CheckpointStore& store, Replica& replica) {
    replica.is_durable = false;
    replica.checkpointer = std::make_unique<storage::Checkpointer>(
        store, replica.group, *replica.state,
        [&replica](const storage::Checkpointer::Outcome& outcome) { replica.is_durable = outcome.status.ok(); });
    replica.checkpointer->start(Term(1), {{{NodeId(1), ReplicaNumber(1)}}, {}, {}});
  }
  /// All at a time, a piece of each in turn.
  void checkpoint(env::CheckpointStore& store, const std::vector<Replica*>& replicas) {
    for (Replica* replica : replicas) start(store, *replica);
    const auto are_durable = [&] {
      bool all = true;
      for (Replica* replica : replicas) {
        replica->checkpointer->step(200);
        all &= replica->is_durable;
      }
      return all;
    };
    ASSERT_TRUE(host::run_until(loop, are_durable));
    for (Replica* replica : replicas) replica->checkpointer.reset();
  }
  static Replicas restored(env::CheckpointStore& store) {
    Replicas replicas = empty_replicas();
    for (const auto& replica : replicas) {
      const auto meta = storage::load_checkpoint(store, replica->group);
      EXPECT_TRUE(meta.ok() && *meta);
      const Status filled = storage::restore_checkpoint(store, **meta, *replica->state);
      EXPECT_TRUE(filled.ok()) << filled.error().message;
    }
    return replicas;
  }

  host::ScratchDirectory directory;
  host::EventLoop loop;
};

TEST_F(ArcsOnDisk, OneGroupFlushedAndCheckpointedLeavesTheDigestsOfTheOthers) {
  Replicas replicas = empty_replicas();
  std::vector<Replica*> all;
  for (const auto& replica : replicas) all.push_back(replica.get());
  for (int i = 0; i < 4000; ++i) {
    const std::string key = "key" + std::to_string(i);
    replicas[kv::slot_of(key) / kSlotsEach]->apply(kv::CommandId::kSet, {key, "value"});
  }
  std::vector<uint64_t> digests;
  {
    const auto store = open();
    checkpoint(*store, all);
    for (const Replica* replica : all) digests.push_back(replica->state->digest());
    EXPECT_EQ(store->level_0_files(), 0u);
    Replica& flushed = *replicas[3];
    EXPECT_GT(flushed.state->key_count(), 100u);
    flushed.apply(kv::CommandId::kFlushAll, {});
    checkpoint(*store, {&flushed});
    digests[3] = flushed.state->digest();
  }
  const auto store = open();
  const Replicas again = restored(*store);
  for (uint32_t i = 0; i < kGroups; ++i) {
    EXPECT_EQ(again[i]->state->digest(), digests[i]) << i;
    EXPECT_EQ(again[i]->state->key_count() > 0, i != 3) << i;
  }
}

}  // namespace
}  // namespace torc::server
