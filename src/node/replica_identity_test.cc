// A node that gives up its replica of a group and begins another one: the group takes it for who it is, a stranger that
// promised nothing, while the node's other groups go on as they were (docs/decisions/0008).
#include <gtest/gtest.h>

#include <set>

#include "node/identity.h"
#include "node/test_world.h"

namespace torc::node {
namespace {

using consensus::ReplicaId;
using kv::CommandId;

struct ReplicaWorld : TestWorld {
  static constexpr size_t kArcs = 2;
  static constexpr GroupId kDeleted{1};

  ReplicaWorld()
      : TestWorld(3, [](sim::WorldOptions& options) {
          options.node.arcs = kArcs;
          options.node.log.segment_bytes = 64u << 10;
        }) {
    for (const NodeId id : world->nodes()) {
      EXPECT_TRUE(run_until([&] { return is_voter(id); }));
    }
  }
  ReplicaId replica(NodeId id, size_t arc) { return world->node(id)->status().groups.at(arc).self; }
  /// Of each group, in the replica that the node holds now, and every node knows it to be committed.
  bool is_voter(NodeId id) {
    for (size_t arc = 0; arc < kArcs; ++arc) {
      for (const NodeId other : world->nodes()) {
        const sim::HostedNode* node = world->hosted(other);
        if (node == nullptr || world->node(id) == nullptr || node->status().groups.size() != kArcs) return false;
        if (world->node(id)->status().groups.size() != kArcs) return false;
        const consensus::Replica* core = node->replica_of(node->status().groups[arc].group);
        if (!core->is_configuration_settled() || !core->configuration().is_voter(replica(id, arc))) return false;
      }
    }
    return true;
  }
  void lose_replica(NodeId id) {
    world->kill(id, sim::Death::kKill);
    ASSERT_TRUE(world->delete_replica(id, kDeleted));
    world->start(id);
  }
  void cut_off(NodeId id) {
    for (const NodeId other : world->nodes()) {
      if (other == id) continue;
      world->network().cut(id, other, sim::CutMode::kLose);
      world->network().cut(other, id, sim::CutMode::kLose);
    }
  }
  /// Of both arcs.
  void write(NodeId at, const std::string& value) {
    Terminal& client = connect(at);
    for (const std::string key : {"a", "b", "c", "d", "e", "f"}) {
      ASSERT_EQ(ask(client, CommandId::kSet, {key, value}), "OK");
    }
  }
};

TEST(ReplicaIdentity, AReplicaBegunAgainTakesThePlaceOfTheOneThatWasDeleted) {
  ReplicaWorld cluster;
  const NodeId victim = cluster.follower();
  cluster.write(victim, "before");
  const ReplicaId former = cluster.replica(victim, 0);
  const ReplicaId of_other_group = cluster.replica(victim, 1);
  std::set<ReplicaId> had{former};
  for (int i = 0; i < 3; ++i) {
    cluster.lose_replica(victim);
    ASSERT_TRUE(cluster.run_until([&] { return cluster.is_voter(victim); })) << cluster.failure();
    EXPECT_TRUE(had.insert(cluster.replica(victim, 0)).second) << "it votes under an id whose vote it forgot";
    EXPECT_EQ(cluster.replica(victim, 1), of_other_group);
    for (const NodeId id : cluster.world->nodes()) {
      const auto members = cluster.world->hosted(id)->replica_of(ReplicaWorld::kDeleted)->configuration().members();
      EXPECT_EQ(members.size(), 3u) << "the former replica is a member no more";
    }
    EXPECT_TRUE(
        cluster.run_until([&] { return cluster.world->node(victim)->status().membership == Membership::kMember; }));
  }
  cluster.write(victim, "after");
  EXPECT_EQ(cluster.ask(cluster.connect(victim), CommandId::kGet, {"a"}), "after");
  EXPECT_EQ(cluster.failure(), "");
}

TEST(ReplicaIdentity, ARestartKeepsTheReplicaThatWasBegun) {
  ReplicaWorld cluster;
  const NodeId victim = cluster.follower();
  cluster.lose_replica(victim);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.is_voter(victim); })) << cluster.failure();
  const ReplicaId begun = cluster.replica(victim, 0);
  cluster.world->kill(victim, sim::Death::kPowerLoss);
  cluster.world->start(victim);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.is_voter(victim); })) << cluster.failure();
  EXPECT_EQ(cluster.replica(victim, 0), begun);
}

// A and B hold what was acknowledged. B loses its replica, A is cut off: C, which never heard of it, and B's new
// replica have to wait for A. With its former id B would be half of a majority that remembers nothing.
TEST(ReplicaIdentity, AReplicaBegunAgainElectsNobodyBeforeItIsMadeAMember) {
  ReplicaWorld cluster;
  const NodeId keeper = cluster.await_leader();
  const NodeId victim = cluster.follower();
  const NodeId behind(6 - keeper.value - victim.value);
  cluster.cut_off(behind);
  cluster.write(cluster.await_leader(), "acknowledged");
  cluster.world->kill(keeper, sim::Death::kPowerLoss);
  cluster.world->network().heal_all();
  cluster.lose_replica(victim);
  cluster.world->run_for(20s);
  for (const NodeId id : {victim, behind}) {
    const NodeStatus status = cluster.world->node(id)->status();
    ASSERT_EQ(status.groups.size(), ReplicaWorld::kArcs);
    EXPECT_FALSE(status.groups[0].leader_node) << "node " << id << " follows a leader that lacks what was acknowledged";
    EXPECT_TRUE(status.groups[1].leader_node) << "the other group has its majority";
  }
  EXPECT_EQ(cluster.world->node(victim)->status().membership, Membership::kReturning);
  cluster.world->start(keeper);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.is_voter(victim); }, 60s)) << cluster.failure();
  for (const std::string key : {"a", "b", "c", "d", "e", "f"}) {
    EXPECT_EQ(cluster.ask(cluster.connect(behind), CommandId::kGet, {key}), "acknowledged");
  }
  EXPECT_EQ(cluster.failure(), "");
}

}  // namespace
}  // namespace torc::node
