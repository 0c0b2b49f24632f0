// Nodes whose circle is cut into several arcs, one group each.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "kv/position.h"
#include "node/test_world.h"

namespace torc::node {
namespace {

using kv::CommandId;
using ::testing::HasSubstr;

constexpr uint32_t kArcs = 8;

struct ManyGroups : TestWorld {
  explicit ManyGroups(uint32_t arcs = kArcs, size_t nodes = 3)
      : TestWorld(nodes, [arcs](sim::WorldOptions& options) { options.node.arcs = arcs; }) {}

  /// Some running node leads it, as it knows itself.
  bool is_led(size_t arc) const {
    return std::ranges::any_of(world->nodes(), [&](NodeId id) {
      Service* node = world->is_paused(id) ? nullptr : world->node(id);
      if (node == nullptr) return false;
      const NodeStatus status = node->status();
      return arc < status.groups.size() && status.groups[arc].replica.has_lease;
    });
  }
  bool are_all_led(uint32_t arcs = kArcs) const {
    for (uint32_t arc = 0; arc < arcs; ++arc) {
      if (!is_led(arc)) return false;
    }
    return true;
  }
};

/// A key for each arc.
std::vector<std::string> keys_of_arcs(uint32_t arcs = kArcs) {
  std::vector<std::string> keys(arcs);
  for (int i = 0; std::ranges::count(keys, "") > 0; ++i) {
    const std::string key = "key" + std::to_string(i);
    keys[kv::slot_of(key) / (kSlotCount / arcs)] = key;
  }
  return keys;
}

TEST(ManyGroups, EveryNodeServesEveryKey) {
  ManyGroups cluster;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.are_all_led(); }));
  for (const NodeId id : cluster.world->nodes()) {
    Terminal& client = cluster.connect(id);
    for (const std::string& key : keys_of_arcs()) {
      EXPECT_EQ(cluster.ask(client, CommandId::kSet, {key, std::to_string(id.value)}), "OK") << key;
      EXPECT_EQ(cluster.ask(client, CommandId::kGet, {key}), std::to_string(id.value)) << key;
    }
  }
  for (const NodeId id : cluster.world->nodes()) {
    const NodeStatus status = cluster.world->node(id)->status();
    ASSERT_EQ(status.groups.size(), kArcs);
    for (const GroupStatus& group : status.groups) EXPECT_EQ(group.keys, 1u) << "node " << id << group.group;
  }
  EXPECT_EQ(cluster.failure(), "");
}

TEST(ManyGroups, AnswersOfAPipelineAcrossArcsComeForEachCommandAndAKeysReadSeesTheWriteBeforeIt) {
  ManyGroups cluster;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.are_all_led(); }));
  Terminal& client = cluster.connect(NodeId(2));
  const std::vector<std::string> keys = keys_of_arcs();
  for (int round = 0; round < 20; ++round) {
    for (const std::string& key : keys) client.append(key, "x");
    for (const std::string& key : keys) client.get(key);
  }
  ASSERT_TRUE(cluster.run_until([&] { return client.is_idle(); }));
  for (size_t i = 0; i < client.answers.size(); ++i) {
    const size_t round = i / (2 * kArcs);
    const bool is_append = i % (2 * kArcs) < kArcs;
    EXPECT_EQ(client.answers[i], is_append ? ":" + std::to_string(round + 1) : std::string(round + 1, 'x')) << i;
  }
}

TEST(ManyGroups, KeysOfDifferentSlotsAreRefusedInOneCommand) {
  ManyGroups cluster;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.are_all_led(); }));
  Terminal& client = cluster.connect(NodeId(1));
  EXPECT_EQ(cluster.ask(client, CommandId::kMSet, {"a", "1", "b", "2"}), "!cross slot");
  EXPECT_EQ(cluster.ask(client, CommandId::kMSet, {"{t}a", "1", "{t}b", "2"}), "OK");
  EXPECT_EQ(cluster.ask(client, CommandId::kExists, {"{t}a", "{t}b"}), ":2");
}

TEST(ManyGroups, WhatNamesNoKeyReachesAllOfThem) {
  ManyGroups cluster;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.are_all_led(); }));
  Terminal& client = cluster.connect(NodeId(3));
  for (int i = 0; i < 200; ++i) client.set("key" + std::to_string(i), "v");
  ASSERT_TRUE(cluster.run_until([&] { return client.is_idle(); }));
  EXPECT_EQ(cluster.ask(client, CommandId::kDbSize, {}), ":200");
  EXPECT_EQ(cluster.ask(client, CommandId::kFlushAll, {}), "OK");
  EXPECT_EQ(cluster.ask(client, CommandId::kDbSize, {}), ":0");
}

