// Whose wall clock is wrong: a leader's compared with those of its voters (rules.md#leader-time).
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/strong_id.h"
#include "base/time.h"

namespace torc::node {

/// The leader's clock stamps every entry, and so decides when keys expire; nobody can correct it from outside. So a
/// leader that is far from the median of a quorum's clocks hands over to a voter that is near. With a full picture the
/// voter in the middle is never far, so whatever the clocks say, one hand-over ends it.
class ClockWatch {
 public:
  /// `node` said that its clock showed `theirs`, while ours shows `ours`; what the message took is not known and counts
  /// as a difference.
  void on_report(NodeId node, WallMs theirs, WallMs ours, Instant now);
  /// The voter to hand over to, once this node has been far for kFarFor. None: this node's clock is near, or too few
  /// others are known to say so. Call it while this node leads, every kInterval.
  std::optional<NodeId> better_leader(const std::vector<NodeId>& voters, NodeId self, Instant now);
  /// This node does not lead.
  void forget_distance() { far_since_.reset(); }

  /// Between a follower's reports, and between the leader's looks at them.
  static constexpr Duration kInterval = 1s;
  /// Older reports say nothing about now: three missed.
  static constexpr Duration kReportAgeMax = 3500ms;
  /// Farther from the median is wrong. Clocks that are kept at all differ by far less than a second; a report that was
  /// delayed may look like a difference of as much.
  static constexpr int64_t kFarMs = 5'000;
  /// A successor must be nearer than this, so that a small change does not make it far at once.
  static constexpr int64_t kNearMs = kFarMs / 2;
  static constexpr Duration kFarFor = 3s;

 private:
  struct Report {
    int64_t ahead_ms = 0;  // of this node's clock
    Instant received;
  };
  std::map<NodeId, Report> reports_;
  std::optional<Instant> far_since_;
};

}  // namespace torc::node
