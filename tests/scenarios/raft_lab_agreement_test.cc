// The Raft lab's scenarios of elections and agreement (6.824, 2017, lab 2A and 2B), under their own names.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "scenarios/raft_lab.h"

namespace torc::scenarios {
namespace {

void propose_many(RaftCluster& cluster, size_t server, int count) {
  for (int i = 0; i < count; ++i) cluster.propose(server, cluster.random_command());
}

INSTANTIATE_TEST_SUITE_P(OnACircleOf, RaftLab, testing::Values(1u, 8u), [](const auto& test) {
  return std::to_string(test.param) + (test.param == 1 ? "Arc" : "Arcs");
});

TEST_P(RaftLab, InitialElection) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 3, .arcs = arcs()});
    cluster.check_one_leader();
    cluster.run_for(50ms);
    const Term term = cluster.check_terms();
    EXPECT_GE(term, Term(1));
    cluster.run_for(2 * kLabTimeout);
    EXPECT_EQ(cluster.check_terms(), term) << "the term changed although nothing failed";
    cluster.check_one_leader();
  });
}

TEST_P(RaftLab, ReElection) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 3, .arcs = arcs()});
    const size_t leader1 = cluster.check_one_leader();
    cluster.disconnect(leader1);
    cluster.check_one_leader();
    cluster.connect(leader1);
    const size_t leader2 = cluster.check_one_leader();
    const size_t next = (leader2 + 1) % 3;
    cluster.disconnect(leader2);
    cluster.disconnect(next);
    cluster.run_for(2 * kLabTimeout);
    cluster.check_no_leader();
    cluster.connect(next);
    cluster.check_one_leader();
    cluster.connect(leader2);
    cluster.check_one_leader();
  });
}

TEST_P(RaftLab, BasicAgree) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 5, .arcs = arcs()});
    for (uint64_t i = 1; i <= 3; ++i) {
      EXPECT_EQ(cluster.commands_applied(), i - 1) << "applied before it was proposed";
      EXPECT_EQ(cluster.one(static_cast<int64_t>(i * 100), 5), i);
    }
  });
}

TEST_P(RaftLab, FailAgree) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 3, .arcs = arcs()});
    cluster.one(101, 3);
    const size_t cut = (cluster.check_one_leader() + 1) % 3;
    cluster.disconnect(cut);
    cluster.one(102, 2);
    cluster.one(103, 2);
    cluster.run_for(kLabTimeout);
    cluster.one(104, 2);
    cluster.one(105, 2);
    cluster.connect(cut);
    cluster.one(106, 3);
    cluster.run_for(kLabTimeout);
    cluster.one(107, 3);
  });
}

TEST_P(RaftLab, FailNoAgree) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 5, .arcs = arcs()});
    cluster.one(10, 5);
    const size_t leader = cluster.check_one_leader();
    for (size_t i = 1; i <= 3; ++i) cluster.disconnect((leader + i) % 5);
    const auto lost = cluster.propose(leader, 20);
    ASSERT_TRUE(lost.has_value()) << "the leader refused a proposal";
    EXPECT_EQ(lost->count, 2u);
    cluster.run_for(2 * kLabTimeout);
    EXPECT_EQ(cluster.commands_applied(), 1u) << "decided without a majority";
    for (size_t i = 1; i <= 3; ++i) cluster.connect((leader + i) % 5);
    const auto next = cluster.propose(cluster.check_one_leader(), 30);
    ASSERT_TRUE(next.has_value()) << "the new leader refused a proposal";
    EXPECT_GE(next->count, 2u);
    EXPECT_LE(next->count, 3u);
    cluster.one(1000, 5);
  });
}

/// One try; false if the term moved on and nothing can be said.
bool agree_concurrently(RaftCluster& cluster) {
  const size_t leader = cluster.check_one_leader();
  const auto first = cluster.propose(leader, 1);
  if (!first) return false;
  std::vector<LogIndex> accepted;
  for (int64_t command = 100; command <= 104; ++command) {
    const auto proposal = cluster.propose(leader, command);
    if (proposal && proposal->term == first->term) accepted.push_back(proposal->index);
  }
  std::vector<int64_t> commands;
  for (const LogIndex index : accepted) {
    const auto command = cluster.wait(index, 3, first->term);
    if (!command) return false;
    commands.push_back(*command);
  }
  EXPECT_EQ(commands, (std::vector<int64_t>{100, 101, 102, 103, 104}));
  return true;
}

TEST_P(RaftLab, ConcurrentStarts) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 3, .arcs = arcs()});
    bool is_done = false;
    for (int attempt = 0; attempt < 5 && !is_done && cluster.is_fine(); ++attempt) {
      if (attempt > 0) cluster.run_for(3s);
      is_done = agree_concurrently(cluster);
    }
    EXPECT_TRUE(is_done) << "the term changed too often";
  });
}

