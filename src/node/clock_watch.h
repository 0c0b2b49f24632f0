// What the voters' wall clocks show: how far stamps may run, whether this node's clock is wrong, and whether the stamps
// themselves are (rules.md#leader-time).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/strong_id.h"
#include "base/time.h"

namespace torc::node {

/// The leader's clock stamps every entry, and so decides when keys expire. One that stood a hundred years ahead for 6 s
/// ended every key with a deadline and every session, and left stamps behind that made "EX 2" last a hundred years. So:
///
/// - No stamp is further ahead than kFarMs of what the clocks of a majority of the voters show (latest_stamp).
/// - A leader that is far from the median of a quorum's clocks hands over to a voter that is near (better_leader). With
/// a
///   full picture the voter in the middle is never far, so whatever the clocks say, one hand-over ends it.
/// - If the stamps are ahead all the same, because a majority was wrong for a while, they are set back
/// (time_to_go_back_to).
///
/// A clock that was heard of goes on at the pace of the monotonic one here: what a report said stays good, while
/// whoever sent it cannot be reached.
/// How long a group's leader has been far from the clocks of its voters.
struct ClockDistance {
  std::optional<Instant> far_since;    // this node's clock
  std::optional<Instant> ahead_since;  // the group's stamps
};

class ClockWatch {
 public:
  /// `node` said that its clock showed `theirs`; what the message took is not known and counts as a difference.
  void on_report(NodeId node, WallMs theirs, Instant now);
  /// The voter to hand over to, once this node has been far for kFarFor. None: this node's clock, which shows `ours`,
  /// is near, or too few others are known to say so. Call it while this node leads, every kInterval.
  std::optional<NodeId> better_leader(const std::vector<NodeId>& voters, NodeId self, WallMs ours, Instant now,
                                      ClockDistance& distance);
  /// Stamps may not be later. None: too few clocks were ever heard of.
  std::optional<WallMs> latest_stamp(const std::vector<NodeId>& voters, NodeId self, WallMs ours, Instant now) const;
  /// Once the stamps have been ahead for kFarFor by more than they may, whatever the clocks show that nothing is heard
  /// of now: the time. Call it while this node leads, every kInterval.
  std::optional<WallMs> time_to_go_back_to(const std::vector<NodeId>& voters, NodeId self, WallMs ours, WallMs stamp,
                                           Instant now, ClockDistance& distance);

  /// Between reports, and between the leader's looks at them.
  static constexpr Duration kInterval = 1s;
  /// Older reports do not speak against anybody: three missed.
  static constexpr Duration kReportAgeMax = 3500ms;
  /// Farther from the median is wrong. Clocks that are kept at all differ by far less than a second; a report that was
  /// delayed may look like a difference of as much.
  static constexpr int64_t kFarMs = 5'000;
  /// A successor must be nearer than this, so that a small change does not make it far at once.
  static constexpr int64_t kNearMs = kFarMs / 2;
  static constexpr Duration kFarFor = 3s;

 private:
  struct Report {
    int64_t offset_ms = 0;  // of that clock, from the monotonic one here
    Instant received;
  };
  std::vector<int64_t> offsets(const std::vector<NodeId>& voters, NodeId self, WallMs ours, Instant now,
                               std::optional<Duration> age_max) const;

  std::map<NodeId, Report> reports_;
};

}  // namespace torc::node
