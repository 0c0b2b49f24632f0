// The answers of CLUSTER SLOTS, SHARDS, NODES, INFO and LINKS, in the shapes of Redis 7.0.
#pragma once

#include <string>

#include "net/cluster_map.h"
#include "wire/resp_encoder.h"

namespace torc::net {

void write_slots(const ClusterMap& map, wire::RespEncoder& out);
void write_shards(const ClusterMap& map, wire::RespEncoder& out);
void write_links(const ClusterMap& map, wire::RespEncoder& out);
/// One line for each node.
std::string nodes_text(const ClusterMap& map);
std::string cluster_info_text(const ClusterMap& map);

}  // namespace torc::net
