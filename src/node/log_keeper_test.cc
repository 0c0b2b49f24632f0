#include "node/log_keeper.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "sim/log_harness.h"

namespace torc::node {
namespace {

using storage::Pin;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kMiB = 1u << 20;
const GroupId a(1), b(2), c(3), d(4), e(5), f(6);

TEST(LogKeeper, TheBudgetIsTwiceACheckpointAndItsTail) {
  const LogKeeper keeper(256 * kMiB, 64 * kMiB);
  EXPECT_EQ(keeper.budget_bytes(), 640 * kMiB);
  EXPECT_EQ(keeper.copy_beyond_bytes(), 320 * kMiB);
  EXPECT_EQ(keeper.checkpoint_beyond_bytes(), 480 * kMiB);
}

TEST(LogKeeper, NobodyIsAskedUpToThreeQuartersOfTheBudget) {
  LogKeeper keeper(6 * kMiB, 2 * kMiB);  // 16 MiB
  EXPECT_THAT(keeper.due({}), IsEmpty());
  EXPECT_THAT(keeper.due({{a, 12 * kMiB, 1}}), IsEmpty());
  EXPECT_THAT(keeper.due({{a, 12 * kMiB + 1, 1}}), ElementsAre(a));
}

TEST(LogKeeper, TheLargestPinsAreAskedFirstAFewAtATime) {
  LogKeeper keeper(6 * kMiB, 2 * kMiB);
  const std::vector<Pin> pins = {{f, 15 * kMiB, 9}, {e, 15 * kMiB, 8}, {b, 16 * kMiB, 1},
                                 {a, 16 * kMiB, 2}, {d, 13 * kMiB, 5}, {c, 14 * kMiB, 1}};
  EXPECT_THAT(keeper.due(pins), ElementsAre(a, b, f, e)) << "by pin, then by tail";
  EXPECT_THAT(keeper.due(pins), IsEmpty()) << "all four are writing";
  keeper.on_checkpoint_ended(b);
  EXPECT_THAT(
      keeper.due({{a, 16 * kMiB, 2}, {f, 15 * kMiB, 9}, {e, 15 * kMiB, 8}, {c, 14 * kMiB, 1}, {d, 13 * kMiB, 5}}),
      ElementsAre(c));
}

TEST(LogKeeper, AGroupThatFreedNothingIsAskedAgainWhenItsPinHasGrown) {
  LogKeeper keeper(6 * kMiB, 2 * kMiB);
  ASSERT_THAT(keeper.due({{a, 13 * kMiB, 1}}), ElementsAre(a));
  EXPECT_THAT(keeper.due({{a, 16 * kMiB, 1}}), IsEmpty()) << "it is writing";
  keeper.on_checkpoint_ended(a);
  EXPECT_THAT(keeper.due({{a, 15 * kMiB - 1, 1}}), IsEmpty()) << "nothing of it is committed, say";
  EXPECT_THAT(keeper.due({{a, 15 * kMiB, 1}}), ElementsAre(a));
}

TEST(LogKeeper, AGroupThatPinsNothingAnyMoreIsForgotten) {
  LogKeeper keeper(6 * kMiB, 2 * kMiB);
  ASSERT_THAT(keeper.due({{a, 16 * kMiB, 1}}), ElementsAre(a));
  keeper.on_checkpoint_ended(a);
  EXPECT_THAT(keeper.due({{b, 13 * kMiB, 1}}), ElementsAre(b));
  EXPECT_THAT(keeper.due({{a, 13 * kMiB, 1}}), ElementsAre(a)) << "as if for the first time";
  keeper.on_checkpoint_ended(c);  // never asked
  keeper.on_checkpoint_ended(a);
  keeper.on_checkpoint_ended(a);  // twice
  keeper.on_checkpoint_ended(b);
  EXPECT_THAT(
      keeper.due({{c, 13 * kMiB, 1}, {d, 13 * kMiB, 1}, {e, 13 * kMiB, 1}, {f, 13 * kMiB, 1}, {a, 13 * kMiB, 1}}),
      ElementsAre(c, d, e, f));
}

// With the log itself: groups whose tails are too large to be copied, one that is small and idle, and one that writes
// many times the budget while they do nothing. Whoever is asked checkpoints, some writes later.
TEST(LogKeeper, TheLogStaysWithinTheBudgetWhateverGroupsLag) {
  using storage::LogHarness;
  constexpr uint64_t kCheckpoint = 512 << 10;
  constexpr uint64_t kTail = 128 << 10;
  LogKeeper keeper(kCheckpoint, kTail);
  LogHarness harness(64 << 10);
  harness.options.copy_beyond_bytes = keeper.copy_beyond_bytes();
  harness.options.copy_tail_bytes_max = 2 << 10;
  harness.must_open();
  harness.disk.run_all();
  constexpr uint64_t kLarge = 20;
  for (uint64_t group = 1; group <= kLarge; ++group) {
    harness.append(1, 1, std::string(8 << 10, 'l'), GroupId(100 + group));
    ASSERT_TRUE(harness.flush().ok());
  }
  harness.append(1, 1, "small", a);
  uint64_t retained_max = 0;
  std::map<GroupId, int> under_way;
  std::map<GroupId, int> times_asked;
  for (uint64_t i = 1; i <= 5000; ++i) {
    harness.append(1, i, std::string(2 << 10, 'b'), b);
    constexpr uint64_t kKept = (kCheckpoint + kTail) / (2 << 10);
    if (i > kKept) harness.log->cut(b, LogIndex(i - kKept), Term(1));
    ASSERT_TRUE(harness.flush().ok());
    retained_max = std::max(retained_max, harness.log->bytes_retained());
    if (harness.log->bytes_retained() > keeper.checkpoint_beyond_bytes()) {
      const auto pins = harness.log->pins_beyond(keeper.checkpoint_beyond_bytes(), LogKeeper::kPinsMax);
      for (const GroupId group : keeper.due(pins)) {
        under_way[group] = 10;
        ++times_asked[group];
      }
      ASSERT_LE(under_way.size(), LogKeeper::kCheckpointsAtOnceMax);
    }
    for (auto checkpoint = under_way.begin(); checkpoint != under_way.end();) {
      const GroupId group = checkpoint->first;
      if (--checkpoint->second > 0) {
        ++checkpoint;
        continue;
      }
      checkpoint = under_way.erase(checkpoint);
      if (group != b) harness.log->cut(group, LogIndex(1), Term(1));
      keeper.on_checkpoint_ended(group);
    }
  }
  EXPECT_LT(retained_max, keeper.budget_bytes());
  EXPECT_EQ(times_asked.size(), kLarge) << "neither the small one, which was copied, nor the busy one";
  for (const auto& [group, count] : times_asked) EXPECT_EQ(count, 1) << group;
  EXPECT_THAT(harness.texts(a, LogIndex(1), LogIndex(1)), ElementsAre("small"));
}

}  // namespace
}  // namespace torc::node
