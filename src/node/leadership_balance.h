// Leaderships spread evenly over the nodes of a cluster: each node gives some of its own to whoever leads less.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <vector>

#include "base/strong_id.h"
#include "base/time.h"

namespace torc::node {

/// Elections leave leadership where chance put it. While nothing else changes, and until the counts differ by at most
/// one, who leads most hands a group to who leads least. Nobody commands it: every node has a replica of every group,
/// so all see the same leaders, work out the same hand-overs of everybody, and carry out their own, a few at a time.
/// (One by one a node that came back with 64 arcs had its share after 20 s.)
class LeadershipBalance {
 public:
  struct Move {
    size_t group = 0;  // index into `leaders`
    NodeId target;
  };
  /// Call it every kInterval. `leaders`: of each group, none if unknown. `may_lead`: whether a node could take
  /// leadership over now.
  std::vector<Move> next(const std::vector<NodeId>& leaders, NodeId self, const std::vector<NodeId>& nodes,
                         const std::function<bool(NodeId)>& may_lead, Instant now);

  /// The connection to a node broke: if what it leads is led elsewhere now, that says nothing about how it leads.
  void on_lost(NodeId node);

  /// Of one node at one look: each stops its group for some milliseconds.
  static constexpr size_t kMovesMax = 8;
  static constexpr Duration kInterval = 500ms;
  /// A leadership that left its new node again within kStaysFor, although that led no more than its share, was not
  /// wanted there (a slow disk, a wrong clock): that node is given none for kShunnedFor.
  static constexpr Duration kStaysFor = 10s;
  static constexpr Duration kShunnedFor = 60s;

 private:
  struct Given {
    NodeId target;
    Instant at;
    bool has_arrived = false;
  };
  void look_after_given(const std::vector<NodeId>& leaders, const std::vector<NodeId>& nodes, Instant now);
  std::vector<Move> work_out(std::vector<NodeId> leaders, NodeId self, const std::vector<NodeId>& nodes,
                             const std::vector<NodeId>& targets) const;

  std::vector<NodeId> seen_;       // leaders at the last look
  std::map<size_t, Given> given_;  // groups handed over a moment ago
  std::map<NodeId, Instant> shunned_until_;
};

}  // namespace torc::node
