// One cut link, and clients at all nodes (rules.md#one-relay-hop): everybody is served while it lasts, through one
// other member where it is the link to the leader that is cut. Everything is executed once, and nobody else comes to
// lead.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "check/checker.h"
#include "check/drawing.h"
#include "scenarios/kv_cluster.h"
#include "scenarios/seeds.h"

namespace torc::scenarios {
namespace {

const Duration kElectionTimeout = 2 * node::NodeOptions{}.election_timeout_min;
/// A cut is noticed by silence: of the leader, or of its answers, first to commands and then to a probe.
const Duration kServedWithin = 2 * kElectionTimeout;
/// Of an operation while the links stay as they are: two fsyncs of 5 to 20 ms each, and what they wait for.
constexpr Duration kUsual = 200ms;
constexpr Duration kPhase = 2s;
/// Until several groups' leaderships are spread over the nodes and nothing moves any more.
constexpr Duration kBalanced = 6s;

sim::ClientOptions options_at(NodeId at) {
  sim::ClientOptions options;
  options.timeout = 30s;  // one attempt: what is answered late is seen to be late
  options.attempts_max = 1;
  options.servers = {at};
  return options;
}

constexpr uint64_t kSpreads = 8;

/// Of a counter or a text. With several groups there are several of each, led by different nodes.
std::string key_of(const std::string& what, uint64_t spread) { return what + std::to_string(spread); }

/// Asks one node, one operation after the other, without a label of its own: that its writes are executed once is up to
/// the node.
class Visitor {
 public:
  Visitor(KvCluster& cluster, size_t server, uint64_t spreads, check::History& history)
      : server_(server),
        spreads_(spreads),
        world_(cluster.world()),
        prng_(cluster.prng().fork()),
        client_(world_, prng_.fork(), static_cast<uint32_t>(server + 1), options_at(KvCluster::id_of(server))),
        history_(history) {
    next();
  }

  size_t server() const { return server_; }
  void stop() { is_stopped_ = true; }
  bool is_idle() const { return client_.is_idle(); }
  int64_t increments(uint64_t spread) const { return increments_[spread]; }
  size_t operations() const { return operations_; }
  /// The longest of those answered since the last call, or still unanswered.
  Duration take_longest() {
    if (!is_idle()) longest_ = std::max(longest_, world_.queue().now() - started_);
    return std::exchange(longest_, Duration{0});
  }

 private:
  void next() {
    if (is_stopped_) return;
    check::Operation operation;
    const uint64_t spread = spreads_ == 1 ? 0 : prng_.below(spreads_);
    operation.key = key_of("counter", spread);
    const uint64_t kind = prng_.below(4);
    if (kind == 0) {
      operation.kind = check::OperationKind::kGet;
    } else if (kind == 1) {
      operation.kind = check::OperationKind::kAppend;
      operation.key = key_of("text", spread);
      operation.value = "x";
    } else {
      operation.kind = check::OperationKind::kIncr;
      ++increments_[spread];
    }
    started_ = world_.queue().now();
    client_.run(operation, [this](const check::Operation& finished, auto) {
      longest_ = std::max(longest_, world_.queue().now() - started_);
      const bool is_clear = finished.outcome.kind != check::Outcome::Kind::kUnknown &&
                            finished.outcome.kind != check::Outcome::Kind::kError;
      EXPECT_TRUE(is_clear) << check::name_of(finished.kind) << ": " << finished.outcome.text;
      history_.push_back(finished);
      ++operations_;
      world_.queue().schedule(1ms, [this] { next(); });
    });
  }

