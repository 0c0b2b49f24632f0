#include "check/history_format.h"

#include <gtest/gtest.h>

#include "check/history_text.h"

namespace torc::check {
namespace {

using namespace testing;  // NOLINT: the vocabulary of this file

std::string error_of(std::string_view text) {
  const Result<History> history = parse_history(text);
  return history.ok() ? "accepted" : history.error().message;
}

TEST(HistoryFormat, ReadsTheExampleOfTheDocumentation) {
  const auto history =
      parse_history(R"({"client":3,"op":"set","key":"a","args":["1"],"result":"OK","start_ns":10,"end_ns":25})");
  ASSERT_TRUE(history.ok()) << history.error().message;
  EXPECT_EQ(*history, History{set(3, 10, 25, "1").ok()});
}

TEST(HistoryFormat, ReadsWhatItWrote) {
  Op by_five = incr(1, 9, 10);
  by_five.delta = -5;
  const History history = {
      get(0, 0, 1).returns_nil(),       get(0, 2, 3).returns("\"quoted\"\n\u00e9"), set(1, 0, 0, "x").unanswered(),
      append(1, 4, 5, "ab").returns(2), cas(2, 0, 7, "ab", "c").returns(1),         del(2, 8, 9).returns(int64_t{0}),
      std::move(by_five).returns(-5),   set(3, 1, 2, "y").fails("ERR disk full"),   get(4, -5, -3).returns("OK"),
  };
  const auto text = format_history(history);
  ASSERT_TRUE(text.ok());
  const auto again = parse_history(*text);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(*again, history);
}

TEST(HistoryFormat, NullWithoutEndIsUnknownAndWithEndIsNil) {
  const auto history = parse_history(
      "{\"client\":1,\"op\":\"del\",\"key\":\"a\",\"result\":null,\"start_ns\":1}\n\n"
      "{\"client\":1,\"op\":\"get\",\"key\":\"a\",\"args\":[],\"result\":null,\"start_ns\":2,\"end_ns\":3}\r\n");
  ASSERT_TRUE(history.ok()) << history.error().message;
  EXPECT_EQ(history->at(0).outcome, Outcome::unknown());
  EXPECT_EQ(history->at(1).outcome, Outcome::nil());
}

TEST(HistoryFormat, UnknownErrorIsAnUnknownOutcome) {
  const auto history = parse_history(
      R"({"client":1,"op":"del","key":"a","result":{"error":"UNKNOWN session expired"},"start_ns":1,"end_ns":2})");
  ASSERT_TRUE(history.ok()) << history.error().message;
  EXPECT_EQ(history->at(0).outcome, Outcome::unknown());
  EXPECT_FALSE(history->at(0).end_ns.has_value());
}

TEST(HistoryFormat, BadInputIsNamedByItsLine) {
  const std::string good = R"({"client":1,"op":"get","key":"a","result":null,"start_ns":1,"end_ns":2})";
  EXPECT_EQ(error_of(good + "\n[]"), "line 2: a line must be one JSON object");
  EXPECT_EQ(error_of("\n" + good + "x"), "line 2: not JSON at column 72 ('2}x'; expected end of input)");
  EXPECT_EQ(error_of("{}"), "line 1: \"client\" is missing");
  EXPECT_EQ(error_of(R"({"client":1,"client":2})"), "line 1: \"client\" appears twice");
  EXPECT_EQ(error_of(R"({"clint":1})"), "line 1: unknown field \"clint\"");
  EXPECT_EQ(error_of(R"({"client":-1})"), "line 1: \"client\" must be between 0 and 4294967295");
  EXPECT_EQ(error_of(R"({"client":1.5})"), "line 1: numbers must be whole");
  EXPECT_EQ(error_of(R"({"client":"1"})"), "line 1: a string does not belong into \"client\"");
  EXPECT_EQ(error_of(R"({"start_ns":9223372036854775808})"), "line 1: a number is too large");
  EXPECT_EQ(error_of(R"({"op":"push"})"),
            "line 1: unknown \"op\": \"push\" (get set setnx getset getdel del append cas incr)");
  EXPECT_EQ(error_of(R"({"client":1,"op":"set","key":"a","args":["1","2"],"result":"OK","start_ns":1,"end_ns":2})"),
            "line 1: set takes one string in \"args\"");
  EXPECT_EQ(error_of(R"({"client":1,"op":"set","key":"a","args":["1"],"result":"OK","start_ns":1})"),
            "line 1: has an outcome but no end");
  EXPECT_EQ(error_of(R"({"client":1,"op":"get","key":"a","result":null,"start_ns":3,"end_ns":2})"),
            "line 1: ends before it starts");
  EXPECT_EQ(error_of(R"({"client":1,"op":"get","key":"a","result":{"err":"x"},"start_ns":3,"end_ns":4})"),
            "line 1: an object as \"result\" must be {\"error\":\"...\"}");
}

TEST(HistoryFormat, DeeplyNestedInputIsRefusedWithoutRecursion) {
  EXPECT_EQ(error_of("{\"args\":" + std::string(100000, '[')), "line 1: an array does not belong into \"args\"");
}

TEST(HistoryFormat, TextThatIsNotUtf8CannotBeWritten) {
  EXPECT_FALSE(format_history({set(0, 0, 1, "\xff").ok()}).ok());
}

}  // namespace
}  // namespace torc::check