TEST_P(RaftLab, Rejoin) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 3, .arcs = arcs()});
    cluster.one(101, 3);
    const size_t leader1 = cluster.check_one_leader();
    cluster.disconnect(leader1);
    for (int64_t command = 102; command <= 104; ++command) {
      EXPECT_TRUE(cluster.propose(leader1, command).has_value()) << "there is no uncommitted tail to overwrite";
    }
    cluster.one(103, 2);
    const size_t leader2 = cluster.check_one_leader();
    cluster.disconnect(leader2);
    cluster.connect(leader1);
    cluster.one(104, 2);
    cluster.connect(leader2);
    cluster.one(105, 3);
    EXPECT_EQ(cluster.all_commands(), (std::vector<int64_t>{101, 103, 104, 105}));
  });
}

TEST_P(RaftLab, Backup) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 5, .arcs = arcs()});
    cluster.one(cluster.random_command(), 5);
    const size_t leader1 = cluster.check_one_leader();
    const auto from_leader1 = [&](size_t n) { return (leader1 + n) % 5; };
    for (size_t n = 2; n <= 4; ++n) cluster.disconnect(from_leader1(n));
    propose_many(cluster, leader1, 50);
    cluster.run_for(kLabTimeout / 2);
    for (size_t n = 0; n <= 1; ++n) cluster.disconnect(from_leader1(n));
    for (size_t n = 2; n <= 4; ++n) cluster.connect(from_leader1(n));
    for (int i = 0; i < 50; ++i) cluster.one(cluster.random_command(), 3);
    const size_t leader2 = cluster.check_one_leader();
    size_t other = from_leader1(2);
    if (other == leader2) other = (leader2 + 1) % 5;
    cluster.disconnect(other);
    propose_many(cluster, leader2, 50);
    cluster.run_for(kLabTimeout / 2);
    for (size_t n = 0; n < 5; ++n) cluster.disconnect(n);
    for (const size_t server : {leader1, from_leader1(1), other}) cluster.connect(server);
    for (int i = 0; i < 50; ++i) cluster.one(cluster.random_command(), 3);
    for (size_t n = 0; n < 5; ++n) cluster.connect(n);
    cluster.one(cluster.random_command(), 5);
  });
}

/// One try of the middle of Count; false if the term moved on and nothing can be said.
bool count_requests_of_proposals(RaftCluster& cluster, uint32_t arcs) {
  constexpr uint64_t kChecked = 10;
  const size_t leader = cluster.check_one_leader();
  const uint64_t before = cluster.network().requests_received();
  const auto first = cluster.propose(leader, 1);
  if (!first) return false;
  std::vector<int64_t> commands;
  for (uint64_t i = 1; i <= kChecked + 1; ++i) {
    commands.push_back(cluster.random_command());
    const auto proposal = cluster.propose(leader, commands.back());
    if (!proposal || proposal->term != first->term) return false;
    EXPECT_EQ(proposal->count, first->count + i);
  }
  for (uint64_t i = 1; i <= kChecked; ++i) {
    const auto command = cluster.wait(first->index + i, 3, first->term);
    if (!command) return false;
    EXPECT_EQ(*command, commands[i - 1]);
  }
  // What several groups say in a turn goes in one frame as well.
  const uint64_t leading = std::min<uint64_t>(arcs, cluster.size());
  EXPECT_LE(cluster.network().requests_received() - before, (kChecked + 1 + 3) * 3 * leading)
      << "requests for 12 proposals";
  return true;
}

TEST_P(RaftLab, Count) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 3, .arcs = arcs()});
    cluster.check_one_leader();
    EXPECT_GE(cluster.network().requests_received(), 1u);
    EXPECT_LE(cluster.network().requests_received(), 30u * arcs()) << "requests for the first elections";
    bool is_done = false;
    for (int attempt = 0; attempt < 5 && !is_done && cluster.is_fine(); ++attempt) {
      if (attempt > 0) cluster.run_for(3s);
      is_done = count_requests_of_proposals(cluster, arcs());
    }
    EXPECT_TRUE(is_done) << "the term changed too often";
    const uint64_t before = cluster.network().requests_received();
    cluster.run_for(kLabTimeout);
    // Heartbeats of all groups that a server leads go in one frame: eight groups cost what three servers say that lead.
    const uint64_t leading = std::min<uint64_t>(arcs(), cluster.size());
    EXPECT_LE(cluster.network().requests_received() - before, 60u * leading) << "requests in an idle second";
  });
}

}  // namespace
}  // namespace torc::scenarios
