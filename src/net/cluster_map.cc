#include "net/cluster_map.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "wire/command_table.h"

namespace torc::net {
namespace {

NamedNode named(const node::NodeAddresses& addresses, const node::Topology& topology, const Place& own) {
  NamedNode named{.node = addresses.node,
                  .id = node_id_text(addresses.node, topology.cluster),
                  .place = place_of(addresses.cluster_door.empty() ? addresses.any_door : addresses.cluster_door),
                  .is_connected = addresses.is_connected,
                  .is_self = addresses.node == topology.self};
  if (named.is_self) {
    named.place = own;
    named.is_connected = true;
  }
  return named;
}

class Drawing {
 public:
  Drawing(const node::Topology& topology, const Place& own) : topology_(topology) {
    for (const node::NodeAddresses& node : topology.nodes) {
      if (node.node == topology.self) map_.self = map_.nodes.size();
      map_.nodes.push_back(named(node, topology, own));
    }
    const bool has_self = !map_.nodes.empty() && map_.nodes[map_.self].is_self;
    if (!has_self) {
      map_.self = map_.nodes.size();
      map_.nodes.push_back(named({.node = topology.self, .any_door = {}, .cluster_door = {}}, topology, own));
    }
  }

  ClusterMap take() {
    for (const node::ArcStatus& arc : topology_.arcs) add(arc);
    if (topology_.arcs.empty()) add({.arc = {}, .group = {}, .leader = {}, .replicas = {}});  // not born yet
    return std::move(map_);
  }

 private:
  std::optional<size_t> place_in_list(NodeId node) const {
    for (size_t i = 0; i < map_.nodes.size(); ++i) {
      if (map_.nodes[i].node == node) return i;
    }
    return std::nullopt;
  }

  /// Those of the arc's replicas that a client can be sent to.
  std::vector<size_t> reachable(const node::ArcStatus& arc) const {
    std::vector<size_t> reachable;
    for (const NodeId node : arc.replicas) {
      const std::optional<size_t> index = place_in_list(node);
      if (!index) continue;
      const NamedNode& named = map_.nodes[*index];
      if (named.is_connected && named.place.is_known()) reachable.push_back(*index);
    }
    return reachable;
  }

  void add(const node::ArcStatus& arc) {
    SlotRange range{.first_slot = arc.arc.first_slot,
                    .last_slot = arc.arc.end_slot - 1,
                    .master = map_.self,
                    .replicas = reachable(arc)};
    const std::optional<size_t> leader = arc.leader ? place_in_list(arc.leader) : std::nullopt;
    if (leader) map_.slots_led += arc.arc.slot_count();
    if (leader && map_.nodes[*leader].place.is_known()) {
      range.master = *leader;
    } else if (!range.replicas.empty()) {
      range.master = range.replicas.front();
    }
    std::erase(range.replicas, range.master);
    if (topology_.arcs.size() > 1) range.replicas.clear();
    if (!map_.ranges.empty()) {
      SlotRange& before = map_.ranges.back();
      if (before.master == range.master && before.replicas == range.replicas) {
        before.last_slot = range.last_slot;
        return;
      }
    }
    map_.ranges.push_back(std::move(range));
  }

  const node::Topology& topology_;
  ClusterMap map_;
};

}  // namespace

const NamedNode* ClusterMap::find(std::string_view id) const {
  const std::string lower = wire::to_lower(id);
  const auto found = std::ranges::find(nodes, lower, &NamedNode::id);
  return found == nodes.end() ? nullptr : &*found;
}

std::string node_id_text(NodeId node, ClusterId cluster) {
  char text[41];
  std::snprintf(text, sizeof text, "%016llx%016llx%08x", static_cast<unsigned long long>(node.value),
                static_cast<unsigned long long>(cluster.value), 0u);
  return text;
}

ClusterMap draw_cluster_map(const node::Topology& topology, const Place& own) { return Drawing(topology, own).take(); }

}  // namespace torc::net
