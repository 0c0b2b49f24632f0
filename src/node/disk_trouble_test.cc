// Disks that hang, are slow or full: a leader is whoever can commit and persist (rules.md#leader-persists).
#include <gmock/gmock.h>

#include "node/test_world.h"

namespace torc::node {
namespace {

using kv::CommandId;

constexpr Duration kHandsOverWithin = 2s;

/// Writes through `at` until `until`, one command after the other; counts what was answered with OK.
struct Writer {
  Writer(TestWorld& cluster, NodeId at) : terminal(cluster.connect(at)) {}
  void keep_busy() {
    if (!terminal.is_idle()) return;
    if (!terminal.answers.empty()) ++(terminal.answers.back() == "OK" ? ok : refused);
    terminal.answers.clear();
    terminal.set("k" + std::to_string(ok % 10), std::string(2'000, 'v'));
  }
  Terminal& terminal;
  uint64_t ok = 0;
  uint64_t refused = 0;
};

NodeId another(NodeId id) { return id == NodeId(1) ? NodeId(2) : NodeId(1); }

bool leads(TestWorld& cluster, NodeId id) { return cluster.group(id).replica.role == consensus::Role::kLeader; }

TEST(DiskTrouble, ALeaderWhoseDiskHangsHandsOverAndTakesNothingBack) {
  TestWorld cluster(3);
  const NodeId former = cluster.await_leader();
  Writer writer(cluster, another(former));
  cluster.run_until([&] { return writer.keep_busy(), writer.ok > 20; });
  cluster.world->slow_disk(former, 10s);
  const Instant begin = cluster.world->queue().now();
  ASSERT_TRUE(cluster.run_until([&] { return writer.keep_busy(), cluster.leader() && cluster.leader() != former; }));
  EXPECT_LT(cluster.world->queue().now() - begin, kHandsOverWithin);
  const uint64_t ok_before = writer.ok;
  cluster.run_until(
      [&] {
        writer.keep_busy();
        EXPECT_FALSE(leads(cluster, former)) << "its disk still hangs";
        return cluster.world->queue().now() - begin > 9s;
      },
      20s);
  EXPECT_GT(writer.ok, ok_before + 1000) << "clients go on";
  cluster.world->slow_disk(former, 0s);
  EXPECT_TRUE(cluster.run_until([&] {
    writer.keep_busy();
    return cluster.group(former).applied + 10 >= cluster.group(cluster.await_leader()).applied;
  }));
  EXPECT_EQ(cluster.failure(), "");
}

TEST(DiskTrouble, ALeaderWhoseDiskIsSlowWhileTheOthersAreNotHandsOverOnce) {
  TestWorld cluster(3);
  const NodeId former = cluster.await_leader();
  Writer writer(cluster, another(former));
  cluster.world->slow_disk(former, 1500ms);
  ASSERT_TRUE(cluster.run_until([&] { return writer.keep_busy(), cluster.leader() && cluster.leader() != former; }));
  const NodeId next = cluster.leader();
  const Term term = cluster.group(next).replica.term;
  cluster.run_until([&] { return writer.keep_busy(), false; }, 20s);
  EXPECT_EQ(cluster.leader(), next);
  EXPECT_EQ(cluster.group(next).replica.term, term);
}

// The next leader's election is not the time for the slow one to come back: somebody with a good disk is there.
TEST(DiskTrouble, ANodeWhoseDiskIsSlowLeavesElectionsToTheOthers) {
  for (uint64_t round = 0; round < 5; ++round) {
    TestWorld cluster(5);
    const NodeId slow = cluster.await_leader();
    Writer writer(cluster, another(slow));
    cluster.world->slow_disk(slow, 1500ms);
    ASSERT_TRUE(cluster.run_until([&] { return writer.keep_busy(), cluster.leader() && cluster.leader() != slow; }));
    cluster.run_until([&] { return writer.keep_busy(), false; }, Duration((2 + round) * 1s));
    cluster.world->kill(cluster.leader(), sim::Death::kKill);
    ASSERT_TRUE(cluster.run_until([&] { return static_cast<bool>(cluster.leader()); }));
    EXPECT_NE(cluster.leader(), slow);
  }
}

TEST(DiskTrouble, AFollowerWhoseDiskHangsCostsNothing) {
  TestWorld cluster(3);
  const NodeId leader = cluster.await_leader();
  const Term term = cluster.group(leader).replica.term;
  Writer writer(cluster, leader);
  cluster.run_until([&] { return writer.keep_busy(), false; }, 2s);
  const uint64_t usual = std::exchange(writer.ok, 0);
  cluster.world->slow_disk(another(leader), 10s);
  cluster.run_until([&] { return writer.keep_busy(), false; }, 2s);
  EXPECT_GT(writer.ok, usual * 7 / 10) << "the later of two disks instead of the second of three";
  cluster.run_until([&] { return writer.keep_busy(), false; }, 7s);
  EXPECT_EQ(cluster.leader(), leader);
  EXPECT_EQ(cluster.group(leader).replica.term, term);
}

// Row 30 of docs/testing.md: heartbeats wait for no disk.
TEST(DiskTrouble, SyncsOfUpToASecondOnAllNodesCauseNoElection) {
  for (const Duration sync : {Duration(100ms), Duration(300ms), Duration(1s)}) {
    TestWorld cluster(3);
    const NodeId leader = cluster.await_leader();
    const Term term = cluster.group(leader).replica.term;
    Writer writer(cluster, another(leader));
    for (const NodeId id : cluster.world->nodes()) cluster.world->slow_disk(id, sync);
    cluster.run_until([&] { return writer.keep_busy(), false; }, 30s);
    EXPECT_EQ(cluster.leader(), leader) << sync.count();
    EXPECT_EQ(cluster.group(leader).replica.term, term) << sync.count();
    EXPECT_GT(writer.ok, 10u);
    EXPECT_EQ(writer.refused, 0u);
  }
}

TEST(DiskTrouble, WithSyncsOfASecondOnAllNodesADeadLeaderIsReplaced) {
  TestWorld cluster(3);
  const NodeId leader = cluster.await_leader();
  for (const NodeId id : cluster.world->nodes()) cluster.world->slow_disk(id, 1s);
  cluster.world->run_for(5s);
  cluster.world->kill(leader, sim::Death::kKill);
  EXPECT_TRUE(cluster.run_until([&] { return static_cast<bool>(cluster.leader()); }, 60s));
}

TEST(DiskTrouble, WhatWaitsForALeadersDiskIsBoundedAndWhatIsRefusedWasNotExecuted) {
  constexpr size_t kBound = 200'000;
  TestWorld cluster(3, [](sim::WorldOptions& options) { options.node.unsynced_bytes_max = kBound; });
  const NodeId leader = cluster.await_leader();
  Terminal& client = cluster.connect(leader);
  cluster.world->slow_disk(leader, 600ms);  // not slow enough to hand over
  uint64_t waiting_max = 0;
  for (int i = 0; i < 500; ++i) {
    client.append("k" + std::to_string(i), std::string(5'000, 'v'));
    cluster.world->run_for(1ms);
    waiting_max = std::max(waiting_max, cluster.world->node(leader)->status().log_bytes_unsynced);
  }
  ASSERT_TRUE(cluster.run_until([&] { return client.is_idle(); }));
  EXPECT_GT(waiting_max, kBound / 2);
  EXPECT_LT(waiting_max, kBound + 3'000'000) << "and one batch";
  std::vector<size_t> refused;
  for (size_t i = 0; i < client.answers.size(); ++i) {
    if (client.answers[i] == ":5000") continue;
    EXPECT_EQ(client.answers[i], "!disk slow");
    refused.push_back(i);
  }
  EXPECT_GT(refused.size(), 10u);
  cluster.world->slow_disk(leader, 0s);
  cluster.world->run_for(2s);
  for (const size_t i : refused) EXPECT_EQ(cluster.ask(client, CommandId::kStrLen, {"k" + std::to_string(i)}), ":0");
}

TEST(DiskTrouble, ALeaderWhoseDiskIsFullHandsOverToOneThatHasSpace) {
  TestWorld cluster(3);
  const NodeId full = cluster.await_leader();
  Terminal& client = cluster.connect(another(full));
  ASSERT_EQ(cluster.ask(client, CommandId::kSet, {"k", "v"}), "OK");
  cluster.world->fill_disk(full, 0);
  const auto is_served = [&] {
    return cluster.ask(client, CommandId::kSet, {"large", std::string(300'000, 'x')}) == "OK" && cluster.leader() &&
           cluster.leader() != full;
  };
  EXPECT_TRUE(cluster.run_until(is_served, 30s));
  EXPECT_EQ(cluster.ask(client, CommandId::kSet, {"k", "w"}), "OK");
}

/// Three nodes whose disks became full while somebody wrote.
struct FullDisks {
  static constexpr uint64_t kReserveBytes = 256u << 10;

  FullDisks() {
    leader = cluster.await_leader();
    EXPECT_EQ(cluster.ask(cluster.connect(leader), CommandId::kSet, {"k", "v"}), "OK");
    cluster.world->run_for(1s);
    for (const NodeId id : cluster.world->nodes()) cluster.world->fill_disk(id, 0);
    write(leader);
  }
  /// Until it is refused.
  void write(NodeId at) {
    Terminal& client = cluster.connect(at);
    for (int i = 0; i < 100; ++i) {
      client.set("large", std::string(10'000, 'x'));
      cluster.world->run_for(10ms);
    }
    EXPECT_TRUE(cluster.run_until([&] { return client.is_idle(); }));
    EXPECT_THAT(client.answers.back(), ::testing::AnyOf("!disk full", "!disks full"));
  }
  std::string read(NodeId at) { return cluster.ask(cluster.connect(at), CommandId::kGet, {"k"}); }

  TestWorld cluster{3, [](sim::WorldOptions& options) { options.node.log.reserve_bytes = kReserveBytes; }};
  NodeId leader;
};

// Votes and the first entry of a term need space, if only a little.
TEST(DiskTrouble, WithFullDisksEverywhereADeadLeaderIsReplacedReadsAreServedAndWritesComeBackWithTheSpace) {
  FullDisks full;
  TestWorld& cluster = full.cluster;
  cluster.world->kill(full.leader, sim::Death::kPowerLoss);
  ASSERT_TRUE(cluster.run_until([&] { return static_cast<bool>(cluster.leader()); }, 10s)) << "nobody leads";
  const NodeId next = cluster.leader();
  EXPECT_EQ(full.read(next), "v");
  full.write(next);
  cluster.world->start(full.leader);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.world->node(full.leader) != nullptr; })) << "on its full disk";
  EXPECT_EQ(full.read(full.leader), "v");
  for (const NodeId id : cluster.world->nodes()) cluster.world->give_disk_space(id);
  const auto is_served = [&] { return cluster.ask(cluster.connect(full.leader), CommandId::kSet, {"k", "w"}) == "OK"; };
  EXPECT_TRUE(cluster.run_until(is_served));
  EXPECT_EQ(full.read(next), "w");
  EXPECT_EQ(cluster.failure(), "");
}

TEST(DiskTrouble, WhatIsKeptBackForVotesIsNotSpentOnCommandsInManyElections) {
  FullDisks full;
  TestWorld& cluster = full.cluster;
  for (int election = 0; election < 10; ++election) {
    const NodeId leader = cluster.await_leader();
    cluster.world->kill(leader, sim::Death::kKill);
    ASSERT_TRUE(cluster.run_until([&] { return cluster.leader() && cluster.leader() != leader; }, 10s)) << election;
    full.write(cluster.leader());
    cluster.world->start(leader);
    ASSERT_TRUE(cluster.run_until([&] { return cluster.world->node(leader) != nullptr; })) << election;
    EXPECT_EQ(full.read(leader), "v");
  }
  EXPECT_EQ(cluster.failure(), "");
}

TEST(DiskTrouble, WhereAllDisksAreFullLeadershipStaysWhereItIs) {
  TestWorld cluster(3);
  const NodeId leader = cluster.await_leader();
  Terminal& client = cluster.connect(leader);
  ASSERT_EQ(cluster.ask(client, CommandId::kSet, {"k", "v"}), "OK");
  for (const NodeId id : cluster.world->nodes()) cluster.world->fill_disk(id, 0);
  for (int i = 0; i < 20; ++i) {
    client.set("large", std::string(100'000, 'x'));
    cluster.world->run_for(50ms);
  }
  cluster.world->run_for(5s);
  const NodeId settled = cluster.await_leader();
  const Term term = cluster.group(settled).replica.term;
  cluster.world->run_for(30s);
  EXPECT_EQ(cluster.leader(), settled);
  EXPECT_EQ(cluster.group(settled).replica.term, term);
  Terminal& reader = cluster.connect(settled);
  EXPECT_EQ(cluster.ask(reader, CommandId::kGet, {"k"}), "v");
}

// For as long as they thought that a node which was not there had space, two nodes with full disks led in turns, some
// milliseconds each: a hundred elections in a second.
TEST(DiskTrouble, WhereTheOneDiskWithSpaceIsGoneLeadershipStaysWhereItIs) {
  FullDisks full;
  TestWorld& cluster = full.cluster;
  cluster.world->run_for(5s);
  const NodeId with_space = cluster.await_leader();
  cluster.world->give_disk_space(with_space);
  const auto is_full = [&](NodeId id) { return cluster.world->node(id)->status().disk_full; };
  ASSERT_TRUE(cluster.run_until([&] { return !is_full(with_space); }, 30s));
  cluster.world->run_for(1500ms);  // it says so
  for (const NodeId id : cluster.world->nodes()) ASSERT_EQ(is_full(id), id != with_space) << id;
  const Term before = cluster.group(cluster.await_leader()).replica.term;
  cluster.world->kill(with_space, sim::Death::kKill);
  cluster.world->run_for(3s);
  const NodeId settled = cluster.await_leader();
  EXPECT_NE(settled, with_space);
  EXPECT_LE(cluster.group(settled).replica.term.value, before.value + 5);
}

}  // namespace
}  // namespace torc::node
