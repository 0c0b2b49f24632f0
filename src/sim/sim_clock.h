// One machine's clocks: their own start, their own speed, and a wall clock that may jump.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "env/clock.h"
#include "sim/event_queue.h"
#include "sim/process.h"

namespace torc::sim {

struct ClockOptions {
  Instant start{1'000'000'000};  // what the clock shows when the world begins
  int64_t drift_ppm = 0;         // runs faster (or slower) by this many millionths
  WallMs wall_start{1'700'000'000'000};
  /// False plants a bug: a clock that stands still while the process is stopped (rules.md#leases is why ours does not).
  bool counts_suspended_time = true;
};

class SimClock final : public env::Clock {
 public:
  SimClock(EventQueue& queue, Process& process, const ClockOptions& options);

  Instant now() const override;
  WallMs wall_now() const override;
  env::TimerId call_at(Instant when, std::function<void()> callback) override;
  void cancel(env::TimerId timer) override;

  void jump_wall(Duration by) { wall_offset_ += by; }
  /// Tells the clock that its process was stopped for `length`.
  void was_suspended(Duration length);
  /// Timers of a dead process are gone.
  void forget_timers() { timers_.clear(); }

 private:
  struct Timer {
    Instant when;
    EventId event = 0;
    std::function<void()> callback;
  };
  /// World time at which this clock shows `when`, or the next nanosecond after it.
  Instant world_time(Instant when) const;
  void arm(env::TimerId id);

  EventQueue& queue_;
  Process& process_;
  ClockOptions options_;
  Duration wall_offset_{0};
  Duration not_counted_{0};
  env::TimerId last_timer_ = 0;
  std::map<env::TimerId, Timer> timers_;
};

}  // namespace torc::sim
