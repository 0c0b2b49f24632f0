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

/// A process whose work takes time, and what leaves it when.
struct BusyMachine {
  EventQueue queue;
  std::vector<std::string> left;  // "text at milliseconds"
  std::string made;
  Duration end_of_turn_takes{0};
  Process process{queue, Prng(1), [this] { process.wait(end_of_turn_takes); },
                  [this] {
                    const std::string text = std::exchange(made, "");
                    if (!text.empty()) left.push_back(text + " at " + std::to_string(queue.now().ns / 1'000'000));
                  }};

  explicit BusyMachine() {
    process.start();
    queue.run_until(Instant{1'000'000});
  }
  void post_at(int64_t ms, Source source, const std::string& text, Duration takes, size_t bytes = 0) {
    queue.schedule_at(Instant{ms * 1'000'000}, [this, source, text, takes, bytes] {
      process.post(
          source,
          [this, text, takes] {
            process.wait(takes);
            made += text;
          },
          bytes);
    });
  }
  void run_until(int64_t ms) { queue.run_until(Instant{ms * 1'000'000}); }
};

TEST(BusyProcess, WhatATurnMadeLeavesWhenItsWorkIsDoneAndWhatArrivedMeanwhileWaits) {
  BusyMachine machine;
  machine.end_of_turn_takes = 5ms;
  machine.post_at(10, Source::kFrame, "a", 20ms);
  machine.post_at(15, Source::kFrame, "b", 0ms);
  machine.post_at(34, Source::kFrame, "c", 0ms);
  machine.run_until(100);
  EXPECT_EQ(machine.left, (std::vector<std::string>{"a at 35", "bc at 40"})) << "10 + 20 + 5, and the next turn's 5";
}

TEST(BusyProcess, ItsClockGoesOnWithItsWork) {
  BusyMachine machine;
  SimClock clock(machine.queue, machine.process, ClockOptions{.start = Instant{0}});
  std::vector<int64_t> shown;
  machine.queue.schedule_at(Instant{10'000'000}, [&] {
    machine.process.post(Source::kFrame, [&] {
      shown.push_back(clock.now().ns / 1'000'000);
      machine.process.wait(7ms);
      shown.push_back(clock.now().ns / 1'000'000);
    });
  });
  machine.run_until(12);
  shown.push_back(clock.now().ns / 1'000'000);
  machine.run_until(100);
  shown.push_back(clock.now().ns / 1'000'000);
  EXPECT_EQ(shown, (std::vector<int64_t>{10, 17, 17, 100}));
}

TEST(BusyProcess, ATimerIsLateByWhatTheTurnBeforeItTook) {
  BusyMachine machine;
  SimClock clock(machine.queue, machine.process, ClockOptions{.start = Instant{0}});
  int64_t fired_ms = 0;
  clock.call_at(Instant{20'000'000}, [&] { fired_ms = clock.now().ns / 1'000'000; });
  machine.post_at(10, Source::kDisk, "a", 300ms);
  machine.run_until(400);
  EXPECT_EQ(fired_ms, 310);
}

TEST(BusyProcess, StoppedInTheMiddleOfItsWorkItGoesOnWhereItWas) {
  BusyMachine machine;
  machine.post_at(10, Source::kFrame, "a", 20ms);
  machine.run_until(15);
  machine.process.pause();
  machine.run_until(115);
  EXPECT_TRUE(machine.left.empty());
  machine.process.resume();
  machine.run_until(200);
  EXPECT_EQ(machine.left, (std::vector<std::string>{"a at 130"}));
}

TEST(BusyProcess, KilledInTheMiddleOfItsWorkItSaysNothing) {
  BusyMachine machine;
  machine.post_at(10, Source::kFrame, "a", 20ms);
  machine.post_at(12, Source::kFrame, "b", 20ms);
  machine.run_until(15);
  machine.process.kill();
  machine.made.clear();
  machine.run_until(20);
  machine.process.start();
  machine.run_until(200);
  EXPECT_TRUE(machine.left.empty());
  EXPECT_FALSE(machine.process.is_busy());
}

TEST(BusyProcess, ReadsABoundedShareOfWhatWaitsPerTurn) {
  BusyMachine machine;
  machine.end_of_turn_takes = 1ms;
  machine.post_at(10, Source::kFrame, "a", 10ms);
  for (const char* text : {"b", "c", "d"}) machine.post_at(12, Source::kFrame, text, 0ms, kReadBytesPerTurn / 2);
  machine.run_until(100);
  EXPECT_EQ(machine.left, (std::vector<std::string>{"a at 21", "bc at 22", "d at 23"}));
}

TEST(BusyProcess, ASlowOneTakesManyTimesAsLongAndOneOfSlownessZeroNoTime) {
  for (const uint32_t slowness : {0u, 1u, 20u}) {
    BusyMachine machine;
    machine.process.set_slowness(slowness);
    machine.queue.schedule_at(Instant{10'000'000}, [&] {
      machine.process.post(Source::kFrame, [&] {
        machine.process.work(Work::kApply, 1000, 1'000'000);
        machine.made = "a";
      });
    });
    machine.run_until(100);
    const Duration cost = slowness * (cost_of(Work::kApply, 1000, 1'000'000) + cost_of(Work::kTurn, 1, 0));
    const auto ms = (10'000'000 + cost.count()) / 1'000'000;
    ASSERT_EQ(machine.left.size(), 1u);
    EXPECT_EQ(machine.left[0], "a at " + std::to_string(ms));
  }
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
