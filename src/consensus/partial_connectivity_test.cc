// Progress when not everybody reaches everybody (Omni-Paxos, EuroSys'23; etcd #8129): from every starting leader, with
// three and five replicas, a leader that can commit within four election timeouts of the last change of links, and none
// other after it. An election timeout is the longest wait: 2 x election_timeout_min.
#include <gtest/gtest.h>

#include <utility>

#include "consensus/test_cluster.h"

namespace torc::consensus {
namespace {

using Link = std::pair<uint64_t, uint64_t>;

constexpr uint64_t kSeeds = 12;

class Group {
 public:
  Group(uint64_t seed, uint64_t nodes, uint64_t leader) : cluster(seed, nodes) {
    cluster.run(3s);
    for (int i = 0; i < 20 && cluster.leader() != replica_id(leader); ++i) {
      cluster.transfer(*cluster.leader(), replica_id(leader));
      cluster.run(200ms);
    }
    CHECK(cluster.leader() == replica_id(leader)) << "no leader " << leader << " with seed " << seed;
    propose();
  }
  Duration election_timeout() { return 2 * cluster.node(replica_id(1)).options.election_timeout_min; }
  void keep_only(const std::vector<Link>& links) {
    for (const auto& [from, from_node] : cluster.nodes()) {
      for (const auto& [to, to_node] : cluster.nodes()) cluster.set_link(from, to, false);
    }
    for (const auto& [one, other] : links) set(one, other, true);
  }
  void set(uint64_t one, uint64_t other, bool is_up) {
    cluster.set_link(replica_id(one), replica_id(other), is_up);
    cluster.set_link(replica_id(other), replica_id(one), is_up);
  }
  /// Every replica that takes itself for the leader gets something to do. True if any of it was committed.
  bool propose() {
    const LogIndex before = cluster.committed();
    std::vector<LogIndex> proposed;
    for (auto& [id, node] : cluster.nodes()) {
      if (const auto place = cluster.propose(id, "x")) proposed.push_back(place->index);
    }
    cluster.settle();
    return cluster.committed() > before;
  }
  /// How long it takes until something is committed; nothing if that does not happen within `most`.
  std::optional<Duration> recovery(Duration most) {
    const Duration step = 5ms;
    for (Duration waited{}; waited <= most; waited += step) {
      if (propose()) return waited;
      cluster.run(step);
    }
    return std::nullopt;
  }
  void expect_recovery_and_calm(const std::string& where) {
    const auto waited = recovery(4 * election_timeout());
    ASSERT_TRUE(waited) << where;
    worst = std::max(worst, *waited);
    const auto leader = cluster.leader();
    const Term term = cluster.status(*leader).term;
    for (int i = 0; i < 40; ++i) {
      cluster.run(election_timeout() / 2);
      ASSERT_TRUE(propose()) << where << ": writes stopped";
      ASSERT_EQ(cluster.leader(), leader) << where << ": another leader";
      ASSERT_EQ(cluster.status(*leader).term, term) << where << ": another term";
    }
    ASSERT_EQ(cluster.violation, "") << where;
  }

