// A planned stop under load: is anything lost, and how long do clients wait?
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "cluster.h"
#include "write_load.h"

namespace torc::integration {
namespace {

constexpr int kRoundsMin = 3;
constexpr int kRoundsMax = 12;  // of a busy machine, on which single rounds are slow
constexpr Millis kCostMax{50};

/// The longest time that a client waits while a node is stopped and for a moment after; then the node is started again.
Millis wait_while_stopping(Cluster& cluster, WriteLoad& load, NodeNumber node) {
  load.time_to_next_acknowledged_write(Millis(10000));
  load.take_longest_gap();
  EXPECT_EQ(cluster.process(node).terminate(Millis(10000)), 0) << "node " << node;
  sleep_for(Millis(300));
  load.time_to_next_acknowledged_write(Millis(10000));
  const Millis longest = load.take_longest_gap();
  cluster.start(node);
  cluster.wait_until_all_answer();
  return longest;
}

void expect_nothing_lost(const Cluster& cluster, WriteLoad& load) {
  load.stop();
  EXPECT_GT(load.acknowledged_count(), 100u);
  for (const Address& node : cluster.addresses()) {
    const std::vector<std::string> missing = load.missing_at(node);
    EXPECT_TRUE(missing.empty()) << missing.size() << " acknowledged writes missing at " << node.text() << ", first "
                                 << missing.front();
  }
}

// A client of the node turns to another one in any case, and waits for a core where there are few. What a stop costs
// beyond that is compared: a leader that hands nothing over costs an election timeout (200 ms at least) every time.
TEST(HandOver, ANodeThatIsStoppedUnderLoadLosesNothingAndALeaderCostsHardlyMoreThanAFollower) {
  Cluster cluster;
  WriteLoad load(cluster.addresses(), {.clients = 3, .pause = Millis(1)});
  Millis follower = Millis::max();
  Millis leader = Millis::max();
  for (int round = 0; round < kRoundsMax && (round < kRoundsMin || leader > follower + kCostMax); ++round) {
    follower = std::min(follower, wait_while_stopping(cluster, load, cluster.any_follower()));
    leader = std::min(leader, wait_while_stopping(cluster, load, cluster.wait_for_leader()));
  }
  std::printf("clients waited for %lld ms when a leader stopped, for %lld ms when a follower did\n",
              static_cast<long long>(leader.count()), static_cast<long long>(follower.count()));
  EXPECT_LE(leader, follower + kCostMax);
  std::string logs;
  for (NodeNumber node = 1; node <= cluster.size(); ++node) logs += cluster.log(node);
  EXPECT_NE(logs.find("the leader hands over to it"), std::string::npos) << logs;
  expect_nothing_lost(cluster, load);
}

}  // namespace
}  // namespace torc::integration
