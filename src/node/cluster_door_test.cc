// What clients of the cluster door are given of a node with many groups: what is led there, and nothing else.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "kv/position.h"
#include "node/test_world.h"

namespace torc::node {
namespace {

using kv::CommandId;

struct ManyArcs : TestWorld {
  ManyArcs() : TestWorld(3, [](sim::WorldOptions& options) { options.node.arcs = 8; }) {
    EXPECT_TRUE(run_until([&] {
      for (const NodeId id : world->nodes()) {
        for (uint32_t slot = 0; slot < kSlotCount; slot += kSlotCount / 8) {
          if (!world->node(id)->locate(static_cast<uint16_t>(slot)).leader) return false;
        }
        if (world->node(id)->topology().arcs.size() != 8) return false;
      }
      return true;
    })) << "an arc has no leader";
  }
};

TEST(ClusterDoorOfManyGroups, CountsOfAllNodesAddUpToTheKeysThereAre) {
  ManyArcs cluster;
  Terminal& any = cluster.connect(NodeId(1));
  for (int i = 0; i < 40; ++i) ASSERT_EQ(cluster.ask(any, CommandId::kSet, {"k" + std::to_string(i), "v"}), "OK");
  EXPECT_EQ(cluster.ask(any, CommandId::kDbSize, {}), ":40");
  int64_t sum = 0;
  for (const NodeId id : cluster.world->nodes()) {
    Terminal& terminal = cluster.connect(id, Door::kCluster);
    sum += std::stoll(cluster.ask(terminal, CommandId::kDbSize, {}).substr(1));
  }
  EXPECT_EQ(sum, 40);
}

TEST(ClusterDoorOfManyGroups, FlushAllErasesWhatIsLedHereAndNothingElse) {
  ManyArcs cluster;
  Terminal& any = cluster.connect(NodeId(2));
  int64_t led = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string key = "k" + std::to_string(i);
    if (cluster.world->node(NodeId(1))->locate(kv::slot_of(key)).is_here) ++led;
    ASSERT_EQ(cluster.ask(any, CommandId::kSet, {key, "v"}), "OK");
  }
  Terminal& door = cluster.connect(NodeId(1), Door::kCluster);
  EXPECT_EQ(cluster.ask(door, CommandId::kFlushAll, {}), "OK");
  EXPECT_EQ(cluster.ask(any, CommandId::kDbSize, {}), ":" + std::to_string(40 - led));
  EXPECT_EQ(cluster.ask(door, CommandId::kDbSize, {}), ":0");
}

/// The keys that a walk with SCAN finds; each begins with a k, the cursor has none.
std::vector<std::string> walk(ManyArcs& cluster, Terminal& terminal) {
  std::vector<std::string> keys;
  std::string cursor = "0";
  do {
    const std::string answer = cluster.ask(terminal, CommandId::kScan, {cursor, "COUNT", "5"});
    size_t at = std::min(answer.find('k'), answer.size());
    cursor = answer.substr(0, at);
    while (at < answer.size()) {
      const size_t end = std::min(answer.find('k', at + 1), answer.size());
      keys.push_back(answer.substr(at, end - at));
      at = end;
    }
  } while (cursor != "0" && !cursor.empty());
  return keys;
}

TEST(ClusterDoorOfManyGroups, WalksOfAllNodesGiveEveryKeyOnce) {
  ManyArcs cluster;
  Terminal& any = cluster.connect(NodeId(3));
  for (int i = 0; i < 60; ++i) ASSERT_EQ(cluster.ask(any, CommandId::kSet, {"k" + std::to_string(i), "v"}), "OK");
  EXPECT_EQ(walk(cluster, any).size(), 60u) << "any door";
  std::multiset<std::string> found;
  for (const NodeId id : cluster.world->nodes()) {
    for (std::string& key : walk(cluster, cluster.connect(id, Door::kCluster))) found.insert(std::move(key));
  }
  EXPECT_EQ(found.size(), 60u);
  EXPECT_EQ(std::set<std::string>(found.begin(), found.end()).size(), 60u);
}

TEST(ClusterDoorOfManyGroups, CountsOfASlotComeFromItsGroup) {
  ManyArcs cluster;
  Terminal& any = cluster.connect(NodeId(1));
  for (int i = 0; i < 8; ++i) {
    const std::string key = "k" + std::to_string(i);
    ASSERT_EQ(cluster.ask(any, CommandId::kSet, {key, "v"}), "OK");
    EXPECT_EQ(cluster.ask(any, CommandId::kTorcSlotSize, {std::to_string(kv::slot_of(key))}), ":1");
  }
}

// A command waits at the door for who is being elected, and is not held up where nobody will be.
TEST(ClusterDoorOfManyGroups, AGroupAwaitsALeaderForAShortWhileAfterItHadOne) {
  ManyArcs cluster;
  cluster.world->kill(NodeId(2), sim::Death::kKill);
  cluster.world->kill(NodeId(3), sim::Death::kKill);
  const auto at_one = [&] { return cluster.world->node(NodeId(1))->locate(0); };
  ASSERT_TRUE(cluster.run_until([&] { return !at_one().leader; }));
  EXPECT_TRUE(at_one().is_awaited);
  cluster.world->run_for(3s);
  EXPECT_FALSE(at_one().leader);
  EXPECT_FALSE(at_one().is_awaited);
  cluster.world->start(NodeId(2));
  ASSERT_TRUE(cluster.run_until([&] { return static_cast<bool>(at_one().leader); }));
  EXPECT_FALSE(at_one().is_awaited);
}

TEST(ClusterDoorOfManyGroups, ANodeThatLeadsNothingHasNothing) {
  TestWorld cluster(3);
  const NodeId leader = cluster.await_leader();
  const NodeId follower = cluster.follower();
  Terminal& at_leader = cluster.connect(leader, Door::kCluster);
  ASSERT_EQ(cluster.ask(at_leader, CommandId::kSet, {"k", "v"}), "OK");
  Terminal& at_follower = cluster.connect(follower, Door::kCluster);
  EXPECT_EQ(cluster.ask(at_leader, CommandId::kDbSize, {}), ":1");
  EXPECT_EQ(cluster.ask(at_follower, CommandId::kDbSize, {}), ":0");
  EXPECT_EQ(cluster.ask(at_follower, CommandId::kFlushAll, {}), "OK");
  EXPECT_EQ(cluster.ask(at_leader, CommandId::kDbSize, {}), ":1");
  EXPECT_EQ(cluster.ask(cluster.connect(follower), CommandId::kDbSize, {}), ":1") << "any door";
}

}  // namespace
}  // namespace torc::node
