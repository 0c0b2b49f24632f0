// Objects that stand for many keys, and long values in short.
#include "sim/deed.h"

#include <gtest/gtest.h>

#include "check/filler.h"

namespace torc::sim {
namespace {

check::Operation operation(check::OperationKind kind, std::string key, std::string value = "") {
  check::Operation made;
  made.kind = kind;
  made.key = std::move(key);
  made.value = std::move(value);
  return made;
}

TEST(Deed, ABundleIsWrittenReadAndDeletedAsManyKeys) {
  const std::string name = bundle_name(7, 3);
  const Command set = command_of(operation(check::OperationKind::kSet, name, "v"));
  EXPECT_EQ(set.id, kv::CommandId::kMSet);
  EXPECT_EQ(set.args, (std::vector<std::string>{"{b7}0", "v", "{b7}1", "v", "{b7}2", "v"}));
  EXPECT_EQ(command_of(operation(check::OperationKind::kGet, name)).id, kv::CommandId::kMGet);
  EXPECT_EQ(command_of(operation(check::OperationKind::kDel, name)).args.size(), 3u);
  EXPECT_FALSE(keys_of_bundle("k7"));
}

TEST(Deed, LongValuesAreSentInFullAndKeptInShort) {
  const std::string value = check::filled("c1.1;", 100'000);
  const Command set = command_of(operation(check::OperationKind::kSet, "k", value));
  ASSERT_EQ(set.args.size(), 2u);
  EXPECT_EQ(set.args[1].size(), 100'005u);
  OutcomeSink sink;
  sink.begin(1);
  sink.bulk(set.args[1]);
  EXPECT_TRUE(sink.is_complete());
  EXPECT_EQ(sink.bytes(), 100'005u);
  EXPECT_EQ(sink.take().outcome, check::Outcome::of_text(value));
}

TEST(Deed, AnAnswerAboutManyKeysIsThatOfOneIfAllAgree) {
  OutcomeSink sink;
  for (const bool exists : {true, false}) {
    sink.begin(3);
    sink.array(3);
    for (int i = 0; i < 3; ++i) exists ? sink.bulk("v") : sink.nil();
    EXPECT_TRUE(sink.is_complete());
    EXPECT_EQ(sink.take().outcome, exists ? check::Outcome::of_text("v") : check::Outcome::nil());
    sink.begin(3);
    sink.integer(exists ? 3 : 0);
    EXPECT_EQ(sink.take().outcome, check::Outcome::of_integer(exists ? 1 : 0));
  }
}

TEST(Deed, KeysThatDifferReadAsSomethingNobodyWrote) {
  OutcomeSink sink;
  sink.begin(3);
  sink.array(3);
  sink.bulk("old");
  sink.bulk("new");
  sink.nil();
  EXPECT_TRUE(sink.is_complete());
  const check::Outcome mixed = sink.take().outcome;
  EXPECT_EQ(mixed.kind, check::Outcome::Kind::kText);
  EXPECT_NE(mixed.text, "old");
  EXPECT_NE(mixed.text, "new");
  sink.begin(3);
  sink.integer(2);
  EXPECT_EQ(sink.take().outcome.kind, check::Outcome::Kind::kText) << "no answer to a DEL";
}

TEST(Deed, TwoRepliesNoneOrHalfAnArrayAreNoAnswer) {
  OutcomeSink sink;
  sink.begin(1);
  EXPECT_FALSE(sink.is_complete());
  sink.ok();
  EXPECT_TRUE(sink.is_complete());
  sink.ok();
  EXPECT_FALSE(sink.is_complete());
  sink.begin(2);
  sink.array(2);
  sink.nil();
  EXPECT_FALSE(sink.is_complete());
  sink.begin(2);
  sink.array(3);
  EXPECT_FALSE(sink.is_complete());
}

TEST(Deed, TheDoorLetsInWhatIsAtTheLimitsAndNothingBeyond) {
  const std::string longest_key(65'535, 'k');
  const std::string longest_value(32u << 20, 'v');
  const auto let_in = [](kv::CommandId id, std::vector<std::string_view> args) {
    OutcomeSink refusal;
    refusal.begin(1);
    const bool is_in = is_let_in({id, args}, refusal);
    EXPECT_EQ(is_in, !refusal.is_complete()) << "refused with an error, or let in without a word";
    return is_in;
  };
  const std::string too_long_key = longest_key + "k";
  const std::string too_long_value = longest_value + "v";
  EXPECT_TRUE(let_in(kv::CommandId::kSet, {longest_key, longest_value}));
  EXPECT_FALSE(let_in(kv::CommandId::kSet, {too_long_key, "v"}));
  EXPECT_FALSE(let_in(kv::CommandId::kSet, {"k", too_long_value}));
  EXPECT_FALSE(let_in(kv::CommandId::kMSet, {"a", longest_value, "b", longest_value}));
}

}  // namespace
}  // namespace torc::sim
