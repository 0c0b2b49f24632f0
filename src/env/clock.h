// Time as an interface: the server's is the kernel's, the simulator's is a number.
#pragma once

#include <cstdint>
#include <functional>

#include "base/time.h"

namespace torc::env {

using TimerId = uint64_t;  // 0: no timer

/// Called on the loop only.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Counts suspended time; never runs backwards (rules.md#leases).
  virtual Instant now() const = 0;
  /// The wall clock; may jump. Only for stamps (rules.md#leader-time).
  virtual WallMs wall_now() const = 0;
  /// Runs `callback` once on the loop at `when` or soon after.
  virtual TimerId call_at(Instant when, std::function<void()> callback) = 0;
  /// The callback will not run any more. Unknown and spent ids are ignored.
  virtual void cancel(TimerId timer) = 0;
};

}  // namespace torc::env
