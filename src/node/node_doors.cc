// What a door asks of the node: who serves which slots, and the commands of the cluster door that have no key.
#include <algorithm>
#include <string>

#include "kv/position.h"
#include "node/node.h"

namespace torc::node {

Topology Node::topology() const {
  Topology topology;
  topology.cluster = cluster_id_of(birth_.identity().roster);
  topology.self = options_.id;
  for (const NodeId node : options_.initial_cluster) {
    const auto peer = peers_.find(node);
    topology.nodes.push_back(peer == peers_.end()
                                 ? NodeAddresses{node, options_.client_address, options_.cluster_address, true}
                                 : NodeAddresses{node, peer->second.client_address, peer->second.cluster_address,
                                                 links_.is_reachable(node)});
  }
  for (uint32_t i = 0; i < groups_.size(); ++i) {
    ArcStatus arc{
        .arc = router_.arc(i), .group = groups_[i].id(), .leader = groups_[i].known_leader().node, .replicas = {}};
    const consensus::Configuration& members = groups_[i].group().replica().configuration();
    const auto add = [&arc](const consensus::ReplicaId& replica) {  // a node's former replica may still be one of them
      if (std::ranges::find(arc.replicas, replica.node) == arc.replicas.end()) arc.replicas.push_back(replica.node);
    };
    std::ranges::for_each(members.voters, add);
    std::ranges::for_each(members.learners, add);
    topology.arcs.push_back(std::move(arc));
  }
  return topology;
}

Whereabouts Node::locate(uint16_t slot) const {
  if (!is_born()) return {};
  const HostedGroup& group = groups_[router_.arc_of(slot)];
  if (group.leads()) return {.is_here = true, .leader = options_.id, .cluster_door = {}};
  Whereabouts whereabouts{.is_here = false, .leader = group.known_leader().node, .cluster_door = {}};
  whereabouts.is_awaited = !whereabouts.leader && group.was_led_since(clock_.now() - kLeaderAwaitedFor);
  const auto peer = peers_.find(whereabouts.leader);
  if (peer != peers_.end()) whereabouts.cluster_door = peer->second.cluster_address;
  return whereabouts;
}

std::vector<uint32_t> Node::led_arcs() const {
  std::vector<uint32_t> arcs;
  for (uint32_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].leads()) arcs.push_back(i);
  }
  return arcs;
}

/// Among whose commands the client's order has this one.
GroupId Node::order_of(const Request& request, const Router::Route& route) const {
  if (route.kind == Router::Route::Kind::kEvery) return kEveryGroup;
  const bool is_scan_of_led = request.command.id == kv::CommandId::kScan &&
                              clients_.door(request.waiter.client) == Door::kCluster;  // of whichever comes next
  return is_scan_of_led ? kEveryGroup : group_of_arc(route.arc);
}

/// At the cluster door DBSIZE, FLUSHALL and SCAN are about the arcs led here: its client asks every node, and would
/// count or walk over every key once for each node otherwise. False if it is another command.
bool Node::dispatch_to_led_groups(const Request& request) {
  const kv::CommandId id = request.command.id;
  if (id == kv::CommandId::kScan) {
    scan_led_groups(request);
    return true;
  }
  const bool is_flush = id == kv::CommandId::kFlushAll || id == kv::CommandId::kFlushDb;
  if (id != kv::CommandId::kDbSize && !is_flush) return false;
  const std::vector<uint32_t> led = led_arcs();
  if (!led.empty()) {
    dispatch_to(led, request);
    return true;
  }
  kv::ReplySink& sink = clients_.begin(request.waiter);
  is_flush ? sink.ok() : sink.integer(0);
  clients_.end_immediate(request.waiter);
  return true;
}

/// Goes on in the next arc led here at or behind the cursor, which is a position (kv/scan.cc).
void Node::scan_led_groups(const Request& request) {
  const uint32_t wanted = router_.slot_of_cursor(request.command.args[0]);
  for (const uint32_t arc : led_arcs()) {
    if (router_.arc(arc).end_slot <= wanted) continue;
    if (router_.arc(arc).first_slot <= wanted) return groups_[arc].dispatch(request);
    const std::string cursor = std::to_string(uint64_t{router_.arc(arc).first_slot} << kv::kLowPositionBits);
    std::vector<std::string_view> args(request.command.args.begin(), request.command.args.end());
    args[0] = cursor;
    Request next = request;
    next.command.args = args;
    return groups_[arc].dispatch(next);
  }
  kv::ReplySink& sink = clients_.begin(request.waiter);
  sink.array(2);
  sink.bulk("0");
  sink.array(0);
  clients_.end_immediate(request.waiter);
}

}  // namespace torc::node
