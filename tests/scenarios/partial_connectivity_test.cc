// Partial connectivity: a leader that can commit within four election timeouts of the last change of a link, then no
// other one while the links stay as they are. Each scenario from every starting leader, with a table beside Raft
// without PreVote and without CheckQuorum.
//
// An election timeout is the longest that a replica waits before it campaigns: twice election_timeout_min, from which
// each wait is drawn. Raft without PreVote and CheckQuorum keeps one thing that the paper's does not have: a replica
// that hears a leader grants no vote, because leases rest on it.
//
// Not here yet: ConstrainedElection, which needs a replica that pulls before it votes (rules.md#pull-before-voting).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "scenarios/raft_cluster.h"
#include "scenarios/seeds.h"

namespace torc::scenarios {
namespace {

constexpr uint64_t kSeedsPerLeader = 25;        // make scenarios: 100
constexpr uint64_t kSeedsCompared = 20;         // of the variants that nothing is demanded of
constexpr Duration kProposeEvery = 10ms;        // until a command is decided
constexpr Duration kProposeAfterwards = 100ms;  // unless gaps between writes are what is looked for

struct Variant {
  const char* name;
  bool pre_vote;
  bool check_quorum;
  bool pull;
};
constexpr Variant kTorc = {"Torc", true, true, true};
constexpr Variant kOthers[] = {{"PreVote+CheckQuorum", true, true, false}, {"plain Raft", false, false, false}};

consensus::ReplicaOptions options_of(const Variant& variant) {
  consensus::ReplicaOptions options;
  options.pre_vote = variant.pre_vote;
  options.check_quorum = variant.check_quorum;
  options.pull = variant.pull;
  return options;
}

const Duration kElectionTimeout = 2 * consensus::ReplicaOptions{}.election_timeout_min;

/// What happened after the last change of a link.
struct Recovery {
  std::optional<Duration> until_commit;  // of a command proposed after the change; none: not while it was watched
  uint64_t later_leaderships = 0;        // terms that had a leader, after that commit
  uint64_t all_leaderships = 0;          // after the change
  Duration longest_gap{0};               // between commits, after the first
  bool have_others_committed = true;     // all other groups, something after the change
};

/// Proposes at whoever leads until the watched time is over; at `pace` once something is decided.
Recovery watch(RaftCluster& cluster, Duration pace, Duration watched) {
  Recovery recovery;
  const Instant start = cluster.now();
  const uint64_t decided_before = cluster.commands_applied();
  const uint64_t leaderships_before = cluster.leaderships();
  std::map<GroupId, uint64_t> others_before;
  for (const GroupId other : cluster.other_groups()) others_before[other] = cluster.commands_applied(other);
  std::vector<int64_t> proposed;
  uint64_t decided = decided_before;
  uint64_t leaderships_then = 0;
  Instant last_commit = start;
  while (cluster.now() - start < watched && cluster.is_fine()) {
    for (size_t i = 0; i < cluster.size(); ++i) {
      const int64_t command = cluster.random_command();
      if (cluster.propose(i, command)) proposed.push_back(command);
    }
    cluster.run_for(recovery.until_commit ? pace : kProposeEvery);
    if (cluster.commands_applied() == decided) continue;
    decided = cluster.commands_applied();
    if (!recovery.until_commit) {
      const auto newest = cluster.command_at(cluster.index_of(decided));
      if (std::ranges::find(proposed, *newest) == proposed.end()) continue;  // of before the change
      recovery.until_commit = cluster.now() - start;
      leaderships_then = cluster.leaderships();
    } else {
      recovery.longest_gap = std::max(recovery.longest_gap, cluster.now() - last_commit);
    }
    last_commit = cluster.now();
  }
  recovery.longest_gap = std::max(recovery.longest_gap, cluster.now() - last_commit);
  for (const auto& [other, before] : others_before) {
    recovery.have_others_committed &= cluster.commands_applied(other) > before;
  }
  recovery.all_leaderships = cluster.leaderships() - leaderships_before;
  if (recovery.until_commit) recovery.later_leaderships = cluster.leaderships() - leaderships_then;
  return recovery;
}

/// With several arcs one group is watched, from some starting leaders; the leaders of the others are wherever they are.
class PartialConnectivity : public testing::TestWithParam<uint32_t> {};

INSTANTIATE_TEST_SUITE_P(OnACircleOf, PartialConnectivity, testing::Values(1u, 8u), [](const auto& test) {
  return std::to_string(test.param) + (test.param == 1 ? "Arc" : "Arcs");
});

using ChangeLinks = std::function<void(RaftCluster& cluster, size_t leader)>;

struct Scenario {
  std::string name;
  uint32_t arcs = 1;
  size_t servers = 5;
  ChangeLinks change_links;
  std::function<void(const Recovery&)> demand_more = [](const Recovery&) {};
  Duration pace = kProposeAfterwards;
  Duration watched = 6s;  // ten election timeouts
};

Recovery run(const Scenario& scenario, uint64_t seed, size_t leader, const Variant& variant) {
  RaftCluster cluster(seed * 1000 + leader,
                      {.servers = scenario.servers, .arcs = scenario.arcs, .replica = options_of(variant)});
  cluster.make_leader(leader);
  cluster.one(cluster.random_command(), scenario.servers);
  scenario.change_links(cluster, leader);
  return watch(cluster, scenario.pace, scenario.watched);
}

void print(const Scenario& scenario, const char* variant, const std::vector<Recovery>& recoveries) {
  std::vector<double> timeouts;
  uint64_t changes = 0;
  for (const Recovery& recovery : recoveries) {
    changes += recovery.later_leaderships;
    if (!recovery.until_commit) continue;
    timeouts.push_back(static_cast<double>(recovery.until_commit->count()) /
                       static_cast<double>(kElectionTimeout.count()));
  }
  std::ranges::sort(timeouts);
  std::string led = "never led";
  if (!timeouts.empty()) {
    char text[96];
    std::snprintf(text, sizeof text, "led in %3zu: median %.2f, worst %.2f election timeouts, %.2f changes afterwards",
                  timeouts.size(), timeouts[timeouts.size() / 2], timeouts.back(),
                  static_cast<double>(changes) / static_cast<double>(recoveries.size()));
    led = text;
  }
  std::printf("%-22s %zu replicas  %-19s %3zu runs: %s\n", scenario.name.c_str(), scenario.servers, variant,
              recoveries.size(), led.c_str());
}

/// Every starting leader (with several arcs every third); demands progress and calm, prints the table.
void run_scenario(const Scenario& scenario) {
  std::vector<Recovery> recoveries;
  for_each_seed(scenario.arcs == 1 ? kSeedsPerLeader : kSeedsOfManyArcs, [&](uint64_t seed) {
    for (size_t leader = 0; leader < scenario.servers; leader += scenario.arcs == 1 ? 1 : 3) {
      SCOPED_TRACE(scenario.name + ", starting leader " + std::to_string(leader));
      recoveries.push_back(run(scenario, seed, leader, kTorc));
      const Recovery& recovery = recoveries.back();
      ASSERT_TRUE(recovery.until_commit.has_value()) << "no leader could commit";
      EXPECT_LE(*recovery.until_commit, 4 * kElectionTimeout);
      EXPECT_EQ(recovery.later_leaderships, 0u) << "leadership changed although no link did";
      EXPECT_TRUE(recovery.have_others_committed) << "a group whose leader was elsewhere has committed nothing";
      scenario.demand_more(recovery);
    }
  });
  if (scenario.arcs > 1) return;  // the table is about one group
  print(scenario, kTorc.name, recoveries);
  for (const Variant& variant : kOthers) {
    std::vector<Recovery> others;
    for (uint64_t seed = 1; seed <= kSeedsCompared && !testing::Test::HasFailure(); ++seed) {
      others.push_back(run(scenario, seed, seed % scenario.servers, variant));
    }
    if (!others.empty()) print(scenario, variant.name, others);
  }
}

void cut_all(RaftCluster& cluster) {
  for (size_t a = 0; a < cluster.size(); ++a) {
    for (size_t b = 0; b < a; ++b) cluster.network().set_link(RaftCluster::id_of(a), RaftCluster::id_of(b), false);
  }
}

void link(RaftCluster& cluster, size_t a, size_t b) {
  cluster.network().set_link(RaftCluster::id_of(a), RaftCluster::id_of(b), true);
}

/// Another one than the leader, drawn.
size_t draw_other(RaftCluster& cluster, size_t leader) {
  return (leader + 1 + cluster.prng().below(cluster.size() - 1)) % cluster.size();
}

void cut_pair(RaftCluster& cluster, size_t a, size_t b) {
  cluster.network().set_link(RaftCluster::id_of(a), RaftCluster::id_of(b), false);
}

void demand_no_election(const Recovery& recovery) { EXPECT_EQ(recovery.all_leaderships, 0u); }

// The leader keeps one link, to the only replica that still reaches a majority.
TEST_P(PartialConnectivity, QuorumLoss) {
  run_scenario({.name = "quorum loss", .arcs = GetParam(), .change_links = [](RaftCluster& cluster, size_t leader) {
                  const size_t hub = draw_other(cluster, leader);
                  cut_all(cluster);
                  for (size_t i = 0; i < cluster.size(); ++i) {
                    if (i != hub) link(cluster, hub, i);
                  }
                }});
}

// The leader loses its link to A; half an election timeout of writes later it loses all others, and of the rest only A
// reaches everybody: with a log shorter than that of three others.
TEST_P(PartialConnectivity, ConstrainedElection) {
  run_scenario(
      {.name = "constrained election", .arcs = GetParam(), .change_links = [](RaftCluster& cluster, size_t leader) {
         const size_t hub = draw_other(cluster, leader);
         cut_pair(cluster, leader, hub);
         for (Duration passed{0}; passed < kElectionTimeout / 2; passed += kProposeEvery) {
           cluster.propose(leader, cluster.random_command());
           cluster.run_for(kProposeEvery);
         }
         EXPECT_LT(cluster.replica(hub).last_index, cluster.replica(leader).commit);
         cut_all(cluster);
         for (size_t i = 0; i < cluster.size(); ++i) {
           if (i != hub && i != leader) link(cluster, hub, i);
         }
       }});
}

// One pair is cut; the leader is at an end of the chain or in its middle.
TEST_P(PartialConnectivity, Chained) {
  const auto at_most_one_change = [](const Recovery& recovery) { EXPECT_LE(recovery.all_leaderships, 1u); };
  run_scenario({.name = "chained, at the end",
                .arcs = GetParam(),
                .servers = 3,
                .change_links = [](RaftCluster& cluster,
                                   size_t leader) { cut_pair(cluster, leader, draw_other(cluster, leader)); },
                .demand_more = at_most_one_change});
  run_scenario({.name = "chained, middle",
                .arcs = GetParam(),
                .servers = 3,
                .change_links = [](RaftCluster& cluster,
                                   size_t leader) { cut_pair(cluster, (leader + 1) % 3, (leader + 2) % 3); },
                .demand_more = at_most_one_change});
}

// 1, 2 and 3 connected, 4 only to 2, 5 only to 3; and a line proper: 1-2-3-4-5.
TEST_P(PartialConnectivity, FiveNodeLine) {
  run_scenario({.name = "triangle, two tails", .arcs = GetParam(), .change_links = [](RaftCluster& cluster, size_t) {
                  cut_all(cluster);
                  link(cluster, 0, 1);
                  link(cluster, 0, 2);
                  link(cluster, 1, 2);
                  link(cluster, 3, 1);
                  link(cluster, 4, 2);
                }});
  run_scenario({.name = "line of five", .arcs = GetParam(), .change_links = [](RaftCluster& cluster, size_t) {
                  cut_all(cluster);
                  for (size_t i = 0; i < 4; ++i) link(cluster, i, i + 1);
                }});
}

// etcd #8129: the leader and one follower do not reach each other. Nobody else may notice.
TEST_P(PartialConnectivity, OneBrokenLink) {
  const auto no_gap = [](const Recovery& recovery) {
    EXPECT_LE(*recovery.until_commit, 5 * kProposeEvery);
    EXPECT_LE(recovery.longest_gap, 5 * kProposeEvery) << "a gap in the writes";
    demand_no_election(recovery);
  };
  for (const size_t servers : {3, 5}) {
    run_scenario({.name = "one broken link",
                  .arcs = GetParam(),
                  .servers = servers,
                  .change_links = [](RaftCluster& cluster,
                                     size_t leader) { cut_pair(cluster, leader, draw_other(cluster, leader)); },
                  .demand_more = no_gap,
                  .pace = kProposeEvery,
                  .watched = 3s});
  }
}

// etcd #9563: half of what goes one way between the leader and a follower is lost.
TEST_P(PartialConnectivity, OneWayLoss) {
  const ChangeLinks from_leader = [](RaftCluster& cluster, size_t leader) {
    cluster.network().set_loss(RaftCluster::id_of(leader), RaftCluster::id_of(draw_other(cluster, leader)), 50);
  };
  const ChangeLinks to_leader = [](RaftCluster& cluster, size_t leader) {
    cluster.network().set_loss(RaftCluster::id_of(draw_other(cluster, leader)), RaftCluster::id_of(leader), 50);
  };
  for (const size_t servers : {3, 5}) {
    run_scenario({.name = "half lost from leader",
                  .arcs = GetParam(),
                  .servers = servers,
                  .change_links = from_leader,
                  .demand_more = demand_no_election});
    run_scenario({.name = "half lost to leader",
                  .arcs = GetParam(),
                  .servers = servers,
                  .change_links = to_leader,
                  .demand_more = demand_no_election});
  }
}

// A replica that was cut off for ten election timeouts comes back; in Raft without PreVote its term has grown
// meanwhile.
TEST_P(PartialConnectivity, RejoinWithHighTerm) {
  for (const size_t servers : {3, 5}) {
    run_scenario({.name = "rejoin after a cut",
                  .arcs = GetParam(),
                  .servers = servers,
                  .change_links =
                      [](RaftCluster& cluster, size_t leader) {
                        const size_t other = draw_other(cluster, leader);
                        cluster.disconnect(other);
                        cluster.run_for(10 * kElectionTimeout);
                        cluster.connect(other);
                      },
                  .demand_more = demand_no_election});
  }
}

}  // namespace
}  // namespace torc::scenarios
