// What SIGUSR1 writes to the log: where this node stands, for a person without a client at hand.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "node/service.h"

namespace torc::server {

/// One line each for the node, its groups and its peers.
std::vector<std::string> state_summary(const node::NodeStatus& status, size_t clients);

}  // namespace torc::server
