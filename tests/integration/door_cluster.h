// A static cluster of three nodes with cluster doors, and what its nodes say about arcs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cluster.h"

namespace torc::integration {

struct DoorCluster : Cluster {
  /// All arcs are led when it returns.
  explicit DoorCluster(int arc_count = 64);

  /// Until each node leads as many arcs as the others, or one more.
  bool wait_until_even(Millis timeout = Millis(30000));
  RespClient at_cluster_door(NodeNumber node, Millis timeout = Millis(5000)) const {
    return RespClient::connect(cluster_address(node), timeout);
  }
  CommandResult run(const std::vector<std::string>& argv, Millis timeout = Millis(60000)) {
    return run_command(argv, directory() + "/command.out", timeout);
  }
  /// A key of each arc, by slot.
  std::vector<std::string> keys_of_arcs() const;

  const int arcs;
};

/// Why the answer of CLUSTER SLOTS is no map of the whole circle; empty if it is one.
std::string trouble_of(const std::optional<Reply>& reply);

}  // namespace torc::integration
