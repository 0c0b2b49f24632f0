// Entries and reads in pieces are what they are as a whole, and half of one is nothing that anybody may see.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/prng.h"
#include "kv/batch.h"
#include "kv/command_script.h"
#include "kv/position.h"
#include "kv/state_machine.h"

namespace torc::kv {
namespace {

constexpr size_t kManyKeys = 5 * kKeysPerStep + 7;
constexpr WallMs kNow{1'700'000'000'000};

/// Keeps each operation's reply.
class Replies final : public ReplyRouter {
 public:
  ReplySink& sink_for(size_t position) override {
    if (sinks_.size() <= position) sinks_.resize(position + 1);
    return sinks_[position];
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const TextSink& sink : sinks_) texts.push_back(sink.text());
    return texts;
  }

 private:
  std::vector<TextSink> sinks_;
};

struct Words {
  std::vector<std::string> words;
  std::vector<std::string_view> views() const { return {words.begin(), words.end()}; }
};

/// So many keys of `kinds`, from a random one on; their values too, if it takes any.
Words keys_of(Prng& prng, size_t count, size_t kinds, bool has_values, const std::string& tag) {
  Words out;
  const uint64_t first = prng.below(kinds);
  for (size_t i = 0; i < count; ++i) {
    out.words.push_back(tag + std::to_string((first + i) % kinds));
    if (has_values) out.words.push_back("v" + std::to_string(prng.below(100)));
  }
  return out;
}

/// A few operations, most of them with very many keys.
std::string random_entry(Prng& prng, uint64_t& sequence, WallMs stamp) {
  constexpr CommandId kCommands[] = {CommandId::kMSet,   CommandId::kMSetNx, CommandId::kDel, CommandId::kUnlink,
                                     CommandId::kExists, CommandId::kMGet,   CommandId::kSet};
  BatchBuilder batch(0);
  for (uint64_t n = 1 + prng.below(3); n > 0; --n) {
    const CommandId id = kCommands[prng.below(std::size(kCommands))];
    const bool has_values = id == CommandId::kMSet || id == CommandId::kMSetNx;
    const std::string tag = prng.below(4) == 0 ? "elsewhere{b}" : "here{a}";
    Words words = keys_of(prng, 1 + prng.below(kManyKeys), 2 * kManyKeys, has_values, tag);
    if (id == CommandId::kSet) words.words = {words.words[0], "v", "PX", std::to_string(1 + prng.below(1000))};
    if (has_values && prng.below(8) == 0) words.words.pop_back();  // no pairs
    SessionCall call{.session = {1, 2}, .sequence = ++sequence, .is_first_send = true};
    if (prng.below(4) == 0 && sequence > 2) call.sequence -= 2;  // once more, or never before
    prng.below(2) == 0 ? batch.add({id, words.views()}, &call) : batch.add({id, words.views()});
  }
  return batch.take(stamp);
}

TEST(Pieces, AnEntryInPiecesGivesTheSameStateAndReplies) {
  const uint32_t here = slot_of("{a}");
  const Arc half = here < kSlotCount / 2 ? Arc{0, kSlotCount / 2} : Arc{kSlotCount / 2, kSlotCount};
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    Prng prng(seed);
    const StateMachineOptions options{seed, seed % 2 == 0 ? Arc{} : half};
    StateMachine whole(options);
    StateMachine pieces(options);
    uint64_t sequence = 0;
    for (uint64_t i = 1; i <= 40; ++i) {
      const std::string entry = random_entry(prng, sequence, WallMs{kNow.ms + static_cast<int64_t>(i) * 100});
      Replies replies;
      ASSERT_TRUE(whole.apply(LogIndex(i), entry, replies).ok());
      Replies in_pieces;
      ASSERT_TRUE(pieces.begin_entry(LogIndex(i), entry).ok());
      for (bool is_applied = false; !is_applied;) {
        EXPECT_TRUE(pieces.is_within_entry());
        EXPECT_EQ(pieces.applied(), LogIndex(i - 1)) << "half an entry is no index";
        const auto applied = pieces.apply_on(in_pieces, 1);
        ASSERT_TRUE(applied.ok());
        is_applied = *applied;
      }
      EXPECT_FALSE(pieces.is_within_entry());
      ASSERT_EQ(in_pieces.texts(), replies.texts()) << "seed " << seed << ", entry " << i;
      ASSERT_EQ(pieces.digest(), whole.digest()) << "seed " << seed << ", entry " << i;
    }
  }
}

