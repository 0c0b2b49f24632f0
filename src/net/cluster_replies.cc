#include "net/cluster_replies.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace torc::net {
namespace {

void write_place(const NamedNode& node, wire::RespEncoder& out) {
  out.array(4);
  out.bulk(node.place.host);
  out.integer(node.place.port);
  out.bulk(node.id);
  out.map(0);  // further addresses
}

std::string slots_text(const SlotRange& range) {
  std::string text = std::to_string(range.first_slot);
  if (range.last_slot != range.first_slot) text += "-" + std::to_string(range.last_slot);
  return text;
}

std::vector<const SlotRange*> ranges_of(const ClusterMap& map, size_t master) {
  std::vector<const SlotRange*> ranges;
  for (const SlotRange& range : map.ranges) {
    if (range.master == master) ranges.push_back(&range);
  }
  return ranges;
}

void write_member(const NamedNode& node, bool is_master, wire::RespEncoder& out) {
  out.map(7);
  out.bulk("id");
  out.bulk(node.id);
  out.bulk("port");
  out.integer(node.place.port);
  out.bulk("ip");
  out.bulk(node.place.host);
  out.bulk("endpoint");
  out.bulk(node.place.host);
  out.bulk("role");
  out.bulk(is_master ? "master" : "replica");
  out.bulk("replication-offset");
  out.integer(0);  // replicas answer only what is committed: none is behind
  out.bulk("health");
  out.bulk(node.is_connected ? "online" : "failed");
}

std::string flags_of(const NamedNode& node) {
  std::string flags = node.is_self ? "myself,master" : "master";
  if (!node.is_connected) flags += ",fail?";
  if (!node.place.is_known()) flags += ",noaddr";
  return flags;
}

}  // namespace

void write_slots(const ClusterMap& map, wire::RespEncoder& out) {
  out.array(map.ranges.size());
  for (const SlotRange& range : map.ranges) {
    out.array(3 + range.replicas.size());
    out.integer(range.first_slot);
    out.integer(range.last_slot);
    write_place(map.nodes[range.master], out);
    for (const size_t replica : range.replicas) write_place(map.nodes[replica], out);
  }
}

/// One shard for each node that is the master of some slots or of none, with those that hold replicas of all of them.
void write_shards(const ClusterMap& map, wire::RespEncoder& out) {
  out.array(map.nodes.size());
  for (size_t master = 0; master < map.nodes.size(); ++master) {
    const std::vector<const SlotRange*> ranges = ranges_of(map, master);
    std::vector<size_t> replicas = ranges.empty() ? std::vector<size_t>() : ranges.front()->replicas;
    for (const SlotRange* range : ranges) {
      std::erase_if(replicas, [&](size_t replica) { return std::ranges::count(range->replicas, replica) == 0; });
    }
    out.map(2);
    out.bulk("slots");
    out.array(2 * ranges.size());
    for (const SlotRange* range : ranges) {
      out.integer(range->first_slot);
      out.integer(range->last_slot);
    }
    out.bulk("nodes");
    out.array(1 + replicas.size());
    write_member(map.nodes[master], true, out);
    for (const size_t replica : replicas) write_member(map.nodes[replica], false, out);
  }
}

/// One for each peer that is connected. Redis' links are the two ends of its bus, which Torc does not have.
void write_links(const ClusterMap& map, wire::RespEncoder& out) {
  const auto is_link = [](const NamedNode& node) { return node.is_connected && !node.is_self; };
  out.array(static_cast<size_t>(std::ranges::count_if(map.nodes, is_link)));
  for (const NamedNode& node : map.nodes) {
    if (!is_link(node)) continue;
    out.map(6);
    out.bulk("direction");
    out.bulk("to");
    out.bulk("node");
    out.bulk(node.id);
    out.bulk("create-time");
    out.integer(0);
    out.bulk("events");
    out.bulk("rw");
    out.bulk("send-buffer-allocated");
    out.integer(0);
    out.bulk("send-buffer-used");
    out.integer(0);
  }
}

/// <id> <host:port@bus-port> <flags> <master> <ping-sent> <pong-received> <epoch> <link> <slots> ...
std::string nodes_text(const ClusterMap& map) {
  std::string text;
  for (size_t i = 0; i < map.nodes.size(); ++i) {
    const NamedNode& node = map.nodes[i];
    text += node.id + " " + node.place.host + ":" + std::to_string(node.place.port) + "@0 " + flags_of(node) +
            " - 0 0 " + std::to_string(node.node.value) + (node.is_connected ? " connected" : " disconnected");
    for (const SlotRange* range : ranges_of(map, i)) text += " " + slots_text(*range);
    text += "\n";
  }
  return text;
}

std::string cluster_info_text(const ClusterMap& map) {
  std::string text;
  const auto field = [&text](std::string_view name, std::string_view value) {
    text.append(name).append(":").append(value).append("\r\n");
  };
  const auto masters = std::ranges::count_if(map.nodes, [&](const NamedNode& node) {
    return !ranges_of(map, static_cast<size_t>(&node - map.nodes.data())).empty();
  });
  uint64_t epoch = 0;
  for (const NamedNode& node : map.nodes) epoch = std::max(epoch, node.node.value);
  // An arc without a leader does not stop the others: only when no arc has one is there nothing to be had here.
  field("cluster_state", map.slots_led > 0 ? "ok" : "fail");
  field("cluster_slots_assigned", std::to_string(kSlotCount));
  field("cluster_slots_ok", std::to_string(map.slots_led));
  field("cluster_slots_pfail", "0");
  field("cluster_slots_fail", std::to_string(kSlotCount - map.slots_led));
  field("cluster_known_nodes", std::to_string(map.nodes.size()));
  field("cluster_size", std::to_string(masters));
  field("cluster_current_epoch", std::to_string(epoch));
  field("cluster_my_epoch", std::to_string(map.nodes[map.self].node.value));
  field("cluster_stats_messages_sent", "0");
  field("cluster_stats_messages_received", "0");
  field("total_cluster_links_buffer_limit_exceeded", "0");
  return text;
}

}  // namespace torc::net
