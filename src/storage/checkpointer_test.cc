#include "storage/checkpointer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/codec.h"
#include "base/crc32c.h"
#include "base/prng.h"
#include "kv/batch.h"
#include "sim/checkpoint_store.h"

namespace torc::storage {
namespace {

constexpr GroupId kGroup{7};

class NoReplies : public kv::ReplyRouter {
 public:
  kv::ReplySink& sink_for(size_t) override { return sink_; }

 private:
  kv::NullSink sink_;
};

/// A state machine and its checkpoints.
struct Story {
  explicit Story(uint64_t seed) : prng(seed) { restart(); }

  void restart() {
    checkpointer.reset();
    state = std::make_unique<kv::StateMachine>(kv::StateMachineOptions{prng.next()});
    auto meta = load_checkpoint(store, kGroup);
    ASSERT_TRUE(meta.ok()) << meta.error().message;
    if (meta->has_value()) {
      const Status restored = restore_checkpoint(store, **meta, *state);
      ASSERT_TRUE(restored.ok()) << restored.error().message;
      ASSERT_EQ(state->applied(), (*meta)->index);
    }
    checkpointer = std::make_unique<Checkpointer>(
        store, kGroup, *state, [this](const Checkpointer::Outcome& outcome) { outcomes.push_back(outcome); });
  }
  void set(const std::string& key, const std::string& value) { apply(kv::CommandId::kSet, {"SET", key, value}); }
  void erase(const std::string& key) { apply(kv::CommandId::kDel, {"DEL", key}); }
  void apply(kv::CommandId id, const std::vector<std::string_view>& words) {
    kv::BatchBuilder batch(0);
    const std::vector<std::string_view> args(words.begin() + 1, words.end());
    batch.add({id, args});
    NoReplies replies;
    const Status applied = state->apply(state->applied() + 1, batch.take(WallMs{1000}), replies);
    ASSERT_TRUE(applied.ok()) << applied.error().message;
  }
  void start() { checkpointer->start(Term(3), configuration); }

