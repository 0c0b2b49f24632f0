#include "check/checker.h"

#include <gtest/gtest.h>

#include "check/drawing.h"
#include "check/history_text.h"

namespace torc::check {
namespace {

using namespace testing;  // NOLINT: the vocabulary of this file

Report check(const History& history) {
  Result<Report> report = check_history(history);
  EXPECT_TRUE(report.ok()) << report.error().message;
  return *report;
}
bool is_linearizable(const History& history) { return check(history).verdict == Verdict::kLinearizable; }
std::string reason(const History& history) {
  const Report report = check(history);
  return report.violation ? report.violation->reason : "none";
}

TEST(Checker, EmptyHistoryIsLinearizable) { EXPECT_TRUE(is_linearizable({})); }

TEST(Checker, ConcurrentReadMayReturnOldOrNewValue) {
  for (const char* value : {"1", "2"}) {
    EXPECT_TRUE(is_linearizable({set(0, 0, 10, "1").ok(), set(0, 20, 40, "2").ok(), get(1, 25, 30).returns(value)}));
  }
}

TEST(Checker, StaleReadIsRefusedAndExplained) {
  const History history = {set(0, 0, 10, "1").ok(), set(0, 20, 30, "2").ok(), get(2, 40, 50).returns("1")};
  const Report report = check(history);
  ASSERT_EQ(report.verdict, Verdict::kNotLinearizable);
  EXPECT_EQ(report.violation->reason,
            "get by client 2 returned \"1\", but set \"2\" by client 0 had completed before it began");
  EXPECT_EQ(report.violation->stuck, 2u);
}

TEST(Checker, TwoReadsMaySeeConcurrentWritesInOneOrderOnly) {
  EXPECT_TRUE(is_linearizable({set(0, 0, 100, "1").ok(), get(1, 10, 20).returns_nil(), get(1, 30, 40).returns("1")}));
  EXPECT_FALSE(is_linearizable({set(0, 0, 100, "1").ok(), get(1, 10, 20).returns("1"), get(2, 30, 40).returns_nil()}));
}

TEST(Checker, LostUpdateIsRefused) {
  const History history = {set(0, 0, 5, "0").ok(), incr(1, 10, 30).returns(1), incr(2, 10, 30).returns(1)};
  EXPECT_FALSE(is_linearizable(history));
  EXPECT_FALSE(is_linearizable(
      {set(0, 0, 5, "0").ok(), cas(1, 10, 30, "0", "x").returns(1), cas(2, 10, 30, "0", "y").returns(1)}));
  EXPECT_TRUE(is_linearizable(
      {set(0, 0, 5, "0").ok(), cas(1, 10, 30, "0", "x").returns(1), cas(2, 10, 30, "0", "y").returns(int64_t{0})}));
}

TEST(Checker, DuplicateAppendIsRefused) {
  EXPECT_EQ(reason({append(0, 0, 10, "ab").returns(2), get(1, 20, 30).returns("abab")}),
            "get by client 1 returned \"abab\", but in every order the value before it is \"ab\", so it would have "
            "returned \"ab\"");
  EXPECT_FALSE(is_linearizable({append(0, 0, 10, "ab").returns(2), append(0, 20, 30, "c").returns(5)}));
}

TEST(Checker, ReadOfARefusedWriteIsRefused) {
  EXPECT_EQ(reason({set(0, 0, 10, "1").fails("ERR disk full"), get(1, 20, 30).returns("1")}),
            "get by client 1 returned \"1\", but only set \"1\" by client 0 wrote that, and it was refused (error "
            "\"ERR disk full\")");
}

TEST(Checker, ReadOfAValueNobodyWroteIsRefused) {
  EXPECT_EQ(reason({set(0, 0, 10, "1").ok(), get(1, 20, 30).returns("7")}),
            "get by client 1 returned \"7\", but nothing that began before it ended writes that");
}

TEST(Checker, UnansweredWriteMayHappenLateOrNeverButNotTwice) {
  const Op write = set(0, 0, 0, "x").unanswered();
  EXPECT_TRUE(is_linearizable({write, get(1, 10, 20).returns_nil(), get(1, 30, 40).returns("x")}));
  EXPECT_TRUE(is_linearizable({write, get(1, 10, 20).returns_nil(), get(1, 30, 40).returns_nil()}));
  EXPECT_TRUE(is_linearizable({write, set(1, 10, 20, "y").ok(), get(1, 30, 40).returns("x")}));
  EXPECT_FALSE(is_linearizable({write, get(1, 10, 20).returns("x"), set(1, 30, 40, "y").ok(),
                                get(1, 50, 60).returns("y"), get(1, 70, 80).returns("x")}));
  EXPECT_FALSE(is_linearizable({get(1, 10, 20).returns("x"), set(0, 30, 0, "x").unanswered()}));
}

TEST(Checker, UnansweredAppendMayBeSeenThroughALength) {
  const Op lost = append(0, 0, 0, "abc").unanswered();
  EXPECT_TRUE(is_linearizable({lost, append(1, 10, 20, "d").returns(4), get(1, 30, 40).returns("abcd")}));
  EXPECT_TRUE(is_linearizable({lost, append(1, 10, 20, "d").returns(1), get(1, 30, 40).returns("dabc")}));
  EXPECT_FALSE(is_linearizable({lost, append(1, 10, 20, "d").returns(4), get(1, 30, 40).returns("dabc")}));
}

TEST(Checker, SetsReplacedUnseenNeedNoPlaceOfTheirOwn) {
  History history;
  for (uint32_t client = 0; client < 40; ++client) history.push_back(set(client, 0, 100, std::to_string(client)).ok());
  history.push_back(get(50, 110, 120).returns("17"));
  EXPECT_TRUE(is_linearizable(history));
  history.push_back(get(50, 130, 140).returns("18"));
  EXPECT_FALSE(is_linearizable(history));
}

TEST(Checker, IncrementErrorsTellAboutTheValue) {
  const Op refused = incr(1, 20, 30).fails("ERR value is not an integer or out of range");
  EXPECT_TRUE(is_linearizable({set(0, 0, 10, "x").ok(), refused}));
  EXPECT_TRUE(is_linearizable({set(0, 0, 10, "007").ok(), refused}));
  EXPECT_FALSE(is_linearizable({set(0, 0, 10, "7").ok(), refused}));
  const Op overflow = incr(1, 20, 30).fails("ERR increment or decrement would overflow");
  EXPECT_TRUE(is_linearizable({set(0, 0, 10, "9223372036854775807").ok(), overflow}));
  EXPECT_FALSE(is_linearizable({set(0, 0, 10, "9223372036854775806").ok(), overflow}));
}

TEST(Checker, KeysAreIndependentAndTheEarliestViolationIsReported) {
  const History history = {get(0, 0, 10).returns("late").on("b"), get(1, 0, 5).returns("early").on("c"),
                           set(2, 0, 10, "1").ok()};
  const Report report = check(history);
  EXPECT_EQ(report.keys, 3u);
  EXPECT_EQ(report.keys_without_order, 2u);
  EXPECT_EQ(report.violation->key, "c");
}

TEST(Checker, OperationsThatTouchAreConcurrentUnlessTheyAreOneClients) {
  EXPECT_TRUE(is_linearizable({set(0, 0, 10, "1").ok(), get(1, 10, 20).returns_nil()}));
  EXPECT_FALSE(is_linearizable({set(0, 0, 10, "1").ok(), get(0, 10, 20).returns_nil()}));
  EXPECT_FALSE(is_linearizable({set(0, 5, 5, "1").ok(), set(0, 5, 5, "2").ok(), get(0, 5, 5).returns("1")}));
}

TEST(Checker, ImpossibleHistoriesAreBadInput) {
  const auto error = [](const History& history) {
    const Result<Report> report = check_history(history);
    return report.ok() ? "accepted" : report.error().message;
  };
  EXPECT_EQ(error({get(0, 10, 5).returns_nil()}), "operation 1: ends before it starts");
  EXPECT_EQ(
      error({get(0, 0, 10).returns_nil(), get(0, 9, 20).returns_nil()}),
      "operation 2: client 0 starts it while its operation 1 is still under way; give concurrent operations clients "
      "of their own");
  EXPECT_EQ(error({set(0, 0, 10, "1").returns("NO")}), "operation 1: the result of set must be \"OK\"");
  EXPECT_EQ(error({del(0, 0, 10).returns(2)}), "operation 1: the result of del must be 0 or 1");
  EXPECT_EQ(error({set(0, 0, 10, "1").unanswered(), get(0, 5, 9).returns_nil()}), "accepted");
}

TEST(Checker, GivesUpWhenThereAreTooManyConfigurations) {
  History history;
  std::string value;
  for (uint32_t client = 0; client < 12; ++client) {
    history.push_back(append(client, 0, 0, std::string(1, static_cast<char>('a' + client))).unanswered());
  }
  history.push_back(append(20, 10, 20, "!").returns(7));
  CheckOptions options;
  options.configurations_max = 1000;
  const Result<Report> report = check_history(history, options);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->verdict, Verdict::kUndecided);
  EXPECT_EQ(report->undecided_keys, std::vector<std::string>{"a"});
}

TEST(Checker, ViolationKeepsOnlyWhatIsNeededToSeeIt) {
  History history;
  int64_t now = 0;
  for (int i = 0; i < 200; ++i, now += 10) {
    history.push_back(set(0, now, now + 5, "v" + std::to_string(i)).ok());
    history.push_back(get(1, now + 6, now + 8).returns(("v" + std::to_string(i)).c_str()));
  }
  const size_t last_set = history.size() - 2;
  history.push_back(get(3, now, now + 5).returns("v190"));
  const Report report = check(history);
  ASSERT_EQ(report.verdict, Verdict::kNotLinearizable);
  ASSERT_LE(report.violation->operations.size(), 3u);
  EXPECT_EQ(report.violation->operations.back(), history.size() - 1);
  EXPECT_GE(report.violation->operations.front(), last_set - 20);
}

TEST(Drawing, ShowsBarsByClientAndTheReason) {
  const History history = {set(0, 0, 1000, "1").ok(), set(0, 2000, 3000, "2").ok(), get(2, 4000, 5000).returns("1"),
                           append(1, 500, 500, "zz").unanswered()};
  const Report report = check(history);
  ASSERT_TRUE(report.violation.has_value());
  EXPECT_EQ(draw(history, *report.violation), R"(  before: "a" is absent

  client 0  set "1" -> OK            |===========|
  client 0  set "2" -> OK                                    |===========|
  client 2  get -> "1"                                                               |===========|  <-- impossible
                                     +-----------+-----------+-----------+-----------+-----------+----------->
  time (order exact, not to scale)   0ns         1000ns      2000ns      3000ns      4000ns      5000ns

  Why: get by client 2 returned "1", but set "2" by client 0 had completed before it began.
)");
}

}  // namespace
}  // namespace torc::check
