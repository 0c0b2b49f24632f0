// The nemesis run with one wire cut, between real network namespaces (rules.md#one-relay-hop): whoever is attached to
// any node is served, and nobody else comes to lead.
#include <algorithm>
#include <chrono>
#include <iostream>

#include "nemesis.h"
#include "switched_network.h"

namespace torc::integration {
namespace {

/// The way round is found after 0.4 s of silence; the rest is for a machine that has other things to do.
constexpr Millis kServedWithin{3000};
/// Of one command, once it is found.
constexpr Millis kUsual{1000};
constexpr Millis kWatched{1500};

Millis time_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - begin);
}

/// One client at each node counts, one command at a time.
class Counters {
 public:
  explicit Counters(Cluster& cluster) : cluster_(cluster) {
    for (NodeNumber node = 1; node <= cluster.size(); ++node) clients_.push_back(cluster.connect(node, kServedWithin));
  }
  void count(NodeNumber node, Millis bound, const std::string& when) {
    const std::string key = "counter-" + std::to_string(node);
    std::optional<Reply> reply;
    const Millis took = time_of([&] { reply = clients_.at(static_cast<size_t>(node - 1)).call({"INCR", key}); });
    ASSERT_TRUE(reply) << "node " << node << " does not answer: " << when;
    EXPECT_EQ(reply->integer, ++counted_[node]) << *reply << " at node " << node << ": " << when;
    EXPECT_LE(took, bound) << "at node " << node << ": " << when;
    slowest_ = std::max(slowest_, took);
  }
  void count_everywhere(const std::string& when) {
    for (NodeNumber node = 1; node <= cluster_.size(); ++node) count(node, kServedWithin, when + ", at first");
    const auto end = std::chrono::steady_clock::now() + kWatched;
    while (std::chrono::steady_clock::now() < end && !::testing::Test::HasFailure()) {
      for (NodeNumber node = 1; node <= cluster_.size(); ++node) count(node, kUsual, when + ", later");
    }
  }
  Millis slowest() const { return slowest_; }

 private:
  Cluster& cluster_;
  std::vector<RespClient> clients_;
  std::map<NodeNumber, int64_t> counted_;
  Millis slowest_{0};
};

std::string term_of(Cluster& cluster, NodeNumber node) {
  auto fields = cluster.info(node);
  return fields ? (*fields)["raft_term"] : "no answer";
}

TEST_F(Nemesis, ClientsOfEveryNodeAreServedWhileAnyOneWireIsCut) {
  const std::string refusal = OwnNamespace::refusal(OwnNamespace::Kind::kNetwork);
  if (!refusal.empty()) GTEST_SKIP() << refusal;
  SwitchedNetwork network(3, built_program("../switched_network.out"));
  Cluster cluster({.premises = &network});
  RecordedWorkload workload = start_workload(cluster);
  Counters counters(cluster);
  const NodeNumber leader = cluster.wait_for_leader();
  const std::string term = term_of(cluster, leader);
  counters.count_everywhere("all wires are there");
  const auto end = std::chrono::steady_clock::now() + length(0);
  do {
    for (const auto& [a, b] : {std::pair(1, 2), std::pair(1, 3), std::pair(2, 3)}) {
      if (HasFailure()) break;
      const std::string wire = std::to_string(a) + "-" + std::to_string(b) +
                               (a == leader || b == leader ? ", of the leader," : ", of two followers,");
      network.cut(a, b);
      counters.count_everywhere("the wire " + wire + " is cut");
      network.mend(a, b);
      counters.count_everywhere("the wire " + wire + " is there again");
      EXPECT_EQ(term_of(cluster, leader), term) << "after the wire " << wire << " was cut";
      EXPECT_EQ(cluster.wait_for_leader(), leader);
    }
  } while (std::chrono::steady_clock::now() < end && !HasFailure());
  expect_progress(workload, "all wires are there again");
  std::cout << "the slowest command took " << counters.slowest().count() << " ms\n";
  judge(workload, "cut_wires");
}

}  // namespace
}  // namespace torc::integration
