// Whole groups under seeded faults, with the invariants of Raft figure 3 and linearizable reads checked after each
// step.
#include <gtest/gtest.h>

#include "consensus/test_cluster.h"

namespace torc::consensus {
namespace {

ReplicaId any(TestCluster& cluster) {
  return cluster.configuration().voters[cluster.prng().below(cluster.nodes().size())];
}

void random_fault(TestCluster& cluster) {
  Prng& prng = cluster.prng();
  const ReplicaId id = any(cluster);
  const ReplicaId other = any(cluster);
  TestCluster::Node& node = cluster.node(id);
  switch (prng.below(12)) {
    case 0:
      if (node.replica) cluster.crash(id);
      break;
    case 1:
    case 2:
      if (!node.replica) cluster.start(id);
      break;
    case 3:
    case 4:  // back before anybody notices: what it promised has to outlive it
      if (node.replica) cluster.crash(id);
      cluster.start(id);
      break;
    case 5:
      node.is_paused = !node.is_paused;
      break;
    case 6:
      cluster.set_link(id, other, false);
      break;
    case 7:
      cluster.set_link(id, other, false);
      cluster.set_link(other, id, false);
      break;
    case 8:
      cluster.isolate(id);
      break;
    case 9:
    case 10:  // some reach each other and some do not
      for (const auto& [from, from_node] : cluster.nodes()) {
        for (const auto& [to, to_node] : cluster.nodes()) {
          if (to <= from) continue;
          const bool is_up = prng.chance(1, 2);
          cluster.set_link(from, to, is_up);
          cluster.set_link(to, from, is_up);
        }
      }
      break;
    default:
      cluster.heal();
      break;
  }
}

void random_step(TestCluster& cluster, uint64_t fault_permille) {
  Prng& prng = cluster.prng();
  const uint64_t dice = prng.below(1000);
  const ReplicaId id = any(cluster);
  TestCluster::Node& node = cluster.node(id);
  const bool is_up = node.replica && !node.is_paused;
  if (dice < 500) {
    if (cluster.network().empty()) return;
    // Mostly in order, sometimes from anywhere.
    const size_t position = prng.chance(3, 4) ? 0 : prng.below(cluster.network().size());
    const uint64_t fate = prng.below(100);
    if (fate < 4) return cluster.drop(position);
    return cluster.deliver(position, fate < 8);
  }
  if (dice < 560) return cluster.advance(Duration(static_cast<int64_t>(prng.below(20'000'000))));
  if (prng.below(1000) < fault_permille) return random_fault(cluster);
  if (!is_up) return;
  if (dice < 700) return cluster.sync_one(id);
  if (dice < 850) return cluster.tick(id);
  if (dice < 900) {
    cluster.propose(id, std::string(prng.below(200), 'p'));
  } else if (dice < 930) {
    cluster.read(id);
  } else if (dice < 970) {
    cluster.lease_read(id);
  } else if (dice < 985) {
    cluster.answer_load(id, prng.chance(4, 5));
  } else if (dice < 990) {
    cluster.cut_log(id);
  } else if (prng.chance(1, 8)) {
    cluster.transfer(id, any(cluster));
  }
}

ReplicaOptions random_options(Prng& prng) {
  ReplicaOptions options;
  options.append_bytes_max = prng.between(1, 2000);
  options.in_flight_bytes_max = prng.between(1, 5000);
  options.held_bytes_max = prng.between(0, 3000);
  options.pre_vote = prng.chance(3, 4);
  options.check_quorum = prng.chance(3, 4);
  options.lease_reads = prng.chance(3, 4);
  options.pull = prng.chance(7, 8);
  return options;
}

// Faults first, then none: nothing bad may happen in the first phase, something good has to in the second.
struct Totals {
  uint64_t lease_reads = 0;
  uint64_t reads_confirmed = 0;
  uint64_t pulls = 0;
};

void run_seed(uint64_t seed, size_t steps, Totals& totals) {
  Prng prng(seed);
  const uint64_t size = prng.chance(1, 8) ? 1 : prng.between(2, 5);
  TestCluster cluster(prng.next(), size, random_options(prng));
  for (auto& [id, node] : cluster.nodes()) node.clock_percent = static_cast<int64_t>(prng.between(96, 104));
  const uint64_t fault_permille = prng.between(0, 12);
  for (size_t i = 0; i < steps && cluster.violation.empty(); ++i) random_step(cluster, fault_permille);
  ASSERT_EQ(cluster.violation, "") << "seed " << seed;

  cluster.heal();
  cluster.run(3s);
  ASSERT_EQ(cluster.violation, "") << "seed " << seed;
  ASSERT_TRUE(cluster.leader()) << "no leader after the faults ended, seed " << seed;
  const auto place = cluster.propose(*cluster.leader(), "last");
  ASSERT_TRUE(place) << "seed " << seed;
  const uint64_t confirmed_before = cluster.reads_confirmed;
  cluster.read(*cluster.leader());
  cluster.run(1s);
  ASSERT_EQ(cluster.violation, "") << "seed " << seed;
  EXPECT_GE(cluster.committed(), place->index) << "seed " << seed;
  EXPECT_GT(cluster.reads_confirmed, confirmed_before) << "seed " << seed;
  for (const auto& [id, node] : cluster.nodes()) {
    EXPECT_EQ(cluster.status(id).commit, cluster.committed()) << id << ", seed " << seed;
    EXPECT_EQ(cluster.status(id).stable_index, cluster.committed()) << id << ", seed " << seed;
  }
  totals.lease_reads += cluster.lease_reads;
  totals.reads_confirmed += cluster.reads_confirmed;
  totals.pulls += cluster.pulls;
}

TEST(Cluster, StaysSafeUnderRandomFaultsAndRecoversWhenTheyEnd) {
  Totals totals;
  for (uint64_t seed = 1; seed <= 600 && !HasFatalFailure(); ++seed) run_seed(seed, 20000, totals);
  // Otherwise the checks of reads and pulls checked nothing.
  EXPECT_GT(totals.lease_reads, 10'000u);
  EXPECT_GT(totals.reads_confirmed, 10'000u);
  EXPECT_GT(totals.pulls, 1'000u);
}

TEST(Cluster, APullThatForgetsTheTermIsCaught) {
  std::string caught;
  for (uint64_t seed = 1; seed <= 100 && caught.empty(); ++seed) {
    TestCluster cluster(seed, 5);
    cluster.plant_pulls_without_term = true;
    for (size_t i = 0; i < 20000 && cluster.violation.empty(); ++i) random_step(cluster, 12);
    caught = cluster.violation;
  }
  EXPECT_NE(caught.find("an entry on disk above the term there"), std::string::npos) << caught;
}

}  // namespace
}  // namespace torc::consensus
