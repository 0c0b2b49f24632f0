// What cluster clients are told: the one arc, and where every node serves them.
#include <algorithm>

#include "node/static_node.h"

namespace torc::node {

Topology StaticNode::topology() const {
  Topology topology;
  topology.cluster = cluster_id_of(birth_.identity().roster);
  topology.self = options_.id;
  for (const NodeId node : options_.initial_cluster) {
    const auto peer = peers_.find(node);
    topology.nodes.push_back(peer == peers_.end()
                                 ? NodeAddresses{node, options_.client_address, options_.cluster_address, true}
                                 : NodeAddresses{node, peer->second.client_address, peer->second.cluster_address,
                                                 peer->second.is_connected});
  }
  if (!group_) return topology;
  ArcStatus arc{.arc = {}, .group = kTheGroup, .leader = known_leader().node, .replicas = {}};
  const consensus::Configuration& members = group_->replica().configuration();
  const auto add = [&arc](const consensus::ReplicaId& replica) {  // a node's former replica may still be one of them
    if (std::ranges::find(arc.replicas, replica.node) == arc.replicas.end()) arc.replicas.push_back(replica.node);
  };
  std::ranges::for_each(members.voters, add);
  std::ranges::for_each(members.learners, add);
  topology.arcs.push_back(std::move(arc));
  return topology;
}

Whereabouts StaticNode::locate(uint16_t) const {
  if (leads()) return {.is_here = true, .leader = options_.id, .cluster_door = {}};
  Whereabouts whereabouts{.is_here = false, .leader = known_leader().node, .cluster_door = {}};
  const auto peer = peers_.find(whereabouts.leader);
  if (peer != peers_.end()) whereabouts.cluster_door = peer->second.cluster_address;
  return whereabouts;
}

}  // namespace torc::node
