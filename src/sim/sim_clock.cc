#include "sim/sim_clock.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace torc::sim {
namespace {

__extension__ using Wide = __int128;
constexpr int64_t kMillion = 1'000'000;

int64_t scaled(int64_t ns, int64_t multiplier, int64_t divisor) {
  return static_cast<int64_t>(static_cast<Wide>(ns) * multiplier / divisor);
}

}  // namespace

SimClock::SimClock(EventQueue& queue, Process& process, const ClockOptions& options)
    : queue_(queue), process_(process), options_(options) {
  CHECK(options.drift_ppm > -kMillion);
}

Instant SimClock::now() const {
  return options_.start + Duration(scaled(process_.now().ns, kMillion + options_.drift_ppm, kMillion)) - not_counted_;
}

WallMs SimClock::wall_now() const {
  const Duration shown = (now() - options_.start) + wall_offset_;
  return WallMs{options_.wall_start.ms + shown.count() / kMillion};
}

Instant SimClock::world_time(Instant when) const {
  const int64_t shown = (when - options_.start + not_counted_).count();
  return Instant{scaled(std::max<int64_t>(shown, 0), kMillion, kMillion + options_.drift_ppm) + 1};
}

env::TimerId SimClock::call_at(Instant when, std::function<void()> callback) {
  const env::TimerId id = ++last_timer_;
  timers_[id] = Timer{when, 0, std::move(callback)};
  arm(id);
  return id;
}

void SimClock::arm(env::TimerId id) {
  Timer& timer = timers_.at(id);
  // Beyond any run; also keeps "never" out of the arithmetic.
  if (timer.when > now() + std::chrono::hours(24)) return;
  timer.event = queue_.schedule_at(world_time(timer.when), [this, id] {
    process_.post(Source::kTimer, [this, id] {
      const auto found = timers_.find(id);
      if (found == timers_.end()) return;  // cancelled while it waited in a stopped process
      if (now() < found->second.when) return arm(id);
      const std::function<void()> callback = std::move(found->second.callback);
      timers_.erase(found);
      callback();
    });
  });
}

void SimClock::cancel(env::TimerId timer) {
  const auto found = timers_.find(timer);
  if (found == timers_.end()) return;
  queue_.cancel(found->second.event);
  timers_.erase(found);
}

void SimClock::was_suspended(Duration length) {
  if (!options_.counts_suspended_time)
    not_counted_ += Duration(scaled(length.count(), kMillion + options_.drift_ppm, kMillion));
}

}  // namespace torc::sim
