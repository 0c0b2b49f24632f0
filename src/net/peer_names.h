// How the log calls peers and links.
#pragma once

#include <string>

#include "base/strong_id.h"
#include "env/network.h"

namespace torc::net {

inline std::string node_name(NodeId node) { return "node " + std::to_string(node.value); }

inline std::string link_name(NodeId peer, env::Channel channel) {
  return node_name(peer) + (channel == env::Channel::kControl ? " (control)" : " (bulk)");
}

}  // namespace torc::net
