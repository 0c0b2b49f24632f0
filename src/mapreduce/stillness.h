// Whose beat stands still for too long. Counts watched time by the watcher's own clock, so that no two clocks need
// agree.
#pragma once

#include <cstdint>
#include <map>

#include "mapreduce/attempt.h"

namespace torc::mapreduce {

/// Sees the numbers that living attempts raise, and says which of them stand still.
///
/// Only watched time counts: a gap between two looks (the store was away, the watcher was stopped) counts as
/// `gap_ms_max` at most. Otherwise an outage that nobody survived renewing through would expire all leases together,
/// and a watcher that was stopped for a minute would take every task from its living owner.
class StillnessWatch {
 public:
  explicit StillnessWatch(uint64_t gap_ms_max) : gap_ms_max_(gap_ms_max) {}

  struct Watched {
    uint64_t still_ms = 0;  // since its number changed
    uint64_t all_ms = 0;    // since it was first seen
  };

  /// Begins a look at `now_ms` (any clock that goes forward).
  void look(uint64_t now_ms);
  /// In this look the attempt shows `number`.
  Watched see(const Attempt& attempt, uint64_t number);
  /// Ends the look: what was not seen in it is forgotten.
  void forget_unseen();

 private:
  struct Seen {
    uint64_t number = 0;
    Watched watched;
    uint64_t look = 0;
  };
  uint64_t gap_ms_max_;
  uint64_t last_ms_ = 0;
  uint64_t step_ms_ = 0;  // what this look adds
  uint64_t look_ = 0;
  std::map<Attempt, Seen> seen_;
};

}  // namespace torc::mapreduce
