#include "scenarios/raft_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>
#include <variant>

#include "base/check.h"
#include "wire/peer_message.h"

namespace torc::scenarios {
namespace {

constexpr Duration kAgreementTime = 10s;
constexpr Duration kPollInterval = 20ms;

bool is_reply(const consensus::Message& message) {
  using namespace consensus;
  return std::holds_alternative<PreVoteReply>(message.body) || std::holds_alternative<VoteReply>(message.body) ||
         std::holds_alternative<AppendReply>(message.body) || std::holds_alternative<HeartbeatReply>(message.body) ||
         std::holds_alternative<PullReply>(message.body);
}

}  // namespace

RaftCluster::RaftCluster(uint64_t seed, size_t count, bool is_unreliable, consensus::ReplicaOptions replica)
    : prng_(seed),
      world_(world_options(count, replica), prng_.fork(), trace_),
      observer_(world_),
      network_(world_, prng_.fork(),
               [this](NodeId from, NodeId to, Bytes body) { deliver(from, to, std::move(body)); }) {
  world_.set_observer([this](NodeId id) { observer_.after_turn(id); });
  network_.set_unreliable(is_unreliable);
  for (size_t i = 0; i < count; ++i) world_.start(id_of(i));
}

RaftCluster::~RaftCluster() { EXPECT_TRUE(is_fine()); }

sim::WorldOptions RaftCluster::world_options(size_t count, const consensus::ReplicaOptions& replica) {
  sim::WorldOptions options;
  for (size_t i = 0; i < count; ++i) {
    sim::ClockOptions clock;
    clock.start = Instant{static_cast<int64_t>(prng_.between(1, 1'000'000)) * 1'000'000'000};
    clock.drift_ppm = static_cast<int64_t>(prng_.below(2'001)) - 1'000;
    options.clocks.push_back(clock);
  }
  options.node.log.segment_bytes = 64 << 10;
  options.disk.delay_min = 100us;
  options.disk.delay_max = 2ms;
  options.open_node = [this, replica](node::NodeOptions node, env::Clock& clock, env::Disk& disk, env::Network&,
                                      env::CheckpointStore& checkpoints) {
    return LabNode::open(std::move(node), replica, *this, clock, disk, checkpoints);
  };
  return options;
}

void RaftCluster::crash(size_t server) {
  disconnect(server);
  world_.kill(id_of(server), prng_.chance(1, 2) ? sim::Death::kKill : sim::Death::kPowerLoss);
}

void RaftCluster::start(size_t server) {
  crash(server);
  applied_through_[id_of(server)] = LogIndex();
  world_.start(id_of(server));
}

void RaftCluster::transmit(NodeId from, const consensus::Message& message) {
  network_.send(from, message.to.node, wire::encode(message).joined(), is_reply(message));
}

void RaftCluster::deliver(NodeId from, NodeId to, Bytes body) {
  Result<wire::PeerMessage> decoded = wire::decode(std::move(body));
  CHECK(decoded.ok()) << decoded.error().message;
  const auto& message = std::get<consensus::Message>(*decoded);
  CHECK(message.from.node == from);
  static_cast<LabNode*>(world_.node(to))->receive(message);
}

void RaftCluster::applied(NodeId at, LogIndex index, std::optional<int64_t> command) {
  LogIndex& through = applied_through_[at];
  const std::string who = "server " + std::to_string(at.value - 1) + " at index " + std::to_string(index.value);
  if (index != through + 1) world_.fail(sim::FailureKind::kSafety, who + " applies out of order");
  through = index;
  const auto [found, is_new] = decided_.try_emplace(index);
  Decided& decided = found->second;
  if (is_new) {
    decided.command = command;
    const uint64_t before = found == decided_.begin() ? 0 : std::prev(found)->second.count;
    decided.count = before + (command ? 1 : 0);
  } else if (decided.command != command) {
    world_.fail(sim::FailureKind::kSafety, who + " applies another command than others did");
  }
}

std::optional<RaftCluster::Proposal> RaftCluster::propose(size_t server, int64_t command) {
  if (!is_up(server)) return std::nullopt;
  struct Attempt {
    bool is_over = false;
    std::optional<Proposal> proposal;
  };
  const auto attempt = std::make_shared<Attempt>();
  world_.post_from_client(id_of(server), [this, server, command, attempt] {
    attempt->is_over = true;
    attempt->proposal = propose_now(server, command);
  });
  // A process that reads its disk is busy for a moment; what comes meanwhile waits in its socket.
  while (!attempt->is_over && is_up(server) && is_fine()) world_.run_for(100us);
  return attempt->proposal;
}

std::optional<RaftCluster::Proposal> RaftCluster::propose_now(size_t server, int64_t command) {
  const auto proposed = node(server)->propose(command);
  if (!proposed) return std::nullopt;
  // Applied through the latest index below it that is known; the rest stands in this server's log.
  const auto above = decided_.lower_bound(proposed->index);
  const LogIndex known = above == decided_.begin() ? LogIndex() : std::prev(above)->first;
  const uint64_t count = (known ? decided_.at(known).count : 0) + (proposed->index - known) -
                         node(server)->entries_without_command(known + 1, proposed->index);
  return Proposal{proposed->term, proposed->index, count};
}

size_t RaftCluster::applied_count(LogIndex index) const {
  return static_cast<size_t>(std::count_if(applied_through_.begin(), applied_through_.end(),
                                           [&](const auto& server) { return server.second >= index; }));
}

LogIndex RaftCluster::index_of(uint64_t count) const {
  for (const auto& [index, decided] : decided_) {
    if (decided.command && decided.count == count) return index;
  }
  CHECK(false) << "command " << count << " is not decided";
  return {};
}

std::optional<int64_t> RaftCluster::command_at(LogIndex index) const {
  const auto found = decided_.find(index);
  return found == decided_.end() ? std::nullopt : found->second.command;
}

std::vector<int64_t> RaftCluster::all_commands() const {
  std::vector<int64_t> commands;
  for (const auto& [index, decided] : decided_) {
    if (decided.command) commands.push_back(*decided.command);
  }
  return commands;
}

size_t RaftCluster::check_one_leader() {
  for (int attempt = 0; attempt < 10 && is_fine(); ++attempt) {
    run_for(500ms);
    std::map<Term, std::vector<size_t>> leaders;
    for (size_t i = 0; i < size(); ++i) {
      if (!is_up(i) || !is_connected(i)) continue;
      const consensus::ReplicaStatus status = node(i)->replica();
      if (status.role == consensus::Role::kLeader) leaders[status.term].push_back(i);
    }
    for (const auto& [term, servers] : leaders) EXPECT_EQ(servers.size(), 1u) << "leaders in term " << term;
    if (!leaders.empty()) return leaders.rbegin()->second.front();
  }
  ADD_FAILURE() << "no leader among the connected";
  return 0;
}

void RaftCluster::make_leader(size_t server) {
  for (int attempt = 0; attempt < 10 && is_fine(); ++attempt) {
    const size_t leader = check_one_leader();
    if (leader == server) return;
    world_.post_from_client(id_of(leader), [this, leader, server] { node(leader)->hand_over_to(id_of(server)); });
  }
  ADD_FAILURE() << "server " << server << " does not become the leader";
}

void RaftCluster::check_no_leader() {
  for (size_t i = 0; i < size(); ++i) {
    if (!is_up(i) || !is_connected(i)) continue;
    EXPECT_NE(node(i)->replica().role, consensus::Role::kLeader) << "server " << i << " leads without a quorum";
  }
}

Term RaftCluster::check_terms() {
  std::set<Term> terms;
  for (size_t i = 0; i < size(); ++i) {
    if (is_up(i) && is_connected(i)) terms.insert(node(i)->replica().term);
  }
  EXPECT_EQ(terms.size(), 1u) << "connected servers are in different terms";
  return *terms.begin();
}

uint64_t RaftCluster::one(int64_t command, size_t expected) {
  if (testing::Test::HasFailure()) return 0;
  Agreement agreement(*this, command, expected);
  while (!agreement.poll() && is_fine()) run_for(kPollInterval);
  EXPECT_NE(agreement.count(), 0u) << "no agreement of " << expected << " servers on " << command << " within 10 s";
  return agreement.count();
}

std::optional<int64_t> RaftCluster::wait(LogIndex index, size_t expected, Term term) {
  Duration pause = 10ms;
  for (int attempt = 0; attempt < 30 && applied_count(index) < expected && is_fine(); ++attempt) {
    run_for(pause);
    pause = std::min<Duration>(2 * pause, 1s);
    for (size_t i = 0; i < size(); ++i) {
      if (is_up(i) && node(i)->replica().term > term) return std::nullopt;
    }
  }
  EXPECT_GE(applied_count(index), expected) << "too few servers applied index " << index;
  return command_at(index);
}

bool RaftCluster::is_fine() {
  EXPECT_FALSE(world_.failure().has_value()) << world_.failure()->message;
  return !testing::Test::HasFailure();
}

Agreement::Agreement(RaftCluster& cluster, int64_t command, size_t expected)
    : cluster_(cluster), command_(command), expected_(expected), end_(cluster.now() + kAgreementTime) {}

bool Agreement::poll() {
  const Instant now = cluster_.now();
  if (index_) {
    if (cluster_.applied_count(*index_) >= expected_ && cluster_.command_at(*index_) == command_) {
      count_ = cluster_.count_through(*index_);
      return true;
    }
    if (now >= look_until_) index_.reset();
  }
  if (now >= end_) return true;
  if (index_ || now < try_at_) return false;
  for (size_t tries = 0; tries < cluster_.size() && !index_; ++tries) {
    next_server_ = (next_server_ + 1) % cluster_.size();
    if (!cluster_.is_connected(next_server_)) continue;
    if (const auto proposal = cluster_.propose(next_server_, command_)) index_ = proposal->index;
  }
  look_until_ = now + 2s;
  try_at_ = now + 50ms;
  return false;
}

}  // namespace torc::scenarios