  TestCluster cluster;
  static inline Duration worst{};
};

std::string where(uint64_t seed, uint64_t nodes, uint64_t leader) {
  return "seed " + std::to_string(seed) + ", " + std::to_string(nodes) + " replicas, leader " + std::to_string(leader);
}

template <typename Body>
void for_every_start(const std::vector<uint64_t>& sizes, const Body& body) {
  Group::worst = {};
  for (const uint64_t nodes : sizes) {
    for (uint64_t leader = 1; leader <= nodes; ++leader) {
      for (uint64_t seed = 1; seed <= kSeeds && !::testing::Test::HasFatalFailure(); ++seed) {
        Group group(seed, nodes, leader);
        body(group, nodes, leader, where(seed, nodes, leader));
      }
    }
  }
  ::testing::Test::RecordProperty(
      "worst_ms", static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(Group::worst).count()));
}

// Everybody but `center` is left with `center` alone.
std::vector<Link> star(uint64_t nodes, uint64_t center) {
  std::vector<Link> links;
  for (uint64_t n = 1; n <= nodes; ++n) {
    if (n != center) links.push_back({center, n});
  }
  return links;
}

TEST(PartialConnectivity, QuorumLoss) {
  for_every_start({3, 5}, [](Group& group, uint64_t nodes, uint64_t, const std::string& where) {
    group.keep_only(star(nodes, 1));
    group.expect_recovery_and_calm(where);
  });
}

TEST(PartialConnectivity, ConstrainedElection) {
  for_every_start({3, 5}, [](Group& group, uint64_t nodes, uint64_t leader, const std::string& where) {
    const uint64_t center = leader == 1 ? 2 : 1;
    group.set(center, leader, false);
    for (int i = 0; i < 6; ++i) {  // half an election timeout in which the others' logs grow
      group.propose();
      group.cluster.run(group.election_timeout() / 12);
    }
    std::vector<Link> links = star(nodes, center);
    std::erase_if(links, [&](const Link& link) { return link.second == leader; });
    if (nodes == 3) links.push_back({center, leader});  // two of three must reach each other
    group.keep_only(links);
    group.expect_recovery_and_calm(where);
  });
}

TEST(PartialConnectivity, Chained) {
  for_every_start({3}, [](Group& group, uint64_t, uint64_t leader, const std::string& where) {
    group.set(2, 3, false);
    group.expect_recovery_and_calm(where);
    EXPECT_EQ(group.cluster.leader(), replica_id(leader)) << "nobody had to lead instead, " << where;
  });
}

TEST(PartialConnectivity, FiveNodeLine) {
  for_every_start({5}, [](Group& group, uint64_t, uint64_t, const std::string& where) {
    group.keep_only({{1, 2}, {2, 3}, {3, 4}, {4, 5}});
    group.expect_recovery_and_calm(where);
  });
  // decentralizedthoughts 2020: three in the middle, and one more behind each of two of them.
  for_every_start({5}, [](Group& group, uint64_t, uint64_t, const std::string& where) {
    group.keep_only({{1, 2}, {2, 3}, {1, 3}, {2, 4}, {3, 5}});
    group.expect_recovery_and_calm(where);
  });
}

TEST(PartialConnectivity, OneBrokenLink) {
  for_every_start({3, 5}, [](Group& group, uint64_t nodes, uint64_t leader, const std::string& where) {
    const uint64_t cut_off = leader % nodes + 1;
    group.set(leader, cut_off, false);
    ASSERT_TRUE(group.propose()) << "a gap in writes, " << where;
    group.expect_recovery_and_calm(where);
    EXPECT_EQ(group.cluster.leader(), replica_id(leader)) << where;
    // It keeps up through the others, and applies what is committed.
    group.cluster.run(4 * group.cluster.node(replica_id(1)).options.heartbeat_interval);
    EXPECT_EQ(group.cluster.status(replica_id(cut_off)).last_index, group.cluster.committed()) << where;
    EXPECT_EQ(group.cluster.status(replica_id(cut_off)).commit, group.cluster.committed()) << where;
  });
}

TEST(PartialConnectivity, OneWayLoss) {
  // The leader's messages to one follower vanish, the answers would not: nobody's election recurs.
  for_every_start({3, 5}, [](Group& group, uint64_t nodes, uint64_t leader, const std::string& where) {
    group.cluster.set_link(replica_id(leader), replica_id(leader % nodes + 1), false);
    group.expect_recovery_and_calm(where);
    EXPECT_EQ(group.cluster.leader(), replica_id(leader)) << where;
  });
}

TEST(PartialConnectivity, RejoinWithHighTerm) {
  for_every_start({3, 5}, [](Group& group, uint64_t nodes, uint64_t leader, const std::string& where) {
    const ReplicaId away = replica_id(leader % nodes + 1);
    group.cluster.isolate(away);
    for (int i = 0; i < 20; ++i) {
      group.propose();
      group.cluster.run(group.election_timeout());
    }
    group.cluster.heal();
    group.expect_recovery_and_calm(where);
    EXPECT_EQ(group.cluster.leader(), replica_id(leader)) << where;
    EXPECT_EQ(group.cluster.status(away).last_index, group.cluster.committed()) << where;
  });
}

TEST(PartialConnectivity, WithoutPullingAConstrainedElectionIsNeverWon) {
  ReplicaOptions options;
  options.pull = false;
  TestCluster cluster(1, 5, options);
  cluster.run(3s);
  const ReplicaId leader = *cluster.leader();
  const ReplicaId center = leader == replica_id(1) ? replica_id(2) : replica_id(1);
  cluster.set_link(leader, center, false);
  cluster.set_link(center, leader, false);
  cluster.propose(leader, "only the others get this");
  cluster.settle();
  const LogIndex committed = cluster.committed();
  for (const auto& [from, from_node] : cluster.nodes()) {
    for (const auto& [to, to_node] : cluster.nodes()) {
      const bool is_up = (from == center || to == center) && from != leader && to != leader;
      cluster.set_link(from, to, is_up);
    }
  }
  cluster.run(30s);
  EXPECT_EQ(cluster.committed(), committed);
}

}  // namespace
}  // namespace torc::consensus
