#include "consensus/progress.h"

#include <gtest/gtest.h>

namespace torc::consensus {
namespace {

constexpr Instant kNow{1'000'000'000};
constexpr Duration kHeartbeat = 60ms;
constexpr Duration kElection = 300ms;
constexpr size_t kFlightMax = 100;

// Replicating, everything up to 10 acknowledged.
Progress caught_up() {
  Progress progress(LogIndex(11), kNow);
  progress.sent(LogIndex(10), 0, kNow);
  progress.accepted(LogIndex(10), kNow);
  return progress;
}

TEST(Progress, ProbesOneRequestAtATimeUntilTheLogsAgree) {
  Progress progress(LogIndex(11), kNow);
  EXPECT_TRUE(progress.can_send(kFlightMax));
  progress.sent(LogIndex(12), 50, kNow);
  EXPECT_FALSE(progress.can_send(kFlightMax));
  progress.accepted(LogIndex(12), kNow);
  EXPECT_EQ(progress.state(), Progress::State::kReplicate);
  EXPECT_EQ(progress.next(), LogIndex(13));
}

TEST(Progress, PipelinesUpToTheByteLimitAndNotBeyond) {
  Progress progress = caught_up();
  progress.sent(LogIndex(11), kFlightMax - 1, kNow);
  EXPECT_TRUE(progress.can_send(kFlightMax));
  progress.sent(LogIndex(12), 1, kNow);
  EXPECT_FALSE(progress.can_send(kFlightMax));
  progress.accepted(LogIndex(11), kNow);
  EXPECT_TRUE(progress.can_send(kFlightMax));
  EXPECT_EQ(progress.in_flight_bytes(), 1u);
}

TEST(Progress, ARejectionSendsItBackToTheHintOnce) {
  Progress progress(LogIndex(11), kNow);
  progress.sent(LogIndex(10), 0, kNow);
  EXPECT_TRUE(progress.rejected(LogIndex(10), LogIndex(5)));
  EXPECT_EQ(progress.next(), LogIndex(5));
  EXPECT_FALSE(progress.rejected(LogIndex(10), LogIndex(3))) << "the same rejection, delivered again";
  EXPECT_EQ(progress.next(), LogIndex(5));
}

TEST(Progress, AnOldRejectionCannotUndoWhatWasAccepted) {
  Progress progress = caught_up();
  EXPECT_FALSE(progress.rejected(LogIndex(10), LogIndex(3)));
  progress.sent(LogIndex(12), 10, kNow);
  EXPECT_FALSE(progress.rejected(LogIndex(13), LogIndex(3))) << "no request had this prev";
  EXPECT_EQ(progress.match(), LogIndex(10));
}

TEST(Progress, ARejectionNeverGoesBelowMatch) {
  Progress progress = caught_up();
  progress.sent(LogIndex(11), 10, kNow);
  progress.sent(LogIndex(12), 10, kNow);
  EXPECT_TRUE(progress.rejected(LogIndex(11), LogIndex(2)));
  EXPECT_EQ(progress.next(), LogIndex(11));
  EXPECT_EQ(progress.in_flight_bytes(), 0u);
}

TEST(Progress, ALostRequestIsProbedForWithoutEntriesOnceItIsOverdue) {
  Progress progress = caught_up();
  progress.sent(LogIndex(12), 10, kNow);
  progress.check_lost(LogIndex(10), kHeartbeat, kElection, kNow + kElection - 1ns);
  EXPECT_EQ(progress.state(), Progress::State::kReplicate);
  progress.check_lost(LogIndex(10), kHeartbeat, kElection, kNow + kElection);
  EXPECT_EQ(progress.state(), Progress::State::kProbe);
  EXPECT_EQ(progress.next(), LogIndex(11));
  EXPECT_TRUE(progress.wants_empty_probe());
}

TEST(Progress, ALostAnswerIsNoticedSoonBecauseTheEntriesAreThere) {
  Progress progress = caught_up();
  progress.sent(LogIndex(12), 10, kNow);
  progress.check_lost(LogIndex(12), kHeartbeat, kElection, kNow + kHeartbeat);
  EXPECT_TRUE(progress.wants_empty_probe());
}

TEST(Progress, ProbesAreRepeatedAtTheHeartbeatPaceAtMost) {
  Progress progress(LogIndex(11), kNow);
  progress.sent(LogIndex(12), 10, kNow);
  progress.check_lost(LogIndex(0), kHeartbeat, kElection, kNow + kHeartbeat - 1ns);
  EXPECT_FALSE(progress.can_send(kFlightMax));
  progress.check_lost(LogIndex(0), kHeartbeat, kElection, kNow + kHeartbeat);
  EXPECT_TRUE(progress.can_send(kFlightMax));
  EXPECT_TRUE(progress.wants_empty_probe());
}

}  // namespace
}  // namespace torc::consensus
