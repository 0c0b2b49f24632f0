#include "check/filler.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "check/checker.h"
#include "check/state_space.h"

namespace torc::check {
namespace {

TEST(Filler, TheShortFormOfWhatAShortFormStandsForIsThatShortForm) {
  for (const uint64_t bytes : {0u, 1u, 7u, 8u, 9u, 64u, 1'000'003u}) {
    const std::string text = filled("c1.7;", bytes);
    EXPECT_LT(text.size(), 20u);
    EXPECT_EQ(expanded_bytes(text), 5 + bytes);
    EXPECT_EQ(expanded(text).size(), 5 + bytes);
    EXPECT_EQ(shortened(expanded(text)), text);
  }
}

TEST(Filler, PiecesOneBehindTheOtherStayWhatTheyAre) {
  std::string text;
  for (uint64_t bytes = 780; bytes < 820; ++bytes) text += filled("c" + std::to_string(bytes) + ";", bytes);
  EXPECT_EQ(shortened(expanded(text)), text);
}

TEST(Filler, ALostADoubledAndAMisplacedPieceAreNoticed) {
  const std::string text = filled("c1.7;", 4096);
  const std::string bytes = expanded(text);
  EXPECT_NE(shortened(bytes.substr(0, 1000) + bytes.substr(1008)), text);
  EXPECT_NE(shortened(bytes.substr(0, 1000) + bytes.substr(992)), text);
  std::string swapped = bytes;
  swapped.replace(1000, 8, bytes, 2000, 8);
  EXPECT_NE(shortened(swapped), text);
  EXPECT_EQ(expanded(shortened(swapped)), swapped);
}

TEST(Filler, AnyBytesHaveAShortFormThatStandsForThem) {
  Prng prng(5);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes;
    for (uint64_t left = prng.below(40); left > 0; --left) {
      bytes += prng.chance(1, 3) ? '\xff' : prng.chance(1, 2) ? '\x80' : static_cast<char>(prng.below(256));
    }
    if (prng.chance(1, 2)) bytes += expanded(filled("", prng.below(30)));
    ASSERT_EQ(expanded(shortened(bytes)), bytes);
  }
}

Operation operation(uint32_t client, OperationKind kind, int64_t from, int64_t to, std::string value, Outcome outcome) {
  Operation made;
  made.client = client;
  made.kind = kind;
  made.key = "k";
  made.value = std::move(value);
  made.outcome = std::move(outcome);
  made.start_ns = from;
  made.end_ns = to;
  return made;
}

// The length that an append answers is that of the value in full, and prefixes are compared in the short form.
TEST(Filler, TheCheckerCountsAndComparesInFull) {
  const std::string first = filled("a;", 30'000'000);
  const std::string second = filled("b;", 1'000'000);
  for (const int64_t wrong : {0, 1}) {
    const History history = {
        operation(1, OperationKind::kSet, 0, 10, first, Outcome::ok()),
        operation(2, OperationKind::kAppend, 20, 30, second, Outcome::of_integer(31'000'004 + wrong)),
        operation(3, OperationKind::kGet, 40, 50, "", Outcome::of_text(first + second)),
    };
    const Result<Report> report = check_history(history);
    ASSERT_TRUE(report.ok());
    EXPECT_EQ(report->verdict, wrong != 0 ? Verdict::kNotLinearizable : Verdict::kLinearizable);
  }
}

TEST(Filler, AnAppendWithoutAnAnswerIsFoundByItsPrefixInTheShortForm) {
  const std::string first = filled("a;", 30'000'000);
  const std::string second = filled("b;", 500);
  const std::string third = filled("c;", 70);
  History history = {operation(1, OperationKind::kSet, 0, 10, first, Outcome::ok())};
  for (const auto& [client, piece] : {std::pair(2u, second), std::pair(3u, third)}) {
    history.push_back(operation(client, OperationKind::kAppend, 20, 30, piece, Outcome::unknown()));
    history.back().end_ns.reset();
  }
  history.push_back(operation(4, OperationKind::kGet, 40, 50, "", Outcome::of_text(first + third + second)));
  const Result<Report> report = check_history(history);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->verdict, Verdict::kLinearizable);
}

}  // namespace
}  // namespace torc::check
