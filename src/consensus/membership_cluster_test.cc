// Whole groups whose members change under partitions, crashes, pulls, and logs cut so short that snapshots are needed.
#include <gtest/gtest.h>

#include "consensus/test_cluster.h"

namespace torc::consensus {
namespace {

ConfigurationChange random_change(const Configuration& now, uint64_t nodes, Prng& prng) {
  ConfigurationChange change;
  // Everybody else at once: then the majorities of before and after need have nobody in common.
  const bool is_exchange = prng.chance(1, 4);
  for (uint64_t n = 1; n <= nodes; ++n) {
    const ReplicaId id = replica_id(n);
    if (!is_exchange && !prng.chance(1, 3)) continue;
    if (!now.contains(id)) {
      change.add_learners.push_back(id);
    } else if (!now.is_voter(id) && (is_exchange || prng.chance(2, 3))) {
      change.promote.push_back(id);
    } else {
      change.remove.push_back(id);
    }
  }
  return change;
}

void random_fault(TestCluster& cluster, ReplicaId id, ReplicaId other) {
  Prng& prng = cluster.prng();
  TestCluster::Node& node = cluster.node(id);
  switch (prng.below(8)) {
    case 0:
      if (node.replica) cluster.crash(id);
      break;
    case 1:
      if (node.replica) cluster.crash(id);
      cluster.start(id);
      break;
    case 2:
      cluster.set_link(id, other, false);
      cluster.set_link(other, id, false);
      break;
    case 3:
      cluster.isolate(id);
      break;
    case 4:
    case 5: {
      const uint64_t sides = prng.next();
      for (const auto& [from, from_node] : cluster.nodes()) {
        for (const auto& [to, to_node] : cluster.nodes()) {
          cluster.set_link(from, to, (sides >> from.node.value & 1) == (sides >> to.node.value & 1));
        }
      }
      break;
    }
    default:
      cluster.heal();
      break;
  }
}

void random_step(TestCluster& cluster, uint64_t fault_permille, uint64_t& changes) {
  Prng& prng = cluster.prng();
  const uint64_t nodes = cluster.nodes().size();
  const ReplicaId id = replica_id(prng.between(1, nodes));
  const uint64_t dice = prng.below(1000);
  TestCluster::Node& node = cluster.node(id);
  if (dice < 550) {
    if (cluster.network().empty()) return;
    const size_t position = prng.chance(3, 4) ? 0 : prng.below(cluster.network().size());
    const uint64_t fate = prng.below(100);
    if (fate < 3) return cluster.drop(position);
    return cluster.deliver(position, fate < 6);
  }
  if (dice < 600) return cluster.advance(Duration(static_cast<int64_t>(prng.below(20'000'000))));
  if (prng.below(1000) < fault_permille) return random_fault(cluster, id, replica_id(prng.between(1, nodes)));
  if (!node.replica) return;
  if (dice < 760) return cluster.sync_one(id);
  if (dice < 900) return cluster.tick(id);
  if (dice < 930) {
    cluster.propose(id, "p");
  } else if (dice < 960) {
    changes += cluster.change(id, random_change(node.replica->configuration(), nodes, prng)) ? 1 : 0;
  } else if (dice < 975) {
    cluster.lease_read(id);
  } else if (dice < 985) {
    cluster.read(id);
  } else if (dice < 991) {
    cluster.answer_load(id, prng.chance(4, 5));
  } else if (dice < 995) {
    cluster.send_snapshot(id, prng.chance(3, 4));
  } else if (prng.chance(1, 2)) {
    cluster.cut_log(id, true);
  } else if (prng.chance(1, 8)) {
    cluster.transfer(id, replica_id(prng.between(1, nodes)));
  }
}

void run_seed(uint64_t seed, uint64_t& changes, uint64_t& pulls, uint64_t& snapshots) {
  Prng prng(seed);
  ReplicaOptions options;
  options.append_bytes_max = prng.between(1, 1000);
  options.held_bytes_max = prng.between(0, 1000);
  const uint64_t voters = prng.between(1, 3);
  TestCluster cluster(prng.next(), voters, options, prng.between(1, 4));
  const uint64_t fault_permille = prng.between(0, 20);
  for (size_t i = 0; i < 15000 && cluster.violation.empty(); ++i) random_step(cluster, fault_permille, changes);
  ASSERT_EQ(cluster.violation, "") << "seed " << seed;
  pulls += cluster.pulls;
  snapshots += cluster.snapshots;

  cluster.heal();
  cluster.run(5s);
  ASSERT_EQ(cluster.violation, "") << "seed " << seed;
  ASSERT_TRUE(cluster.leader()) << "no leader after the faults ended, seed " << seed;
  ASSERT_TRUE(cluster.propose(*cluster.leader(), "last")) << "seed " << seed;
  cluster.run(1s);
  ASSERT_EQ(cluster.violation, "") << "seed " << seed;
  const Configuration configuration = cluster.node(*cluster.leader()).replica->configuration();
  EXPECT_FALSE(configuration.is_joint()) << "seed " << seed;
  EXPECT_TRUE(configuration.is_voter(*cluster.leader())) << "seed " << seed;
  for (const ReplicaId id : configuration.members()) {
    EXPECT_EQ(cluster.status(id).commit, cluster.committed()) << id << ", seed " << seed;
    EXPECT_EQ(cluster.node(id).replica->configuration(), configuration) << id << ", seed " << seed;
  }
}

TEST(MembershipCluster, StaysSafeWhileMembersChangeUnderFaults) {
  uint64_t changes = 0;
  uint64_t pulls = 0;
  uint64_t snapshots = 0;
  for (uint64_t seed = 1; seed <= 400 && !HasFailure(); ++seed) run_seed(seed, changes, pulls, snapshots);
  EXPECT_GT(changes, 1'000u);
  EXPECT_GT(pulls, 100u);
  EXPECT_GT(snapshots, 500u);
}

TEST(MembershipCluster, ARemovedReplicaThatWasNotToldDisturbsNobody) {
  TestCluster cluster(1, 3);
  cluster.run(2s);
  const ReplicaId leader = *cluster.leader();
  const ReplicaId removed = leader == replica_id(3) ? replica_id(2) : replica_id(3);
  cluster.isolate(removed);
  ASSERT_TRUE(cluster.change(leader, {.remove = {removed}}));
  cluster.run(2s);
  cluster.heal();
  const Term term = cluster.status(leader).term;
  for (int i = 0; i < 20; ++i) {
    cluster.run(500ms);
    ASSERT_EQ(cluster.leader(), leader);
    ASSERT_EQ(cluster.status(leader).term, term);
  }
  EXPECT_EQ(cluster.violation, "");
}

}  // namespace
}  // namespace torc::consensus
