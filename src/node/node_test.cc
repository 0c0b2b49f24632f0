// Whole nodes in a simulated world: what their clients see, and what a node makes of a damaged directory.
#include "node/node.h"

#include <gmock/gmock.h>

#include "node/test_world.h"

namespace torc::node {
namespace {

using kv::CommandId;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Node, PipelineThatMixesReadsAndWritesStaysInOrderAtAFollower) {
  TestWorld cluster(3);
  Terminal& client = cluster.connect(cluster.follower());
  client.set("k", "1");
  client.get("k");
  client.append("k", "2");
  client.append("k", "3");
  client.get("k");
  client.get("other");
  client.send(CommandId::kDel, {"k"});
  client.get("k");
  ASSERT_TRUE(cluster.run_until([&] { return client.is_idle(); }));
  EXPECT_THAT(client.answers, ElementsAre("OK", "1", ":2", ":3", "123", "nil", ":1", "nil"));
}

TEST(Node, EveryNodeKnowsWhoLeadsAndWhereItsClusterDoorIs) {
  TestWorld cluster(3);
  cluster.adjust_node = [](NodeOptions& options) {
    options.cluster_address = "n" + std::to_string(options.id.value) + ":7100";
  };
  for (const NodeId id : cluster.world->nodes()) {
    cluster.world->kill(id, sim::Death::kKill);
    cluster.world->start(id);
  }
  const NodeId leader = cluster.await_leader();
  const std::string door = "n" + std::to_string(leader.value) + ":7100";
  for (const NodeId id : cluster.world->nodes()) {
    Service& node = *cluster.world->node(id);
    ASSERT_TRUE(cluster.run_until([&] { return node.locate(7).is_here || node.locate(7).cluster_door == door; })) << id;
    EXPECT_EQ(node.locate(7).is_here, id == leader);
    const Topology topology = node.topology();
    EXPECT_EQ(topology.self, id);
    ASSERT_EQ(topology.arcs.size(), 1u);
    EXPECT_TRUE(topology.arcs[0].arc.is_whole_circle());
    EXPECT_EQ(topology.arcs[0].leader, leader);
    EXPECT_THAT(topology.arcs[0].replicas, ElementsAre(NodeId(1), NodeId(2), NodeId(3)));
    ASSERT_EQ(topology.nodes.size(), 3u);
    EXPECT_EQ(topology.nodes.at(leader.value - 1).cluster_door, door);
  }
}

TEST(Node, WhatWaitedForALeaderComesBeforeWhatArrivesOnceItIsThisNode) {
  TestWorld cluster(3);
  const NodeId former = cluster.await_leader();
  cluster.world->kill(former, sim::Death::kKill);
  cluster.run_until([&] { return false; }, 5ms);
  std::map<NodeId, Terminal*> clients;
  for (const NodeId id : cluster.world->nodes()) {
    if (id == former) continue;
    clients[id] = &cluster.connect(id);
    clients[id]->append("of" + std::to_string(id.value), "1");
  }
  NodeId next;
  cluster.world->set_observer([&](NodeId id) {
    if (next || cluster.world->node(id)->status().groups[0].replica.role != consensus::Role::kLeader) return;
    next = id;
    cluster.world->queue().schedule(0ns, [&, id] { clients[id]->append("of" + std::to_string(id.value), "2"); });
  });
  ASSERT_TRUE(cluster.run_until([&] { return next && clients[next]->is_idle(); }));
  EXPECT_THAT(clients[next]->answers, ElementsAre(":1", ":2"));
  EXPECT_EQ(cluster.ask(*clients[next], CommandId::kGet, {"of" + std::to_string(next.value)}), "12");
}

TEST(Node, ALeaderIsElectedAndServesAlsoIfEverySyncTakesLongerThanAnElectionTimeout) {
  TestWorld cluster(3, [](sim::WorldOptions& options) {
    options.disk.delay_min = 400ms;
    options.disk.delay_max = 1200ms;
    options.node.command_timeout = 20s;
  });
  EXPECT_TRUE(cluster.run_until([&] { return static_cast<bool>(cluster.leader()); }, 20s)) << "no leader";
  const NodeId former = cluster.leader();
  Terminal& client = cluster.connect(former);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(cluster.ask(client, CommandId::kSet, {"k", "v"}), "OK");
  EXPECT_EQ(cluster.leader(), former);
  cluster.world->kill(former, sim::Death::kPowerLoss);
  EXPECT_TRUE(cluster.run_until([&] { return static_cast<bool>(cluster.leader()); }, 20s)) << "no successor";
}

TEST(Node, WriteOfALeaderThatWasCutOffIsAnsweredTruthfullyWhenItComesBack) {
  TestWorld cluster(3);
  const NodeId former = cluster.await_leader();
  Terminal& before = cluster.connect(former);
  ASSERT_EQ(cluster.ask(before, CommandId::kSet, {"k", "old"}), "OK");
  for (const NodeId id : cluster.world->nodes()) {
    if (id == former) continue;
    cluster.world->network().cut(former, id, sim::CutMode::kLose);
    cluster.world->network().cut(id, former, sim::CutMode::kLose);
  }
  before.append("k", "-lost");
  const NodeId other = former == NodeId(3) ? NodeId(2) : NodeId(3);
  Terminal& after = cluster.connect(other);
  EXPECT_EQ(cluster.ask(after, CommandId::kAppend, {"k", "-new"}), ":7");
  EXPECT_FALSE(before.is_idle()) << "nobody can know yet";
  cluster.world->network().heal_all();
  ASSERT_TRUE(cluster.run_until([&] { return before.is_idle(); }));
  EXPECT_EQ(before.answers.back(), "!not executed");
  EXPECT_EQ(cluster.ask(before, CommandId::kGet, {"k"}), "old-new");
}

TEST(Node, WriteOfALeaderThatStaysCutOffHasAnUnknownOutcomeInTime) {
  TestWorld cluster(3);
  const NodeId former = cluster.await_leader();
  for (const NodeId id : cluster.world->nodes()) {
    if (id != former) cluster.world->network().cut(former, id, sim::CutMode::kLose);
  }
  Terminal& client = cluster.connect(former);
  client.set("k", "v");
  ASSERT_TRUE(cluster.run_until([&] { return client.is_idle(); }, 11s));
  EXPECT_EQ(client.answers.back(), "!unknown outcome");
}

TEST(Node, ReadOfAnExpiredKeyCommitsTheExpiryFirst) {
  TestWorld cluster(3);
  const NodeId leader = cluster.await_leader();
  Terminal& client = cluster.connect(leader);
  ASSERT_EQ(cluster.ask(client, CommandId::kPSetEx, {"k", "20", "v"}), "OK");
  const LogIndex before = cluster.group(leader).applied;
  cluster.world->run_for(21ms);
  EXPECT_EQ(cluster.ask(client, CommandId::kGet, {"k"}), "nil");
  EXPECT_GT(cluster.group(leader).applied, before) << "an entry deletes the key, not the clock";
  EXPECT_EQ(cluster.group(leader).keys, 0u);
}

TEST(Node, ExpiredKeysNobodyReadsLeaveFasterThanTheyCanBeWritten) {
  TestWorld cluster(1);
  Terminal& client = cluster.connect(cluster.await_leader());
  for (int i = 0; i < 20'000; ++i) client.send(CommandId::kPSetEx, {"key" + std::to_string(i), "50", "v"});
  ASSERT_TRUE(cluster.run_until([&] { return client.is_idle(); }));
  cluster.world->run_for(1s);
  EXPECT_EQ(cluster.group(NodeId(1)).keys, 0u);
}

TEST(Node, LeaderWithAFullDiskRefusesWritesServesReadsAndRecoversByItself) {
  TestWorld cluster(3);
  const NodeId leader = cluster.await_leader();
  Terminal& here = cluster.connect(leader);
  Terminal& there = cluster.connect(cluster.follower());  // has no session yet
  ASSERT_EQ(cluster.ask(here, CommandId::kSet, {"k", "v"}), "OK");
  cluster.world->fill_disk(leader, 0);
  here.set("large", std::string(1u << 20, 'x'));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.world->node(leader)->status().disk_full; }));
  EXPECT_EQ(cluster.ask(here, CommandId::kSet, {"k", "w"}), "!disk full");
  EXPECT_EQ(cluster.ask(here, CommandId::kGet, {"k"}), "v");
  EXPECT_EQ(cluster.ask(there, CommandId::kSet, {"k", "w"}), "!disk full");
  EXPECT_EQ(cluster.ask(there, CommandId::kGet, {"k"}), "v");
  cluster.world->give_disk_space(leader);
  cluster.world->run_for(1s);
  EXPECT_EQ(cluster.ask(here, CommandId::kSet, {"k", "x"}), "OK");
  EXPECT_EQ(cluster.ask(there, CommandId::kGet, {"k"}), "x");
}

