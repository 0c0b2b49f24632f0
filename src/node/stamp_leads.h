// Since which operation a group's stamps are ahead of the time: told in hindsight, once the time is known.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"

namespace torc::node {

/// While a majority's clocks are wrong nobody can say so. What can be kept is how far each stamp was ahead of the
/// monotonic clock: when it was further ahead than any before, and behind which operation.
class StampLeads {
 public:
  /// A state was taken over, whose stamps nobody here has seen.
  void begin(WallMs stamp, Instant now);
  /// An entry with this stamp was applied behind so many operations.
  void on_stamp(WallMs stamp, Instant now, uint64_t operations_before);
  /// All operations up to this one had stamps not later than `bound_ms` ahead of the time, which is `time` now. None:
  /// unknown here.
  std::optional<uint64_t> operations_right(WallMs time, int64_t bound_ms, Instant now) const;
  /// The stamps were set back to `time`.
  void set_back(WallMs time, Instant now);

 private:
  /// Less is not told apart: clocks do not run alike.
  static constexpr int64_t kStepMs = 1'000;
  static constexpr size_t kStepsMax = 64;
  struct Step {
    int64_t lead_ms = 0;
    std::optional<uint64_t> operations_before;
  };
  std::vector<Step> steps_;  // ascending
};

}  // namespace torc::node
