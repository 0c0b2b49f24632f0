#include "node/checkpoint_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "base/prng.h"

namespace torc::node {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(CheckpointQueue, NothingIsDueUntilAllGroupsTogetherWroteEnough) {
  CheckpointQueue queue(100);
  queue.resize(4);
  for (uint32_t place = 0; place < 4; ++place) queue.note(place, 24, false);
  EXPECT_THAT(queue.take_due(), IsEmpty());
  queue.note(2, 28, false);
  EXPECT_THAT(queue.take_due(), ElementsAre(2));
  EXPECT_THAT(queue.take_due(), IsEmpty());
}

TEST(CheckpointQueue, WhoWroteMostGoesFirstAndOnlyUntilThereIsRoom) {
  CheckpointQueue queue(100);
  queue.resize(3);
  queue.note(0, 30, false);
  queue.note(1, 60, false);
  queue.note(2, 40, false);
  EXPECT_THAT(queue.take_due(), ElementsAre(1));  // 70 are left
}

TEST(CheckpointQueue, NoMoreThanTwoAtOnce) {
  CheckpointQueue queue(100);
  queue.resize(5);
  for (uint32_t place = 0; place < 5; ++place) queue.note(place, 1000 + place, false);
  EXPECT_THAT(queue.take_due(), ElementsAre(4, 3));
  queue.note(4, 5, true);  // being written; it grows meanwhile
  queue.note(3, 5, true);
  EXPECT_THAT(queue.take_due(), IsEmpty());
  queue.note(3, 5, false);
  EXPECT_THAT(queue.take_due(), ElementsAre(2));
}

TEST(CheckpointQueue, AGroupThatCannotBeginKeepsNobodyElseFromIt) {
  CheckpointQueue queue(100);
  queue.resize(2);
  queue.note(0, 500, false);
  queue.note(1, 150, false);
  ASSERT_THAT(queue.take_due(), ElementsAre(0, 1));
  queue.note(0, 0, false);  // a snapshot is arriving
  queue.note(1, 0, false);
  queue.note(1, 120, false);
  EXPECT_THAT(queue.take_due(), ElementsAre(1));
}

// Whatever is written, as long as checkpoints end: what all wrote since their checkpoints stays near the bound, and
// what is written per checkpoint is what the busy groups have of it, not a share of every group.
TEST(CheckpointQueue, FewBusyGroupsAmongManyHaveTheWholeAllowance) {
  constexpr uint64_t kMax = 64'000;
  CheckpointQueue queue(kMax);
  queue.resize(64);
  std::map<uint32_t, uint64_t> growth;
  Prng prng(7);
  size_t checkpoints = 0;
  uint64_t written = 0;
  for (int round = 0; round < 20'000; ++round) {
    const auto place = static_cast<uint32_t>(prng.below(3));
    growth[place] += 100;
    written += 100;
    queue.note(place, growth[place], false);
    for (const uint32_t due : queue.take_due()) {
      ++checkpoints;
      growth[due] = 0;
      queue.note(due, 0, false);
    }
    uint64_t sum = 0;
    for (const auto& [_, bytes] : growth) sum += bytes;
    ASSERT_LE(sum, kMax);
  }
  EXPECT_LE(checkpoints, written / (kMax / 3));
  EXPECT_GE(checkpoints, written / kMax);
}

}  // namespace
}  // namespace torc::node
