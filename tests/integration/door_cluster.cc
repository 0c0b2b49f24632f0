#include "door_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

namespace torc::integration {
namespace {

constexpr int64_t kSlots = 16384;

ClusterOptions with_doors(int arcs) {
  ClusterOptions options;
  options.has_cluster_doors = true;
  options.extra_args = {"--arcs", std::to_string(arcs)};
  return options;
}

}  // namespace

DoorCluster::DoorCluster(int arc_count) : Cluster(with_doors(arc_count)), arcs(arc_count) {
  const bool is_led = holds_within(Millis(20000), [&] {
    for (NodeNumber node = 1; node <= size(); ++node) {
      auto fields = info(node);
      if (!fields || (*fields)["raft_groups_leaderless"] != "0") return false;
    }
    return true;
  });
  EXPECT_TRUE(is_led) << "an arc has no leader";
}

bool DoorCluster::wait_until_even(Millis timeout) {
  return holds_within(timeout, [&] {
    int fewest = arcs;
    int most = 0;
    int sum = 0;
    for (NodeNumber node = 1; node <= size(); ++node) {
      auto fields = info(node);
      if (!fields) return false;
      const int led = std::atoi((*fields)["raft_groups_led"].c_str());
      fewest = std::min(fewest, led);
      most = std::max(most, led);
      sum += led;
    }
    return sum == arcs && most - fewest <= 1;
  });
}

std::vector<std::string> DoorCluster::keys_of_arcs() const {
  std::map<int64_t, std::string> keys;
  RespClient client = connect(1);
  for (int i = 0; keys.size() < static_cast<size_t>(arcs); ++i) {
    const std::string key = "k" + std::to_string(i);
    const std::optional<Reply> slot = client.call({"CLUSTER", "KEYSLOT", key});
    if (!slot || slot->kind != Reply::Kind::kInteger) throw std::runtime_error("no answer to CLUSTER KEYSLOT");
    keys.emplace(slot->integer * arcs / kSlots, key);
  }
  std::vector<std::string> by_slot;
  for (const auto& [arc, key] : keys) by_slot.push_back(key);
  return by_slot;
}

std::string trouble_of(const std::optional<Reply>& reply) {
  if (!reply || reply->kind != Reply::Kind::kArray) return "no answer";
  int64_t next = 0;
  for (const Reply& range : reply->elements) {
    if (range.elements.size() < 3) return "a range without a node";
    if (range.elements[0].integer != next) return "slot " + std::to_string(next) + " is not named once";
    if (range.elements[2].elements.at(0).text.empty()) return "slot " + std::to_string(next) + " has no address";
    next = range.elements[1].integer + 1;
  }
  return next == kSlots ? "" : "slot " + std::to_string(next) + " is missing";
}

}  // namespace torc::integration
