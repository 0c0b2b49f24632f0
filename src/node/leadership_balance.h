// Leaderships spread evenly over the nodes of a cluster: each node gives some of its own to whoever leads less.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/strong_id.h"
#include "base/time.h"

namespace torc::node {

/// Elections leave leadership where chance put it. Whoever leads at least two groups more than another node hands one
/// to the node that leads least, one at a time, and only while nothing else changes: once the counts differ by at most
/// one, nothing moves any more. Nobody commands it: every node has a replica of every group, so all see the same
/// counts.
class LeadershipBalance {
 public:
  struct Move {
    size_t group = 0;  // index into `leaders`
    NodeId target;
  };
  /// Call it every kInterval. `leaders`: of each group, none if unknown. `may_lead`: whether a node could take
  /// leadership over now.
  std::optional<Move> next(const std::vector<NodeId>& leaders, NodeId self, const std::vector<NodeId>& nodes,
                           const std::function<bool(NodeId)>& may_lead, Instant now);

  static constexpr Duration kInterval = 500ms;
  /// A leadership that left its new node again within kStaysFor was not wanted there (a slow disk, a wrong clock): that
  /// node is given none for kShunnedFor.
  static constexpr Duration kStaysFor = 10s;
  static constexpr Duration kShunnedFor = 60s;

 private:
  struct Given {
    NodeId target;
    Instant at;
    bool has_arrived = false;
  };
  void look_after_given(const std::vector<NodeId>& leaders, Instant now);

  std::vector<NodeId> seen_;       // leaders at the last look
  std::map<size_t, Given> given_;  // groups handed over a moment ago
  std::map<NodeId, Instant> shunned_until_;
};

}  // namespace torc::node