TEST(Node, HandOverUnderLoadFailsNoCommandAndFindsAVoterThatAnswers) {
  TestWorld cluster(3);
  const NodeId former = cluster.await_leader();
  Terminal& client = cluster.connect(former);
  client.set("k", "");
  const NodeId deaf = former == NodeId(1) ? NodeId(2) : NodeId(1);  // would be asked first
  cluster.world->pause(deaf);
  const auto hand_over = [&] {
    client.append("k", "x");
    cluster.world->post_from_client(former, [&] { cluster.world->hosted(former)->hand_over(); });
    cluster.world->run_for(10ms);
    return cluster.group(former).replica.role != consensus::Role::kLeader;
  };
  const Instant begin = cluster.world->queue().now();
  ASSERT_TRUE(cluster.run_until(hand_over, 5s));
  EXPECT_LT(cluster.world->queue().now() - begin, 1s);
  ASSERT_TRUE(cluster.run_until([&] { return client.is_idle(); }));
  for (size_t i = 1; i < client.answers.size(); ++i) EXPECT_EQ(client.answers[i], ":" + std::to_string(i));
}

TEST(Node, RestartOfAllComesBackFromCheckpointAndTail) {
  TestWorld cluster(3, [](sim::WorldOptions& options) { options.node.checkpoint_log_bytes = 20'000; });
  Terminal* client = &cluster.connect(cluster.await_leader());
  for (int i = 0; i < 400; ++i) {
    ASSERT_EQ(cluster.ask(*client, CommandId::kAppend, {"k" + std::to_string(i % 7), std::string(100, 'x')})[0], ':');
  }
  const NodeId leader = cluster.await_leader();
  ASSERT_GT(cluster.group(leader).checkpoint_index, LogIndex(0));
  ASSERT_LT(cluster.group(leader).checkpoint_index, cluster.group(leader).applied);
  for (const NodeId id : cluster.world->nodes()) cluster.world->kill(id, sim::Death::kPowerLoss);
  for (const NodeId id : cluster.world->nodes()) cluster.world->start(id);
  client = &cluster.connect(cluster.await_leader());
  for (int i = 0; i < 7; ++i) {
    const size_t appends = 400 / 7 + (i < 400 % 7 ? 1 : 0);
    EXPECT_EQ(cluster.ask(*client, CommandId::kStrLen, {"k" + std::to_string(i)}), ":" + std::to_string(100 * appends));
  }
  EXPECT_EQ(cluster.failure(), "");
}

TEST(Node, NodeRestartedAgainAndAgainStillTakesItsCheckpoints) {
  TestWorld cluster(1, [](sim::WorldOptions& options) { options.node.checkpoint_log_bytes = 20'000; });
  for (int life = 0; life < 5; ++life) {
    Terminal& client = cluster.connect(cluster.await_leader());
    ASSERT_EQ(cluster.ask(client, CommandId::kSet, {"k", std::string(8'000, 'x')}), "OK");
    cluster.world->run_for(200ms);
    if (cluster.group(NodeId(1)).checkpoint_index > LogIndex(0)) return;
    cluster.world->kill(NodeId(1), sim::Death::kKill);
    cluster.world->start(NodeId(1));
  }
  FAIL() << "the log grew beyond its limit and no checkpoint was taken";
}

TEST(Node, DirectoryWithIdentityAndWithoutItsLogIsRefused) {
  TestWorld cluster(3);
  cluster.await_leader();
  cluster.world->kill(NodeId(2), sim::Death::kKill);
  env::Disk& disk = *cluster.opened[NodeId(2)].disk;
  const Result<std::vector<std::string>> names = disk.list();
  for (const std::string& name : names.value()) {
    if (name == "identity") continue;
    ASSERT_TRUE(disk.remove(name).ok());
  }
  cluster.world->start(NodeId(2));
  EXPECT_THAT(cluster.failure(), HasSubstr("the log of this data directory is missing"));
}

std::vector<std::string> log_names(env::Disk& disk) {
  std::vector<std::string> names = *disk.list();
  std::erase_if(names, [](const std::string& name) { return !name.starts_with("log-"); });
  return names;
}

// A restore of single files took them from two backups: what the log promises is not what this node promised.
TEST(Node, DirectoryWithTheLogOfAnotherNodeIsRefused) {
  TestWorld cluster(3);
  cluster.await_leader();
  for (const uint64_t id : {2, 3}) cluster.world->kill(NodeId(id), sim::Death::kKill);
  env::Disk& disk = *cluster.opened[NodeId(2)].disk;
  env::Disk& other = *cluster.opened[NodeId(3)].disk;
  for (const std::string& name : log_names(disk)) ASSERT_TRUE(disk.remove(name).ok());
  for (const std::string& name : log_names(other)) ASSERT_TRUE(disk.replace(name, *other.read_all(name)).ok());
  cluster.world->start(NodeId(2));
  EXPECT_THAT(cluster.failure(), HasSubstr("this log belongs to another node's life"));
}

// Else the next start would find an empty one, and vote again in a term in which the node has voted.
TEST(Node, NoLogIsBegunInPlaceOfOneThatIsMissing) {
  TestWorld cluster(3);
  cluster.await_leader();
  cluster.world->kill(NodeId(2), sim::Death::kKill);
  env::Disk& disk = *cluster.opened[NodeId(2)].disk;
  for (const std::string& name : log_names(disk)) ASSERT_TRUE(disk.remove(name).ok());
  cluster.world->start(NodeId(2));
  EXPECT_THAT(cluster.failure(), HasSubstr("the log of this data directory is missing"));
  EXPECT_THAT(log_names(disk), ::testing::IsEmpty());
}

TEST(Node, DirectoryWithALogAndWithoutItsIdentityIsRefused) {
  TestWorld cluster(3);
  cluster.await_leader();
  cluster.world->kill(NodeId(2), sim::Death::kKill);
  ASSERT_TRUE(cluster.opened[NodeId(2)].disk->remove("identity").ok());
  cluster.world->start(NodeId(2));
  EXPECT_THAT(cluster.failure(), HasSubstr("'identity' of the data directory is missing"));
}

Membership membership(const TestWorld& cluster, NodeId id) { return cluster.world->node(id)->status().membership; }

/// Stops the node, deletes its data directory and starts it again.
void lose_data(TestWorld& cluster, NodeId id) {
  cluster.world->kill(id, sim::Death::kPowerLoss);
  cluster.world->wipe(id);
  cluster.world->start(id);
}

TEST(Node, WipedNodeComesBackAsALearnerAndIsAVoterOnceItHasEverything) {
  TestWorld cluster(3);
  ASSERT_EQ(cluster.ask(cluster.connect(cluster.await_leader()), CommandId::kSet, {"k", "v"}), "OK");
  for (const NodeId lost : cluster.world->nodes()) {  // one after the other: in the end no first life is left
    lose_data(cluster, lost);
    ASSERT_NE(membership(cluster, lost), Membership::kMember) << "node " << lost;
    ASSERT_TRUE(cluster.run_until([&] { return membership(cluster, lost) == Membership::kMember; }));
    const LogIndex written = cluster.group(cluster.await_leader()).replica.commit;
    ASSERT_TRUE(cluster.run_until([&] { return cluster.group(lost).applied >= written; }));
    EXPECT_EQ(cluster.group(lost).voters, 3u);
    EXPECT_EQ(cluster.ask(cluster.connect(lost), CommandId::kGet, {"k"}), "v");
  }
  EXPECT_EQ(cluster.failure(), "");
}

TEST(Node, NodeThatReturnedIsAVoterAfterARestartToo) {
  TestWorld cluster(3);
  const NodeId lost = cluster.follower();
  lose_data(cluster, lost);
  ASSERT_TRUE(cluster.run_until([&] { return membership(cluster, lost) == Membership::kMember; }));
  cluster.world->kill(lost, sim::Death::kPowerLoss);
  cluster.world->start(lost);
  ASSERT_TRUE(cluster.run_until([&] { return membership(cluster, lost) == Membership::kMember; }));
  // It carries a majority now.
  const NodeId third(6 - lost.value - cluster.await_leader().value);
  cluster.world->kill(third, sim::Death::kKill);
  EXPECT_EQ(cluster.ask(cluster.connect(lost), CommandId::kSet, {"k", "v"}), "OK");
}

TEST(Node, WipedNodeAndOneThatWasAwayDoNotForgetAWriteTogether) {
  TestWorld cluster(3);
  const NodeId leader = cluster.await_leader();
  const NodeId wiped(leader.value % 3 + 1);
  const NodeId away(wiped.value % 3 + 1);
  cluster.world->kill(away, sim::Death::kKill);
  ASSERT_EQ(cluster.ask(cluster.connect(leader), CommandId::kSet, {"k", "v"}), "OK");
  cluster.world->kill(leader, sim::Death::kKill);
  lose_data(cluster, wiped);
  cluster.world->start(away);
  cluster.world->run_for(20s);
  EXPECT_FALSE(cluster.leader()) << "a majority of those who remember is not there";
  cluster.world->start(leader);
  EXPECT_EQ(cluster.ask(cluster.connect(cluster.await_leader()), CommandId::kGet, {"k"}), "v");
  EXPECT_TRUE(cluster.run_until([&] { return membership(cluster, wiped) == Membership::kMember; }));
}

TEST(Node, NodeLostAgainWhileItReturnsIsReplacedByItsLatestLife) {
  TestWorld cluster(3);
  const NodeId leader = cluster.await_leader();
  const NodeId lost = cluster.follower();
  const auto is_learner = [&] {
    const NodeStatus status = cluster.world->node(lost)->status();
    return !status.groups.empty() && status.groups[0].replica.last_index;
  };
  for (int i = 0; i < 3; ++i) {
    lose_data(cluster, lost);
    ASSERT_TRUE(cluster.run_until(is_learner));
    cluster.world->run_for(Duration(i * 20ms));
  }
  ASSERT_TRUE(cluster.run_until([&] { return membership(cluster, lost) == Membership::kMember; }));
  EXPECT_EQ(cluster.group(leader).voters, 3u);
}

// The leader writes to both lives of a node that returns; who hears the other's mail last must not be told to delete
// its directory.
TEST(Node, NodeThatReturnsAndLosesItsLeaderIsNotCalledReplaced) {
  TestWorld cluster(3);
  const NodeId lost = cluster.follower();
  const NodeId third(6 - lost.value - cluster.await_leader().value);
  cluster.world->kill(third, sim::Death::kKill);  // so that the change is not committed
  const auto is_led = [&] {
    const NodeStatus status = cluster.world->node(lost)->status();
    return !status.groups.empty() && status.groups[0].leader_node;
  };
  lose_data(cluster, lost);
  cluster.world->run_for(100ms);
  cluster.world->start(third);
  ASSERT_TRUE(cluster.run_until(is_led));
  for (const NodeId id : cluster.world->nodes()) {
    if (id != lost) cluster.world->kill(id, sim::Death::kKill);
  }
  for (int i = 0; i < 2000; ++i) {
    cluster.world->run_for(1ms);
    ASSERT_NE(membership(cluster, lost), Membership::kStranger);
  }
}

TEST(Node, FormerDirectoryOfAReplacedNodeTakesNoPartAndSaysWhy) {
  TestWorld cluster(3);
  const NodeId lost = cluster.follower();
  cluster.world->kill(lost, sim::Death::kKill);
  std::map<std::string, std::string> former;
  const auto disk = [&]() -> env::Disk& { return *cluster.opened[lost].disk; };
  const auto names = [&]() -> std::vector<std::string> { return disk().list().value(); };
  for (const std::string& name : names()) former[name] = disk().read_all(name).value();
  cluster.world->wipe(lost);
  cluster.world->start(lost);
  ASSERT_TRUE(cluster.run_until([&] { return membership(cluster, lost) == Membership::kMember; }));
  cluster.world->kill(lost, sim::Death::kKill);
  for (const std::string& name : names()) ASSERT_TRUE(disk().remove(name).ok());
  for (const auto& [name, contents] : former) ASSERT_TRUE(disk().replace(name, contents).ok());
  cluster.world->start(lost);
  ASSERT_TRUE(cluster.run_until([&] { return membership(cluster, lost) == Membership::kStranger; }));
  EXPECT_THAT(cluster.world->node(lost)->status().explanation, HasSubstr("replaced this data directory"));
  EXPECT_EQ(cluster.ask(cluster.connect(cluster.await_leader()), CommandId::kSet, {"k", "v"}), "OK");
}

TEST(Node, LeaderStoppedBeforeItReadsAGetDoesNotAnswerFromItsOldState) {
  TestWorld cluster(3);
  const NodeId former = cluster.await_leader();
  Terminal& client = cluster.connect(former);
  ASSERT_EQ(cluster.ask(client, CommandId::kSet, {"k", "old"}), "OK");
  ASSERT_EQ(cluster.ask(client, CommandId::kGet, {"k"}), "old");
  cluster.world->pause(former);
  client.get("k");
  ASSERT_TRUE(cluster.run_until([&] { return cluster.leader() && cluster.leader() != former; }));
  EXPECT_EQ(cluster.ask(cluster.connect(cluster.leader()), CommandId::kSet, {"k", "new"}), "OK");
  cluster.world->run_for(5s);
  EXPECT_EQ(client.answers.back(), "");
  cluster.world->resume(former);
  ASSERT_TRUE(cluster.run_until([&] { return client.is_idle(); }));
  EXPECT_EQ(client.answers.back(), "new");
}

}  // namespace
}  // namespace torc::node