TEST(Pieces, ALongCommandTakesSeveralPiecesAndASmallOneDoesNot) {
  Prng prng(1);
  ScriptMachine node;
  BatchBuilder batch(0);
  const Words many = keys_of(prng, kManyKeys, kManyKeys, true, "k");
  batch.add({CommandId::kMSet, many.views()});
  const std::string entry = batch.take(kNow);
  ASSERT_TRUE(node.machine.begin_entry(LogIndex(1), entry).ok());
  Replies replies;
  size_t pieces = 1;
  while (!*node.machine.apply_on(replies, 1)) ++pieces;
  EXPECT_GE(pieces, kManyKeys / kKeysPerStep);
  EXPECT_EQ(replies.texts(), std::vector<std::string>{"+OK\n"});
  EXPECT_EQ(node.machine.key_count(), kManyKeys);
}

TEST(Pieces, AReadInPiecesAnswersAsAWholeOne) {
  Prng prng(7);
  ScriptMachine node;
  node.apply({CommandId::kMSet, keys_of(prng, kManyKeys, kManyKeys, true, "k").views()});
  node.run("SET short 1 PX 100");
  for (const CommandId id : {CommandId::kExists, CommandId::kMGet}) {
    const Words many = keys_of(prng, kManyKeys, 2 * kManyKeys, false, "k");
    const std::vector<std::string_view> views = many.views();
    ASSERT_TRUE(StateMachine::is_long_read({id, views}));
    TextSink whole;
    EXPECT_EQ(node.machine.read({id, views}, node.now, whole), ReadResult::kAnswered);
    TextSink in_pieces;
    Progress progress;
    size_t pieces = 0;
    ReadResult result = ReadResult::kUnfinished;
    while (result == ReadResult::kUnfinished) {
      EXPECT_EQ(in_pieces.text(), "");
      uint64_t work = 1;
      result = node.machine.read_on({id, views}, node.now, progress, in_pieces, work);
      ++pieces;
    }
    EXPECT_EQ(result, ReadResult::kAnswered);
    EXPECT_EQ(in_pieces.text(), whole.text());
    EXPECT_GE(pieces, kManyKeys / kKeysPerStep);
  }
  EXPECT_FALSE(StateMachine::is_long_read({CommandId::kDel, keys_of(prng, kManyKeys, 9, false, "k").views()}));
  EXPECT_FALSE(StateMachine::is_long_read({CommandId::kExists, keys_of(prng, 10, 9, false, "k").views()}));
}

TEST(Pieces, ALongReadOfAnExpiredKeyNeedsACommit) {
  Prng prng(7);
  ScriptMachine node;
  node.run("SET k5000 1 PX 100");
  const Words many = keys_of(prng, kManyKeys, kManyKeys, false, "k");
  const std::vector<std::string_view> views = many.views();
  TextSink sink;
  Progress progress;
  uint64_t work = UINT64_MAX;
  EXPECT_EQ(node.machine.read_on({CommandId::kExists, views}, WallMs{node.now.ms + 100}, progress, sink, work),
            ReadResult::kNeedsCommit);
  EXPECT_EQ(sink.text(), "");
  node.now.ms += 100;
  EXPECT_EQ(node.apply({CommandId::kExists, views}), ":0\n");
  EXPECT_EQ(node.machine.key_count(), 0u) << "the read, as an entry, deletes";
}

}  // namespace
}  // namespace torc::kv
