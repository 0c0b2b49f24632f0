// The groups of a node that rest, and how heartbeats reach them.
#pragma once

#include <optional>
#include <vector>

#include "base/time.h"
#include "consensus/replica.h"
#include "wire/beat.h"

namespace torc::node {

/// Many groups rest, and a node hears several times a second of each. What takes no turn takes no message either: it is
/// told to the replica (consensus/rest.cc) without a look at anything else of the group, and what it says goes into the
/// beat or its reply. Whatever a replica has more to do for, or a group that does not rest, goes the ordinary way.
class Resting {
 public:
  /// Requires: before any other call, and all ids are less than `groups_end`.
  void resize(GroupId groups_end) { places_.resize(groups_end.value); }
  /// `replica` rests until then at the latest, or until remove().
  void add(GroupId group, consensus::Replica& replica, Instant until) { places_[group.value] = {&replica, until}; }
  void remove(GroupId group) { places_[group.value] = {}; }

  /// A heartbeat from `peer`: where the durable log ends of the replica that follows, as far as that is all that comes
  /// of it. Nothing: nothing happened.
  [[nodiscard]] std::optional<LogIndex> follow(NodeId self, NodeId peer, const wire::Heartbeat& one, Instant now);
  /// The answer of `peer` to the heartbeat `asked`. False: nothing happened.
  [[nodiscard]] bool hear(NodeId self, NodeId peer, const wire::Heartbeat& asked, LogIndex last_index, Instant now);
  /// The group's time has come, or nearly: what it beats is appended to `said`, and the time at which to look again is
  /// returned. Nothing: it has more to do, or does not rest.
  [[nodiscard]] std::optional<Instant> on_due(GroupId group, Instant now, std::vector<consensus::SentHeartbeat>& said);

 private:
  struct Place {
    consensus::Replica* replica = nullptr;  // null: the group does not rest
    Instant until;
  };
  consensus::Replica* find(GroupId group) const {
    return group.value < places_.size() ? places_[group.value].replica : nullptr;
  }

  std::vector<Place> places_;  // by group
};

}  // namespace torc::node
