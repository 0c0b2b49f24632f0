// Eight clients, five keys, and a nemesis that kills and stops nodes, cuts their power and their wires and fails their
// fsync: is what the clients saw linearizable?
//
// TORC_NEMESIS_SECONDS makes a run longer (make nemesis SECONDS=600), TORC_NEMESIS_SEED repeats a sequence of faults.
#include "nemesis.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>

#include "power_cut.h"
#include "switched_network.h"

namespace torc::integration {
namespace {

constexpr Millis kStopsWithin{10000};

/// What can happen, one thing at a time. Each ends with all nodes running and all wires there.
struct Fault {
  const char* name;
  void (*inject)(Cluster& cluster, Prng& prng);
};
/// What needs wires that can be cut.
struct WireFault {
  const char* name;
  void (*inject)(Cluster& cluster, SwitchedNetwork& network, Prng& prng);
};

void linger(Prng& prng, uint64_t first_ms, uint64_t last_ms) { sleep_for(Millis(prng.between(first_ms, last_ms))); }

NodeNumber leader_of(Cluster& cluster) { return cluster.wait_for_leader(Millis(20000)); }

NodeNumber follower_of(NodeNumber leader, Prng& prng) {
  return (leader + static_cast<NodeNumber>(prng.below(2))) % 3 + 1;
}

void kill(Cluster& cluster, NodeNumber node, Prng& prng) {
  cluster.kill_hard(node);
  linger(prng, 0, 1500);
  cluster.start(node);
}

void stop_for_a_while(Cluster& cluster, NodeNumber node, Prng& prng) {
  cluster.pause(node);
  linger(prng, 100, 2500);
  cluster.resume(node);
}

/// From its next fsync on nothing it holds can be trusted: it must say so and end, by itself and at once.
void fail_sync(Cluster& cluster, NodeNumber node, Prng& prng) {
  const std::string& log = cluster.process(node).output_path();
  const size_t log_before = read_file(log).size();
  const std::string failing = cluster.directory() + "/sync-fails." + std::to_string(cluster.process(node).pid());
  std::ofstream(failing).put('1');
  const std::optional<int> status = cluster.process(node).wait(kStopsWithin);
  ASSERT_TRUE(status.has_value()) << "node " << node << " goes on although its fsync fails";
  EXPECT_GT(*status, 0);
  EXPECT_LT(*status, 128) << "ended by a signal";
  const std::string said = read_file(log).substr(log_before);
  EXPECT_NE(said.find("cannot sync"), std::string::npos) << said;
  linger(prng, 0, 1000);
  cluster.start(node);
}

/// Of `count` nodes at once, `first` among them.
void lose_power(Cluster& cluster, NodeNumber first, size_t count, Prng& prng) {
  std::vector<NodeNumber> nodes{first, first % 3 + 1, (first + 1) % 3 + 1};
  nodes.resize(count);
  cut_power(cluster, nodes, PowerCut::kRandom, prng);
  linger(prng, 0, 1000);
  for (const NodeNumber node : nodes) cluster.start(node);
}

constexpr Fault kFaults[] = {
    {"kill the leader", [](Cluster& cluster, Prng& prng) { kill(cluster, leader_of(cluster), prng); }},
    {"kill a follower",
     [](Cluster& cluster, Prng& prng) { kill(cluster, follower_of(leader_of(cluster), prng), prng); }},
    {"stop the leader for a while",
     [](Cluster& cluster, Prng& prng) { stop_for_a_while(cluster, leader_of(cluster), prng); }},
    {"stop a follower for a while",
     [](Cluster& cluster, Prng& prng) { stop_for_a_while(cluster, follower_of(leader_of(cluster), prng), prng); }},
    {"kill all three at once",
     [](Cluster& cluster, Prng&) {
       for (NodeNumber node = 1; node <= 3; ++node) cluster.kill_hard(node);
       for (NodeNumber node = 1; node <= 3; ++node) cluster.start(node);
     }},
    {"stop the leader, kill the one that follows it, wake the first",
     [](Cluster& cluster, Prng& prng) {
       const NodeNumber leader = leader_of(cluster);
       const NodeNumber follower = follower_of(leader, prng);
       cluster.pause(leader);
       linger(prng, 600, 1500);
       cluster.kill_hard(follower);
       cluster.resume(leader);
       linger(prng, 0, 500);
       cluster.start(follower);
     }},
    {"cut the leader's power", [](Cluster& cluster, Prng& prng) { lose_power(cluster, leader_of(cluster), 1, prng); }},
    {"cut the power of two nodes",
     [](Cluster& cluster, Prng& prng) { lose_power(cluster, static_cast<NodeNumber>(prng.between(1, 3)), 2, prng); }},
    {"cut the power of all three", [](Cluster& cluster, Prng& prng) { lose_power(cluster, 1, 3, prng); }},
    {"fail the leader's fsync", [](Cluster& cluster, Prng& prng) { fail_sync(cluster, leader_of(cluster), prng); }},
    {"fail a follower's fsync",
     [](Cluster& cluster, Prng& prng) { fail_sync(cluster, follower_of(leader_of(cluster), prng), prng); }},
};

void cut_for_a_while(SwitchedNetwork& network, NodeNumber a, NodeNumber b, Prng& prng) {
  network.cut(a, b);
  linger(prng, 100, 3000);
  network.mend(a, b);
}

constexpr WireFault kWireFaults[] = {
    {"cut the wire between the leader and a follower",
     [](Cluster& cluster, SwitchedNetwork& network, Prng& prng) {
       const NodeNumber leader = leader_of(cluster);
       cut_for_a_while(network, leader, follower_of(leader, prng), prng);
     }},
    {"cut the wire between the followers",
     [](Cluster& cluster, SwitchedNetwork& network, Prng& prng) {
       const NodeNumber leader = leader_of(cluster);
       cut_for_a_while(network, leader % 3 + 1, (leader + 1) % 3 + 1, prng);
     }},
    {"cut the leader off",
     [](Cluster& cluster, SwitchedNetwork& network, Prng& prng) {
       const NodeNumber leader = leader_of(cluster);
       network.cut(leader, leader % 3 + 1);
       cut_for_a_while(network, leader, (leader + 1) % 3 + 1, prng);
       network.mend(leader, leader % 3 + 1);
     }},
    {"cut a wire of the leader and kill the leader",
     [](Cluster& cluster, SwitchedNetwork& network, Prng& prng) {
       const NodeNumber leader = leader_of(cluster);
       const NodeNumber follower = follower_of(leader, prng);
       network.cut(leader, follower);
       linger(prng, 100, 1000);
       kill(cluster, leader, prng);
       linger(prng, 100, 1000);
       network.mend(leader, follower);
     }},
};

ClusterOptions with_failing_sync(Premises* premises = nullptr) {
  std::string failing(kClusterDirectory);
  failing += "/sync-fails";
  return {.environment = {{"LD_PRELOAD", built_program("torc_failing_sync_preload.so")},
                          {"TORC_FAILING_SYNC_SWITCH", failing}},
          .premises = premises};
}

/// Small checkpoints: the power cuts are to meet RocksDB at work.
ClusterOptions with_everything(Premises* premises) {
  ClusterOptions options = with_power_switch(with_failing_sync(premises));
  options.extra_args = {"--checkpoint-mib", "1", "--log-tail-mib", "1"};
  return options;
}

TEST_F(Nemesis, WhatEightClientsSawDuringAllFaultsIsLinearizable) {
  const std::string refusal = OwnNamespace::refusal(OwnNamespace::Kind::kNetwork);
  std::optional<SwitchedNetwork> network;
  if (refusal.empty()) {
    network.emplace(3, built_program("../switched_network.out"));
  } else {
    std::cout << "no wire is cut in this run: " << refusal << "\n";
  }
  Cluster cluster(with_everything(network ? &*network : nullptr));
  RecordedWorkload workload = start_workload(cluster);
  const auto end = std::chrono::steady_clock::now() + length(20);
  std::map<std::string, int> injected;
  while (std::chrono::steady_clock::now() < end && !HasFailure()) {
    const size_t chosen = prng_.below(std::size(kFaults) + (network ? std::size(kWireFaults) : 0));
    const char* name = nullptr;
    if (chosen < std::size(kFaults)) {
      name = kFaults[chosen].name;
      kFaults[chosen].inject(cluster, prng_);
    } else {
      const WireFault& fault = kWireFaults[chosen - std::size(kFaults)];
      name = fault.name;
      fault.inject(cluster, *network, prng_);
    }
    ++injected[name];
    expect_progress(workload, name);
    linger(0, 500);
  }
  cluster.wait_until_all_answer();
  for (const auto& [name, count] : injected) std::cout << count << " x " << name << "\n";
  judge(workload, "nemesis");
}

TEST_F(Nemesis, NodeWhoseFsyncFailsStopsAndNothingAcknowledgedIsLost) {
  Cluster cluster(with_failing_sync());
  RecordedWorkload workload = start_workload(cluster);
  for (const bool is_leader : {false, true}) {
    const NodeNumber leader = leader_of(cluster);
    const auto written = cluster.connect(leader).call({"SET", "kept", is_leader ? "2" : "1"});
    ASSERT_TRUE(written && written->is_ok()) << written;
    fail_sync(cluster, is_leader ? leader : follower_of(leader, prng_), prng_);
    expect_progress(workload, "fsync failed");
    cluster.wait_until_all_answer();
    for (NodeNumber node = 1; node <= cluster.size(); ++node) {
      const auto read = cluster.connect(node).call({"GET", "kept"});
      ASSERT_TRUE(read);
      EXPECT_EQ(read->text, is_leader ? "2" : "1") << "at node " << node;
    }
  }
  judge(workload, "failing_sync");
}

// Alone: nothing else may fail until the node has everything again. Amnesia.* looks at what it says of itself.
TEST_F(Nemesis, WhatClientsSawWhenADataDirectoryWasDeletedIsLinearizable) {
  Cluster cluster;
  RecordedWorkload workload = start_workload(cluster);
  linger(500, 1500);
  const NodeNumber leader = leader_of(cluster);
  const NodeNumber wiped = prng_.chance(1, 2) ? leader : follower_of(leader, prng_);
  cluster.kill_hard(wiped);
  linger(0, 500);
  cluster.delete_data(wiped);
  cluster.start(wiped);
  expect_progress(workload, "a data directory was deleted");
  const auto has_returned = [&] {
    const auto fields = cluster.info(wiped, Millis(300));
    return fields && fields->at("raft_membership") == "member";
  };
  ASSERT_TRUE(holds_within(Millis(20000), has_returned)) << "under load, it is not a voter again";
  linger(500, 1500);
  // It counts again: without a third node nothing goes on but with it.
  const NodeNumber other = follower_of(wiped, prng_);
  cluster.kill_hard(other);
  expect_progress(workload, "the node that returned is half of the majority");
  cluster.start(other);
  judge(workload, "deleted_directory");
}

TEST_F(Nemesis, WithoutFaultsEveryOperationIsAnsweredAndTheHistoryIsLinearizable) {
  Cluster cluster;
  RecordedWorkload workload = start_workload(cluster);
  sleep_for(Millis(3000));
  const check::History history = workload.stop();
  EXPECT_GT(history.size(), 100u);
  EXPECT_TRUE(std::none_of(history.begin(), history.end(), [](const check::Operation& operation) {
    return operation.outcome.kind == check::Outcome::Kind::kUnknown;
  }));
  judge(history, "calm");
}

}  // namespace
}  // namespace torc::integration
