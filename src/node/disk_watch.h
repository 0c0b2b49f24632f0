// Whether the own disk keeps up, and the others' have space (rules.md#leader-persists).
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "base/strong_id.h"
#include "base/time.h"
#include "consensus/replica.h"
#include "storage/log.h"

namespace torc::node {

/// A leader commits what a majority holds durably, with or without itself: one whose disk hangs would go on leading and
/// keep everything it has not written in memory. What shows it is that the others' disks pass its own.
class DiskWatch {
 public:
  explicit DiskWatch(consensus::ReplicaId self) : self_(self) {}

  /// A node said whether its disk is full.
  void on_report(NodeId node, bool is_full, Instant now) { reports_[node] = {is_full, now}; }
  /// It cannot be reached any more: whatever its disk is like, nobody can hand over to it.
  void on_lost(NodeId node) { reports_.erase(node); }
  /// Every few milliseconds.
  void observe(const consensus::ReplicaStatus& replica, const consensus::Configuration& configuration,
               const storage::DiskProgress& disk, Instant now);

  /// For so long a quorum has held durably what this node's disk has not: zero if it keeps up.
  Duration behind_quorum(Instant now) const;
  /// What a write to the own disk takes, as far as it is known: the last one, or the one that is under way if it takes
  /// longer already.
  Duration write_time(Instant now) const;
  /// A leader should hand over: its disk hangs while a quorum's does not, or is full while another voter's is not.
  bool is_worse_than_others(const consensus::Configuration& configuration, Instant now) const;

  /// As of the last observation: nothing that has to be observed again while nothing is written.
  bool is_calm() const { return ahead_.empty() && !full_since_ && !is_majority_full_; }

  /// As far as it is known.
  bool is_full(NodeId node, Instant now) const;
  /// As of the last observation. Then nothing that is written would be committed before there is space.
  bool is_majority_full() const { return is_majority_full_; }

  /// One write under way for so long, and a quorum ahead for so long: the disk hangs. Where every sync takes up to a
  /// second nobody moves, also if the others' happen to be faster: they commit without this one.
  static constexpr Duration kHangMin = 1200ms;
  /// A full disk that is relieved at once is no reason to move.
  static constexpr Duration kFullMax = 700ms;
  /// An older measurement says nothing about the next write.
  static constexpr Duration kMeasurementAgeMax = 10s;
  static constexpr Duration kReportAgeMax = 3500ms;  // they come once a second
  /// Votes are given once they are durable: the own one, then the others'. Whoever has a slow disk waits as long as so
  /// many writes take before it tries, and leaves the first try to those with fast ones.
  static constexpr int kPatienceWrites = 2;

 private:
  struct Commit {
    LogIndex index;
    Instant at;  // when this was seen to be committed
  };
  struct Report {
    bool is_full = false;
    Instant at;
  };
  consensus::ReplicaId self_;
  /// Commits beyond what is durable here; the first since which one is what counts, so few are kept.
  std::deque<Commit> ahead_;
  storage::DiskProgress disk_;
  std::map<NodeId, Report> reports_;
  std::optional<Instant> full_since_;
  bool is_majority_full_ = false;
};

}  // namespace torc::node
