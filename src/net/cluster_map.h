// The topology as cluster clients are told it: every slot once, every node as a master of the slots it leads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/door.h"
#include "node/service.h"

namespace torc::net {

struct NamedNode {
  NodeId node;
  std::string id;  // 40 hex digits
  Place place;     // of its cluster door; of its any door, where every command is welcome too, if it has no other
  bool is_connected = false;
  bool is_self = false;
};

/// Arcs side by side that are served by the same nodes.
struct SlotRange {
  uint32_t first_slot = 0;
  uint32_t last_slot = 0;
  size_t master = 0;  // of ClusterMap::nodes
  /// Without the master, and without those that cannot be reached. With several arcs none, for every node leads some:
  /// in Redis Cluster a node is a master or a replica. redis-py takes one that is named as both for a replica, and
  /// leaves it out of DBSIZE, FLUSHALL and SCAN of all masters; and where leadership of one slot goes over to what it
  /// knows as a replica, it takes the former leader for one.
  std::vector<size_t> replicas;
};

struct ClusterMap {
  std::vector<NamedNode> nodes;   // by number
  std::vector<SlotRange> ranges;  // by slot: every slot exactly once, whatever is known
  uint32_t slots_led = 0;         // whose leader is known
  size_t self = 0;                // of nodes

  /// The node with this id, in hex digits of any case; null if there is none.
  const NamedNode* find(std::string_view id) const;
};

/// Forty hex digits, as a Redis node's: its number, the cluster's id, and zeros.
std::string node_id_text(NodeId node, ClusterId cluster);

/// `own`: this node as the client that asks is to name it.
///
/// A client that is told of no master for a slot gives up, and one that is told of a dead one waits for it to answer.
/// So while no leader of an arc is known (or nobody knows where it serves clients) its first replica that is connected
/// and can be named stands in for it, else this node itself: whoever is asked knows the next leader as soon as there is
/// one, and says MOVED or CLUSTERDOWN until then.
ClusterMap draw_cluster_map(const node::Topology& topology, const Place& own);

}  // namespace torc::net
