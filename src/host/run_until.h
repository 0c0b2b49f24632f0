// For tests on a real loop: run it until something holds.
#pragma once

#include <functional>

#include "base/time.h"
#include "host/event_loop.h"

namespace torc::host {

/// Runs the loop until `condition` holds (looked at once a millisecond) or `patience` is over; returns the condition.
inline bool run_until(EventLoop& loop, const std::function<bool()>& condition, Duration patience = 20s) {
  const Instant deadline = loop.clock().now() + patience;
  env::TimerId timer = 0;
  std::function<void()> look = [&] {
    if (condition() || loop.clock().now() >= deadline) {
      loop.stop();
    } else {
      timer = loop.clock().call_at(loop.clock().now() + 1ms, look);
    }
  };
  timer = loop.clock().call_at(loop.clock().now(), look);
  loop.run();
  loop.clock().cancel(timer);
  return condition();
}

}  // namespace torc::host
