// Power failures of real nodes: the process dies, and what it had not synced goes with it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/prng.h"
#include "cluster.h"

namespace torc::integration {

/// What a disk may pretend: "data" and "directories" do nothing when told to sync those, "late" syncs data 50 ms after
/// it said so. Empty: an honest one.
struct PowerSwitch {
  std::string lie;
};

/// The options, with every node's files kept track of. Other preloaded libraries come behind: what they refuse was not
/// synced.
ClusterOptions with_power_switch(ClusterOptions options, const PowerSwitch& power = {});

enum class PowerCut {
  kHard,    // nothing unsynced is left
  kRandom,  // of each node either nothing, or some pages, sizes and names
};
/// For Cluster::start_with: the node dies before its step with this number, a step being a change of names or a sync.
std::map<std::string, std::string> dying_at_step(int step);
/// Kills the nodes and takes back what they had not synced. Returns what that was, one line. Requires:
/// with_power_switch.
std::string cut_power(Cluster& cluster, const std::vector<NodeNumber>& nodes, PowerCut cut, Prng& prng);

}  // namespace torc::integration
