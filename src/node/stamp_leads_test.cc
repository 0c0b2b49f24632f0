#include "node/stamp_leads.h"

#include <gtest/gtest.h>

namespace torc::node {
namespace {

constexpr int64_t kBoundMs = 5'000;
constexpr int64_t kWallMs = 1'700'000'000'000;  // what right clocks show at the beginning of the monotonic one

Instant at(Duration time) { return Instant{} + time; }
WallMs wall(Duration time, int64_t ahead_ms = 0) { return WallMs{kWallMs + time / 1ms + ahead_ms}; }

/// Operation n is stamped and applied n seconds after the beginning.
struct Story {
  StampLeads leads;
  int second = 0;
  Story() { leads.begin(wall(0s), at(0s)); }
  void stamp(int64_t ahead_ms) {
    const Duration time = std::chrono::seconds(++second);
    leads.on_stamp(wall(time, ahead_ms), at(time), static_cast<uint64_t>(second) - 1);
  }
  std::optional<uint64_t> operations_right() const {
    const Duration time = std::chrono::seconds(second);
    return leads.operations_right(wall(time), kBoundMs, at(time));
  }
};

TEST(StampLeads, TellBehindWhichOperationStampsRanAhead) {
  for (const int64_t ahead_ms : {kBoundMs + 1, int64_t{3'155'760'000'000}}) {
    Story story;
    for (const int64_t little : {int64_t{0}, int64_t{-900'000}, int64_t{2'000}, kBoundMs}) story.stamp(little);
    story.stamp(kBoundMs + ahead_ms);
    story.stamp(ahead_ms);
    EXPECT_EQ(story.operations_right(), 4u) << ahead_ms;
  }
}

TEST(StampLeads, OfStampsThatWereTakenOverNothingIsKnown) {
  StampLeads leads;
  leads.begin(wall(0s, 3'600'000), at(0s));
  leads.on_stamp(wall(1s, 3'600'000), at(1s), 1);
  EXPECT_EQ(leads.operations_right(wall(2s), kBoundMs, at(2s)), std::nullopt);
}

TEST(StampLeads, SetBackTheyBeginAnew) {
  Story story;
  story.stamp(0);
  story.stamp(3'600'000);
  story.leads.set_back(wall(2s), at(2s));
  story.stamp(0);
  EXPECT_EQ(story.operations_right(), std::nullopt) << "none is ahead";
  story.stamp(7'200'000);
  EXPECT_EQ(story.operations_right(), 3u);
}

TEST(StampLeads, ManySmallStepsAreForgottenFromTheFrontAndTheAnswerStays) {
  Story story;
  for (int64_t ahead_ms = 0; ahead_ms < 1'000'000; ahead_ms += 2'000) story.stamp(ahead_ms - 2'000'000);
  story.stamp(3'600'000);
  EXPECT_EQ(story.operations_right(), 500u);
}

}  // namespace
}  // namespace torc::node