  size_t server_;
  uint64_t spreads_;
  sim::World& world_;
  Prng prng_;
  sim::Client client_;
  check::History& history_;
  bool is_stopped_ = false;
  Instant started_;
  Duration longest_{0};
  std::array<int64_t, kSpreads> increments_{};
  size_t operations_ = 0;
};

enum class Cut : uint8_t { kLose, kHold, kBreak, kOneWay };

void cut_link(KvCluster& cluster, size_t a, size_t b, Cut how) {
  sim::SimNetwork& network = cluster.world().network();
  const NodeId one = KvCluster::id_of(a);
  const NodeId other = KvCluster::id_of(b);
  const sim::CutMode mode = how == Cut::kHold ? sim::CutMode::kHold : sim::CutMode::kLose;
  network.cut(one, other, mode);
  if (how != Cut::kOneWay) network.cut(other, one, mode);
  if (how != Cut::kBreak) return;
  network.reset(one, other, env::Channel::kControl);
  network.reset(one, other, env::Channel::kBulk);
}

struct Story {
  /// Visitors come to all servers, or to the leader and the one after it alone.
  Story(uint64_t seed, size_t servers, bool is_visited_everywhere = true, uint32_t arcs = 1)
      : cluster(seed, KvOptions{.servers = servers, .arcs = arcs}), spreads(arcs == 1 ? 1 : kSpreads) {
    cluster.run_for(kPhase);
    if (arcs > 1) cluster.run_for(kBalanced);
    leader = cluster.leader();
    cut_off = (leader + 1) % servers;
    for (size_t i = 0; i < servers; ++i) {
      if (is_visited_everywhere || i == leader || i == cut_off) {
        visitors.push_back(std::make_unique<Visitor>(cluster, i, spreads, history));
      }
    }
    cluster.run_for(kPhase);
    for (const node::GroupStatus& group : groups()) terms.push_back(group.replica.term);
    for (const auto& visitor : visitors) visitor->take_longest();  // what opening a session takes is not told here
  }
  /// As the leader of the first one sees them.
  std::vector<node::GroupStatus> groups() { return cluster.world().node(KvCluster::id_of(leader))->status().groups; }
  void served_within(const std::string& when, Duration bound) {
    for (const auto& visitor : visitors) {
      const Duration longest = visitor->take_longest();
      EXPECT_LE(longest, bound) << when << ", at server " << visitor->server() << " (the leader is " << leader
                                << "): " << longest.count() / 1'000'000 << " ms";
    }
  }
  /// From the change of a link on: served within the bound, then as usual.
  void watch(const std::string& what) {
    cluster.run_for(kServedWithin);
    served_within(what, kServedWithin);
    cluster.run_for(kPhase);
    served_within(what + ", later", kUsual);
    const std::vector<node::GroupStatus> now = groups();
    for (size_t i = 0; i < terms.size(); ++i) EXPECT_EQ(now[i].replica.term, terms[i]) << "another one came to lead";
    EXPECT_EQ(now.front().replica.role, consensus::Role::kLeader);
  }
  void judge() {
    for (const auto& visitor : visitors) visitor->stop();
    EXPECT_TRUE(cluster.run_until(
        [&] { return std::ranges::all_of(visitors, [](const auto& visitor) { return visitor->is_idle(); }); }, 30s));
    for (uint64_t spread = 0; spread < spreads; ++spread) {
      int64_t increments = 0;
      for (const auto& visitor : visitors) increments += visitor->increments(spread);
      EXPECT_EQ(read_counter(spread), std::to_string(increments));
    }
    const Result<check::Report> report = check::check_history(history);
    ASSERT_TRUE(report.ok()) << report.error().message;
    if (report->verdict != check::Verdict::kLinearizable) ADD_FAILURE() << check::draw(history, *report->violation);
    cluster.wait_for_agreement();
  }
  std::string read_counter(uint64_t spread) {
    sim::Client client(cluster.world(), cluster.prng().fork(), 100, options_at(KvCluster::id_of(leader)));
    std::string answer;
    client.run({.kind = check::OperationKind::kGet, .key = key_of("counter", spread)},
               [&](const check::Operation& finished, auto) {
                 answer = finished.outcome.text;
                 history.push_back(finished);
               });
    cluster.run_until([&] { return client.is_idle(); }, kAnswerBound);
    return answer;
  }

  KvCluster cluster;
  uint64_t spreads;
  check::History history;
  std::vector<std::unique_ptr<Visitor>> visitors;
  size_t leader = 0;
  size_t cut_off = 0;
  std::vector<Term> terms;  // of each group
};

void cut_each_link_in_turn(size_t servers, Cut how, uint32_t arcs = 1) {
  for_each_seed(arcs == 1 ? kSeeds : kSeedsOfManyArcs, [&](uint64_t seed) {
    Story story(seed * 10 + servers, servers, true, arcs);
    for (size_t a = 0; a < servers; ++a) {
      for (size_t b = 0; b < servers && story.cluster.is_fine(); ++b) {
        if (b == a || (how != Cut::kOneWay && b < a)) continue;
        const std::string link = std::to_string(a) + "-" + std::to_string(b);
        cut_link(story.cluster, a, b, how);
        story.watch("link " + link + " cut");
        story.cluster.connect_all();
        story.watch("link " + link + " back");
      }
    }
    story.judge();
  });
}

TEST(RelayHop, ClientsOfEveryNodeAreServedWhileALinkLosesEverything) { cut_each_link_in_turn(3, Cut::kLose); }
TEST(RelayHop, ClientsOfEveryNodeAreServedWhileALinkHoldsEverythingBack) { cut_each_link_in_turn(3, Cut::kHold); }
TEST(RelayHop, ClientsOfEveryNodeAreServedWhileALinkIsDown) { cut_each_link_in_turn(3, Cut::kBreak); }
TEST(RelayHop, ClientsOfEveryNodeAreServedWhileALinkWorksOneWayOnly) { cut_each_link_in_turn(3, Cut::kOneWay); }

// Groups with leaders everywhere: each node relays for some, and is relayed to for others.
TEST(RelayHop, ClientsOfEveryNodeAreServedByAllGroupsWhileALinkLosesEverything) {
  cut_each_link_in_turn(3, Cut::kLose, 8);
}

// Five members: whichever relay was taken dies while it relays, and another one does it.
TEST(RelayHop, AnotherMemberRelaysWhenTheRelayDies) {
  for_each_seed(kSeeds, [&](uint64_t seed) {
    Story story(seed, 5, false);
    cut_link(story.cluster, story.leader, story.cut_off, Cut::kLose);
    story.watch("one link cut");
    for (size_t server = 0; server < 5; ++server) {
      if (server == story.leader || server == story.cut_off) continue;
      story.cluster.world().kill(KvCluster::id_of(server), sim::Death::kKill);
      story.watch("server " + std::to_string(server) + " dead");
      story.cluster.world().start(KvCluster::id_of(server));
      story.watch("server " + std::to_string(server) + " back");
    }
    story.cluster.connect_all();
    story.judge();
  });
}

// The leader keeps two of its four links, a bare majority: the other two members' clients go through those.
TEST(RelayHop, LeaderWithABareMajorityServesTheClientsOfAll) {
  for_each_seed(kSeeds, [&](uint64_t seed) {
    Story story(seed, 5);
    for (const size_t n : {1, 2}) cut_link(story.cluster, story.leader, (story.leader + n) % 5, Cut::kLose);
    story.watch("two links cut");
    story.cluster.connect_all();
    story.watch("all links back");
    story.judge();
  });
}

}  // namespace
}  // namespace torc::scenarios
