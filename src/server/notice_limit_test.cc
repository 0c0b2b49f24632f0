#include "server/notice_limit.h"

#include <gtest/gtest.h>

namespace torc::server {
namespace {

constexpr Instant kBegin{1'000'000'000};

Notice garbage(int number) { return {NoticeLevel::kWarning, "garbage " + std::to_string(number), "garbage", 1}; }

TEST(NoticeLimit, OneOfAKindIsShownPerMinuteAndTheRestIsCounted) {
  NoticeLimit limit;
  EXPECT_TRUE(limit.pass(garbage(0), kBegin));
  for (int i = 1; i <= 120; ++i) EXPECT_FALSE(limit.pass(garbage(i), kBegin + 10ms * i));
  EXPECT_TRUE(limit.take_summaries(kBegin + NoticeLimit::kWindow - 1ns).empty());
  const std::vector<Notice> summaries = limit.take_summaries(kBegin + NoticeLimit::kWindow);
  ASSERT_EQ(summaries.size(), 1u);
  EXPECT_EQ(summaries[0].text, "garbage 120 (repeated 120 times)");
  EXPECT_EQ(summaries[0].level, NoticeLevel::kWarning);
}

TEST(NoticeLimit, AFloodCostsOneLineAMinuteForAsLongAsItGoesOn) {
  NoticeLimit limit;
  size_t lines = 0;
  for (int second = 0; second < 600; ++second) {
    const Instant now = kBegin + 1s * second;
    for (int i = 0; i < 100; ++i) lines += limit.pass(garbage(i), now) ? 1 : 0;
    lines += limit.take_summaries(now).size();
  }
  EXPECT_EQ(lines, 10u);
}

TEST(NoticeLimit, AfterAQuietMinuteALineIsShownAtOnce) {
  NoticeLimit limit;
  EXPECT_TRUE(limit.pass(garbage(1), kBegin));
  EXPECT_TRUE(limit.take_summaries(kBegin + NoticeLimit::kWindow).empty());
  EXPECT_TRUE(limit.pass(garbage(2), kBegin + NoticeLimit::kWindow));
}

TEST(NoticeLimit, KindsDoNotHoldEachOtherBackAndTheirNumberIsBounded) {
  NoticeLimit limit;
  for (size_t i = 0; i < NoticeLimit::kKindsMax; ++i) {
    EXPECT_TRUE(limit.pass({NoticeLevel::kInfo, "x", std::to_string(i), 1}, kBegin));
  }
  EXPECT_TRUE(limit.pass({NoticeLevel::kInfo, "x", "one more", 1}, kBegin));
  EXPECT_FALSE(limit.pass({NoticeLevel::kInfo, "x", "and another", 1}, kBegin)) << "shares the last window";
  EXPECT_FALSE(limit.pass({NoticeLevel::kInfo, "x", "7", 1}, kBegin));
}

}  // namespace
}  // namespace torc::server
