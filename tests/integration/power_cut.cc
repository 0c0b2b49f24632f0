#include "power_cut.h"

#include "power_loss/roll_back.h"

namespace torc::integration {

using power_loss::Extent;

ClusterOptions with_power_switch(ClusterOptions options, const PowerSwitch& power) {
  std::string& preloaded = options.environment["LD_PRELOAD"];
  preloaded = built_program("torc_power_loss_preload.so") + (preloaded.empty() ? "" : ":" + preloaded);
  options.environment["TORC_POWER_LOSS_ROOT"] = kDataDirectory;
  options.environment["TORC_POWER_LOSS_LIE"] = power.lie;
  return options;
}

std::map<std::string, std::string> dying_at_step(int step) {
  return {{"TORC_POWER_LOSS_DIE_AT", std::to_string(step)}};
}

std::string cut_power(Cluster& cluster, const std::vector<NodeNumber>& nodes, PowerCut cut, Prng& prng) {
  for (const NodeNumber node : nodes) cluster.kill_hard(node);
  std::string what = "power cut of";
  for (const NodeNumber node : nodes) {
    const Extent extent = cut == PowerCut::kHard || prng.chance(1, 2) ? Extent::kNothing : Extent::kSome;
    what += " " + std::to_string(node) + ", leaves " + (extent == Extent::kNothing ? "nothing" : "something") +
            ", takes " + power_loss::roll_back(cluster.data_directory(node), extent, prng) + ";";
  }
  return what;
}

}  // namespace torc::integration