// A group without a leader holds up its own keys, and those who ask for all.
TEST(ManyGroups, TheDeathOfANodeCostsItsArcsASecondAndTheOthersNothing) {
  ManyGroups cluster;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.are_all_led(); }));
  const NodeId victim(1);
  cluster.world->kill(victim, sim::Death::kKill);
  EXPECT_TRUE(cluster.run_until([&] { return cluster.are_all_led(); }, 3s));
  Terminal& client = cluster.connect(NodeId(2));
  for (const std::string& key : keys_of_arcs()) EXPECT_EQ(cluster.ask(client, CommandId::kSet, {key, "v"}), "OK");
  cluster.world->start(victim);
  Terminal& back = cluster.connect(victim);
  for (const std::string& key : keys_of_arcs()) EXPECT_EQ(cluster.ask(back, CommandId::kGet, {key}), "v");
  EXPECT_EQ(cluster.failure(), "");
}

TEST(ManyGroups, AWipedNodeIsAVoterOfAllOfThemAgain) {
  ManyGroups cluster;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.are_all_led(); }));
  Terminal& client = cluster.connect(NodeId(2));
  for (const std::string& key : keys_of_arcs()) ASSERT_EQ(cluster.ask(client, CommandId::kSet, {key, "v"}), "OK");
  const NodeId victim(3);
  cluster.world->kill(victim, sim::Death::kKill);
  cluster.world->wipe(victim);
  cluster.world->start(victim);
  ASSERT_TRUE(cluster.run_until(
      [&] {
        const NodeStatus status = cluster.world->node(victim)->status();
        return status.membership == Membership::kMember && status.groups.size() == kArcs;
      },
      60s));
  cluster.world->kill(NodeId(1), sim::Death::kKill);  // it is needed for every majority now
  Terminal& back = cluster.connect(victim);
  for (const std::string& key : keys_of_arcs()) EXPECT_EQ(cluster.ask(back, CommandId::kGet, {key}), "v");
}

TEST(ManyGroups, TheLogIsReadBackForEachOfThem) {
  ManyGroups cluster;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.are_all_led(); }));
  Terminal& before = cluster.connect(NodeId(1));
  for (const std::string& key : keys_of_arcs()) ASSERT_EQ(cluster.ask(before, CommandId::kSet, {key, key}), "OK");
  for (const NodeId id : cluster.world->nodes()) cluster.world->kill(id, sim::Death::kPowerLoss);
  for (const NodeId id : cluster.world->nodes()) cluster.world->start(id);
  Terminal& after = cluster.connect(NodeId(2));
  for (const std::string& key : keys_of_arcs()) EXPECT_EQ(cluster.ask(after, CommandId::kGet, {key}), key);
}

TEST(ManyGroups, LeadershipIsSpreadOverTheNodesAndThenStays) {
  ManyGroups cluster;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.are_all_led(); }));
  cluster.world->run_for(10s);
  const auto led = [&] {
    std::map<NodeId, std::vector<GroupId>> groups;
    for (const NodeId id : cluster.world->nodes()) {
      for (const GroupStatus& group : cluster.world->node(id)->status().groups) {
        if (group.replica.has_lease) groups[id].push_back(group.group);
      }
    }
    return groups;
  };
  const auto before = led();
  EXPECT_EQ(before.size(), 3u);
  for (const auto& [id, groups] : before) EXPECT_THAT(groups.size(), ::testing::AnyOf(2u, 3u)) << "node " << id;
  cluster.world->run_for(20s);
  EXPECT_EQ(led(), before);
}

TEST(ManyGroups, ADirectoryOfAnotherNumberOfArcsIsRefused) {
  ManyGroups cluster(4);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.are_all_led(4); }));
  const NodeId id(1);
  cluster.world->kill(id, sim::Death::kKill);
  cluster.adjust_node = [](NodeOptions& options) { options.arcs = 8; };
  cluster.world->start(id);
  EXPECT_THAT(cluster.failure(), HasSubstr("belongs to a cluster of --arcs 4, the node was started with --arcs 8"));
}

}  // namespace
}  // namespace torc::node
