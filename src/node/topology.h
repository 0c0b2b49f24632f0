// Who serves which slots, and where: what cluster clients ask for, and what a door must know to send them on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/arc.h"
#include "base/strong_id.h"

namespace torc::node {

/// A listening port and its manners.
enum class Door : uint8_t {
  kAny,      // every command, whoever has to execute it; looks like a standalone Redis
  kCluster,  // strict Redis Cluster: the client knows the map, and commands that belong elsewhere are sent there
};

struct ArcStatus {
  Arc arc;
  GroupId group;
  NodeId leader;                 // none: unknown
  std::vector<NodeId> replicas;  // the nodes that hold one, the leader's included; voters before learners, by number

  friend bool operator==(const ArcStatus&, const ArcStatus&) = default;
};

/// Where a node serves clients, as it told the others. Empty: not known yet, or there is no such door.
struct NodeAddresses {
  NodeId node;
  std::string any_door;
  std::string cluster_door;
  bool is_connected = false;  // of this node itself: always

  friend bool operator==(const NodeAddresses&, const NodeAddresses&) = default;
};

/// As far as this node knows, at one moment.
struct Topology {
  ClusterId cluster;  // none: not born yet
  NodeId self;
  std::vector<ArcStatus> arcs;       // by slot, every slot exactly once; empty: not born yet
  std::vector<NodeAddresses> nodes;  // by number, this one included
};

/// Where a command about one slot belongs.
struct Whereabouts {
  bool is_here = false;      // a replica on this node leads the slot's group
  NodeId leader;             // none: unknown
  bool is_awaited = false;   // nobody is known to lead it, but somebody was a moment ago: an election or a hand-over
  std::string cluster_door;  // of the leader, unless is_here. Empty: not known, or it has none
};

}  // namespace torc::node
