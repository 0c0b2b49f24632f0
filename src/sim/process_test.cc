// What a stopped, continued and killed process sees of its timers, frames and clocks.
#include "sim/process.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "sim/sim_clock.h"

namespace torc::sim {
namespace {

struct Machine {
  EventQueue queue;
  int turns = 0;
  Process process{queue, Prng(1), [this] { ++turns; }};
};

TEST(Process, WorkOfOneMomentSharesATurn) {
  Machine machine;
  machine.process.start();
  int done = 0;
  for (int i = 0; i < 3; ++i) machine.process.post(Source::kFrame, [&] { ++done; });
  machine.queue.run_until(Instant{1'000'000});
  EXPECT_EQ(done, 3);
  EXPECT_EQ(machine.turns, 1);
}

TEST(Process, AStoppedProcessRunsNothingUntilItContinuesThenKeepsTheOrderOfEachSource) {
  Machine machine;
  machine.process.start();
  machine.process.pause();
  std::string frames;
  std::string writes;
  for (const char c : {'a', 'b', 'c'}) {
    machine.process.post(Source::kFrame, [&frames, c] { frames += c; });
    machine.process.post(Source::kDisk, [&writes, c] { writes += c; });
  }
  machine.queue.run_until(Instant{5'000'000'000});
  EXPECT_EQ(frames + writes, "");
  EXPECT_EQ(machine.turns, 0) << "the turn it was stopped in must not end";
  machine.process.resume();
  EXPECT_EQ(frames, "abc");
  EXPECT_EQ(writes, "abc");
  machine.queue.run_until(Instant{6'000'000'000});
  EXPECT_GE(machine.turns, 2);
}

TEST(Process, AKilledProcessForgetsWhatWaitedAndItsNextLifeDoesNotRunIt) {
  Machine machine;
  machine.process.start();
  int runs = 0;
  machine.process.schedule(Source::kDisk)(1ms, [&] { ++runs; });
  machine.process.pause();
  machine.process.post(Source::kFrame, [&] { ++runs; });
  machine.process.kill();
  machine.process.start();
  machine.queue.run_until(Instant{10'000'000});
  EXPECT_EQ(runs, 0);
}

TEST(SimClock, ADriftingClockFiresItsTimersByItsOwnTime) {
  Machine machine;
  SimClock fast(machine.queue, machine.process, ClockOptions{.start = Instant{0}, .drift_ppm = 100'000});
  machine.process.start();
  std::vector<Instant> fired;
  fast.call_at(Instant{110'000'000}, [&] { fired.push_back(fast.now()); });
  machine.queue.run_until(Instant{99'000'000});
  EXPECT_TRUE(fired.empty());
  machine.queue.run_until(Instant{101'000'000});
  ASSERT_EQ(fired.size(), 1u);
  EXPECT_GE(fired[0], Instant{110'000'000});
}

TEST(SimClock, CountsTheTimeItsProcessWasStoppedUnlessThatBugIsPlanted) {
  for (const bool counts : {true, false}) {
    Machine machine;
    SimClock clock(machine.queue, machine.process, ClockOptions{.start = Instant{0}, .counts_suspended_time = counts});
    machine.process.start();
    machine.process.pause();
    machine.queue.run_until(Instant{5'000'000'000});
    clock.was_suspended(5s);
    machine.process.resume();
    EXPECT_EQ(clock.now(), (Instant{counts ? 5'000'000'000 : 0}));
  }
}

TEST(SimClock, ATimerCancelledWhileItWaitsInAStoppedProcessDoesNotRun) {
  Machine machine;
  SimClock clock(machine.queue, machine.process, ClockOptions{});
  machine.process.start();
  bool has_run = false;
  const env::TimerId timer = clock.call_at(clock.now() + 1ms, [&] { has_run = true; });
  machine.process.pause();
  machine.queue.run_until(Instant{2'000'000});
  clock.cancel(timer);
  machine.process.resume();
  EXPECT_FALSE(has_run);
}

TEST(SimClock, TheWallClockJumpsAndTheOtherDoesNot) {
  Machine machine;
  SimClock clock(machine.queue, machine.process, ClockOptions{});
  const Instant before = clock.now();
  const WallMs wall_before = clock.wall_now();
  clock.jump_wall(-3s);
  EXPECT_EQ(clock.now(), before);
  EXPECT_EQ(clock.wall_now().ms, wall_before.ms - 3000);
}

}  // namespace
}  // namespace torc::sim
