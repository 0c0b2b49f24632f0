#include "sim/event_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace torc::sim {
namespace {

TEST(EventQueue, RunsInOrderOfTimeAndEqualTimesInOrderOfScheduling) {
  EventQueue queue;
  std::string order;
  queue.schedule(2ms, [&] { order += "c"; });
  queue.schedule(1ms, [&] { order += "a"; });
  queue.schedule(1ms, [&] { order += "b"; });
  while (queue.run_next()) {
  }
  EXPECT_EQ(order, "abc");
  EXPECT_EQ(queue.now(), Instant{2'000'000});
}

TEST(EventQueue, AnEventForThePastRunsNowAfterWhatAlreadyWaitsForNow) {
  EventQueue queue;
  std::string order;
  queue.schedule(1ms, [&] {
    queue.schedule_at(Instant{0}, [&] { order += "late"; });
    order += "first ";
  });
  queue.schedule(1ms, [&] { order += "second "; });
  queue.run_until(Instant{5'000'000});
  EXPECT_EQ(order, "first second late");
  EXPECT_EQ(queue.now(), Instant{5'000'000});
}

TEST(EventQueue, ACancelledEventDoesNotRunAndItsIdIsNeverAnothersId) {
  EventQueue queue;
  int runs = 0;
  const EventId cancelled = queue.schedule(1ms, [&] { runs += 100; });
  queue.cancel(cancelled);
  EXPECT_EQ(queue.next_time(), Instant::never());
  queue.schedule(1ms, [&] { ++runs; });  // takes the freed place
  queue.cancel(cancelled);
  while (queue.run_next()) {
  }
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace torc::sim