  Prng prng;
  sim::CheckpointStore store;
  const consensus::Configuration configuration{{{NodeId(1), ReplicaNumber(11)}}, {}, {}};
  std::unique_ptr<kv::StateMachine> state;
  std::unique_ptr<Checkpointer> checkpointer;
  std::vector<Checkpointer::Outcome> outcomes;
};

TEST(Checkpointer, ANewStoreHasNoCheckpoint) {
  sim::CheckpointStore store;
  EXPECT_EQ(load_checkpoint(store, kGroup).value(), std::nullopt);
}

TEST(Checkpointer, ACheckpointOfAnEarlierFormatIsNotTakenForDamage) {
  Story story(1);
  const CheckpointMeta meta{kGroup, {}, LogIndex(5), Term(2), story.configuration, "header"};
  std::string record = encode_checkpoint_meta(meta);
  record[4] = 1;
  store_u32(record.data(), crc32c(std::string_view(record).substr(4)));
  const auto writer = story.store.begin();
  writer->put(checkpoint_meta_key(kGroup), record);
  writer->put("\1an image as it was then", "v");
  writer->commit([](const Status&) {});
  ASSERT_TRUE(story.store.run_all());
  const auto loaded = load_checkpoint(story.store, kGroup);
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code, ErrorCode::kVersion);
}

TEST(Checkpointer, StateAndItsIndexComeBackTogether) {
  Story story(1);
  story.set("a", "1");
  story.set("b", "2");
  const uint64_t digest = story.state->digest();
  story.start();
  story.set("a", "later");  // not part of the checkpoint
  while (story.checkpointer->step(1)) {
  }
  EXPECT_TRUE(story.checkpointer->is_running());
  EXPECT_TRUE(story.outcomes.empty()) << "nothing is promised before the commit is durable";
  ASSERT_TRUE(story.store.run_all());
  ASSERT_EQ(story.outcomes.size(), 1u);
  EXPECT_TRUE(story.outcomes[0].status.ok());
  EXPECT_EQ(story.outcomes[0].index, LogIndex(2));
  EXPECT_EQ(story.outcomes[0].term, Term(3));
  EXPECT_FALSE(story.checkpointer->is_running());

  story.restart();
  const auto meta = load_checkpoint(story.store, kGroup).value();
  ASSERT_TRUE(meta.has_value());
  EXPECT_EQ(meta->group, kGroup);
  EXPECT_EQ(meta->term, Term(3));
  EXPECT_EQ(meta->configuration, story.configuration);
  EXPECT_EQ(story.state->applied(), LogIndex(2));
  EXPECT_EQ(story.state->digest(), digest);
}

TEST(Checkpointer, AFailedCommitLeavesTheFormerCheckpointAndTheChangesForTheNext) {
  Story story(2);
  story.set("a", "1");
  story.start();
  story.store.fail_next_commit(ErrorCode::kDiskFull);
  while (story.checkpointer->step(1000)) {
  }
  story.store.run_all();
  ASSERT_EQ(story.outcomes.size(), 1u);
  EXPECT_EQ(story.outcomes[0].status.error().code, ErrorCode::kDiskFull);
  EXPECT_EQ(load_checkpoint(story.store, kGroup).value(), std::nullopt);
  const uint64_t digest = story.state->digest();
  story.start();
  while (story.checkpointer->step(1000)) {
  }
  story.store.run_all();
  ASSERT_TRUE(story.outcomes.at(1).status.ok());
  story.restart();
  EXPECT_EQ(story.state->digest(), digest);
}

TEST(Checkpointer, ACallbackOfADestroyedOneDoesNotRun) {
  Story story(3);
  story.set("a", "1");
  story.start();
  while (story.checkpointer->step(1000)) {
  }
  story.checkpointer.reset();
  story.store.run_all();
  EXPECT_TRUE(story.outcomes.empty());
}

TEST(Checkpointer, WhateverTheMomentOfACrashTheStateIsExactlyThatOfSomeDurableIndex) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    Story story(seed);
    std::map<uint64_t, uint64_t> digests;  // by index, of the current history
    digests[0] = story.state->digest();
    LogIndex durable;
    for (int step = 0; step < 200; ++step) {
      const std::string key = "k" + std::to_string(story.prng.below(20));
      switch (story.prng.below(8)) {
        case 0:
          story.erase(key);
          break;
        case 1:
          if (!story.checkpointer->is_running()) story.start();
          break;
        case 2:
        case 3:
          story.checkpointer->step(1 + story.prng.below(200));
          break;
        case 4:
          if (story.prng.chance(1, 5)) story.store.fail_next_commit(ErrorCode::kDiskFull);
          story.store.run_all();
          break;
        case 5:
          if (!story.prng.chance(1, 10)) break;
          story.store.crash(story.prng);
          story.restart();
          ASSERT_FALSE(HasFatalFailure());
          ASSERT_GE(story.state->applied(), durable);
          ASSERT_EQ(story.state->digest(), digests.at(story.state->applied().value));
          break;
        default:
          story.set(key, std::to_string(story.prng.next()));
          break;
      }
      digests[story.state->applied().value] = story.state->digest();
      if (!story.outcomes.empty() && story.outcomes.back().status.ok()) durable = story.outcomes.back().index;
    }
  }
}

TEST(CheckpointFormat, MetaKeysSortBeforeData) {
  EXPECT_LT(checkpoint_meta_key(GroupId(1)), checkpoint_meta_key(GroupId(256)));
  EXPECT_LT(checkpoint_meta_key(GroupId(UINT64_MAX)), std::string(1, static_cast<char>(kv::kKeyspaceLinearizable)));
}

TEST(CheckpointFormat, EveryFlippedBitAndEveryTruncationIsRefused) {
  const CheckpointMeta meta{kGroup,  {16, 32}, LogIndex(5), Term(2), {{{NodeId(1), ReplicaNumber(11)}}, {}, {}},
                            "header"};
  const std::string value = encode_checkpoint_meta(meta);
  ASSERT_EQ(decode_checkpoint_meta(value).value(), meta);
  for (size_t bit = 0; bit < value.size() * 8; ++bit) {
    std::string damaged = value;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    const auto decoded = decode_checkpoint_meta(damaged);
    ASSERT_FALSE(decoded.ok()) << bit;
    ASSERT_EQ(decoded.error().code, ErrorCode::kCorrupt);
  }
  for (size_t bytes = 0; bytes < value.size(); ++bytes)
    ASSERT_FALSE(decode_checkpoint_meta(value.substr(0, bytes)).ok());
}

}  // namespace
}  // namespace torc::storage
