// Whether the own disk keeps up (rules.md#leader-persists).
#pragma once

#include <deque>
#include <optional>

#include "base/strong_id.h"
#include "base/time.h"
#include "storage/log.h"

namespace torc::node {

/// A leader commits what a majority holds durably, with or without itself: one whose disk hangs would go on leading,
/// keep everything it has not written in memory, and lose all of it to whoever comes next only after a restart. What
/// shows it is that the others' disks pass its own.
class DiskWatch {
 public:
  /// Every few milliseconds. `commit` and `stable`: of the replica; `disk`: of its log.
  void observe(LogIndex commit, LogIndex stable, const storage::DiskProgress& disk, Instant now);

  /// For so long a quorum has held durably what this node's disk has not: zero if it keeps up.
  Duration behind_quorum(Instant now) const;
  /// What a write to the own disk takes, as far as it is known: the last one, or the one that is under way if it takes
  /// longer already.
  Duration write_time(Instant now) const;

  /// Behind the quorum for so long a leader hands over. A disk that is shared with others stalls for some hundred
  /// milliseconds now and then, and a hand-over that is not needed costs little.
  static constexpr Duration kBehindMax = 700ms;
  /// An older measurement says nothing about the next write.
  static constexpr Duration kMeasurementAgeMax = 10s;

 private:
  struct Commit {
    LogIndex index;
    Instant at;  // when this was seen to be committed
  };
  /// Commits beyond what is durable here; the first since which one is what counts, so few are kept.
  std::deque<Commit> ahead_;
  storage::DiskProgress disk_;
};

}  // namespace torc::node
