#include "node/disk_watch.h"

#include <gtest/gtest.h>

namespace torc::node {
namespace {

class DiskWatchTest : public ::testing::Test {
 protected:
  void observe(uint64_t commit, uint64_t stable) {
    consensus::ReplicaStatus status;
    status.commit = LogIndex(commit);
    status.stable_index = LogIndex(stable);
    watch_.observe(status, configuration_, disk_, now_);
  }
  Duration behind() const { return watch_.behind_quorum(now_); }

  static consensus::ReplicaId replica(uint64_t node) { return {NodeId(node), ReplicaNumber(node)}; }

  consensus::Configuration configuration_{.voters = {replica(1), replica(2), replica(3)}};
  DiskWatch watch_{replica(1)};
  storage::DiskProgress disk_;
  Instant now_{1'000'000'000};
};

TEST_F(DiskWatchTest, ADiskThatIsAsFastAsTheOthersIsNeverBehind) {
  for (uint64_t i = 1; i < 1000; ++i, now_ = now_ + 10ms) {
    observe(i, i - 1);  // the others were a moment faster
    EXPECT_LE(behind(), 10ms);
    observe(i, i);
    EXPECT_EQ(behind(), 0ms);
  }
}

TEST_F(DiskWatchTest, ADiskThatHangsIsBehindSinceTheFirstCommitWithoutIt) {
  observe(5, 5);
  now_ = now_ + 10s;  // nothing to write is no trouble
  EXPECT_EQ(behind(), 0ms);
  disk_.writing_since = now_;
  for (uint64_t i = 0; i < 100; ++i, now_ = now_ + 10ms) {
    observe(6 + i, 5);
    EXPECT_FALSE(watch_.is_worse_than_others(configuration_, now_));
  }
  EXPECT_EQ(behind(), 1s);
  now_ = now_ + 201ms;
  EXPECT_TRUE(watch_.is_worse_than_others(configuration_, now_));
}

TEST_F(DiskWatchTest, ADiskThatHangsLikeTheOthersIsNoReasonToMove) {
  disk_.writing_since = now_;
  now_ = now_ + 10s;
  observe(5, 5);
  EXPECT_FALSE(watch_.is_worse_than_others(configuration_, now_));
}

TEST_F(DiskWatchTest, ADiskThatIsAlwaysLateIsBehindByItsDelayAndDoesNotHang) {
  for (uint64_t i = 0; i < 500; ++i, now_ = now_ + 10ms) {
    if (i % 100 == 0) disk_.writing_since = now_;
    observe(200 + i, i);  // what was committed two seconds ago is durable now
    EXPECT_FALSE(watch_.is_worse_than_others(configuration_, now_));
    if (i < 210) continue;
    EXPECT_GE(behind(), 1900ms);
    EXPECT_LE(behind(), 2100ms);
  }
}

TEST_F(DiskWatchTest, AWriteTakesAsLongAsTheLastOneOrTheOneUnderWay) {
  disk_.last_took = 30ms;
  disk_.last_done = now_;
  observe(1, 1);
  EXPECT_EQ(watch_.write_time(now_), 30ms);
  disk_.writing_since = now_;
  observe(1, 1);
  EXPECT_EQ(watch_.write_time(now_ + 10ms), 30ms);
  EXPECT_EQ(watch_.write_time(now_ + 5s), 5s);
  disk_.writing_since.reset();
  observe(1, 1);
  EXPECT_EQ(watch_.write_time(now_ + 11s), 0ms) << "too long ago to count";
}

TEST_F(DiskWatchTest, ALeaderWhoseDiskIsFullIsWorseOnlyIfSomebodySaidThatItHasSpace) {
  disk_.is_full = true;
  observe(5, 5);
  now_ = now_ + DiskWatch::kFullMax;
  observe(5, 5);
  EXPECT_TRUE(watch_.is_full(NodeId(1), now_));
  EXPECT_FALSE(watch_.is_worse_than_others(configuration_, now_));
  watch_.on_report(NodeId(2), true, now_);
  EXPECT_FALSE(watch_.is_worse_than_others(configuration_, now_));
  EXPECT_FALSE(watch_.is_majority_full());
  observe(5, 5);
  EXPECT_TRUE(watch_.is_majority_full());
  watch_.on_report(NodeId(3), false, now_);
  EXPECT_TRUE(watch_.is_worse_than_others(configuration_, now_));
  watch_.on_lost(NodeId(3));
  EXPECT_FALSE(watch_.is_worse_than_others(configuration_, now_)) << "not there";
  watch_.on_report(NodeId(3), false, now_);
  EXPECT_TRUE(watch_.is_worse_than_others(configuration_, now_));
  now_ = now_ + DiskWatch::kReportAgeMax + 1ms;
  EXPECT_FALSE(watch_.is_worse_than_others(configuration_, now_)) << "long ago";
  disk_.is_full = false;
  watch_.on_report(NodeId(3), false, now_);
  observe(5, 5);
  EXPECT_FALSE(watch_.is_worse_than_others(configuration_, now_));
  EXPECT_FALSE(watch_.is_majority_full());
}

}  // namespace
}  // namespace torc::node
