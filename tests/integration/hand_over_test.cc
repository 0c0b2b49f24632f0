// A planned stop under load: is anything lost, and how long do clients wait?
#include <gtest/gtest.h>

#include <algorithm>

#include "cluster.h"
#include "write_load.h"

namespace torc::integration {
namespace {

constexpr int kRoundsMin = 3;
constexpr int kRoundsMax = 15;  // of a busy machine, on which single rounds are slow
constexpr Millis kGapMax{50};

/// Stops one node after the other, as `choose` says, and starts it again; the shortest of the longest times that a
/// client waited in each round. A stop that hands nothing over costs an election timeout (200 ms at least) every time,
/// a busy machine may make any single round slow.
template <typename Choose>
Millis shortest_wait(Cluster& cluster, WriteLoad& load, Choose choose) {
  Millis shortest = Millis::max();
  for (int round = 0; round < kRoundsMax && (round < kRoundsMin || shortest >= kGapMax); ++round) {
    const NodeNumber node = choose();
    load.time_to_next_acknowledged_write(Millis(10000));
    load.take_longest_gap();
    EXPECT_EQ(cluster.process(node).terminate(Millis(10000)), 0) << "node " << node;
    sleep_for(Millis(300));
    load.time_to_next_acknowledged_write(Millis(10000));
    shortest = std::min(shortest, load.take_longest_gap());
    cluster.start(node);
    cluster.wait_until_all_answer();
  }
  return shortest;
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

TEST(HandOver, ALeaderThatIsStoppedUnderLoadLosesNothingAndCostsClientsAMoment) {
  Cluster cluster;
  WriteLoad load(cluster.addresses(), {.clients = 3, .pause = Millis(1)});
  EXPECT_LT(shortest_wait(cluster, load, [&] { return cluster.wait_for_leader(); }), kGapMax);
  expect_nothing_lost(cluster, load);
}

TEST(HandOver, AFollowerThatIsStoppedUnderLoadLosesNothingAndCostsNobodyAnything) {
  Cluster cluster;
  WriteLoad load(cluster.addresses(), {.clients = 3, .pause = Millis(1)});
  EXPECT_LT(shortest_wait(cluster, load, [&] { return cluster.any_follower(); }), kGapMax);
  expect_nothing_lost(cluster, load);
}

}  // namespace
}  // namespace torc::integration
