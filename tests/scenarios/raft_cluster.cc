#include "scenarios/raft_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "base/check.h"

namespace torc::scenarios {
namespace {

constexpr Duration kAgreementTime = 10s;
constexpr Duration kPollInterval = 20ms;

}  // namespace

RaftCluster::RaftCluster(uint64_t seed, const RaftOptions& options)
    : prng_(seed),
      world_(world_options(options), prng_.fork(), trace_),
      observer_(world_),
      network_(world_, prng_.fork(),
               [this](NodeId from, NodeId to, const Bytes& frame) {
                 static_cast<LabNode*>(world_.hosted(to))->on_frame(from, frame);
               }),
      group_(node::group_of_arc(static_cast<uint32_t>(seed % options.arcs))),
      histories_(options.arcs) {
  world_.set_observer([this](NodeId id) { observer_.after_turn(id); });
  network_.set_unreliable(options.is_unreliable);
  for (size_t i = 0; i < options.servers; ++i) world_.start(id_of(i));
}

RaftCluster::~RaftCluster() { EXPECT_TRUE(is_fine()); }

sim::WorldOptions RaftCluster::world_options(const RaftOptions& raft) {
  sim::WorldOptions options;
  for (size_t i = 0; i < raft.servers; ++i) {
    sim::ClockOptions clock;
    clock.start = Instant{static_cast<int64_t>(prng_.between(1, 1'000'000)) * 1'000'000'000};
    clock.drift_ppm = static_cast<int64_t>(prng_.below(2'001)) - 1'000;
    options.clocks.push_back(clock);
  }
  options.node.arcs = raft.arcs;
  options.node.log.segment_bytes = 64 << 10;
  options.disk.delay_min = 100us;
  options.disk.delay_max = 2ms;
  options.open_node = [this, replica = raft.replica](node::NodeOptions node, env::Clock& clock, env::Disk& disk,
                                                     env::Network&, env::CheckpointStore& checkpoints) {
    return LabNode::open(std::move(node), replica, *this, network_, clock, disk, checkpoints);
  };
  return options;
}

std::vector<GroupId> RaftCluster::other_groups() const {
  std::vector<GroupId> others;
  for (uint32_t arc = 0; arc < histories_.size(); ++arc) {
    if (node::group_of_arc(arc) != group_) others.push_back(node::group_of_arc(arc));
  }
  return others;
}

void RaftCluster::crash(size_t server) {
  disconnect(server);
  world_.kill(id_of(server), prng_.chance(1, 2) ? sim::Death::kKill : sim::Death::kPowerLoss);
}

void RaftCluster::start(size_t server) {
  crash(server);
  for (History& history : histories_) history.applied_through[id_of(server)] = LogIndex();
  world_.start(id_of(server));
}

void RaftCluster::applied(NodeId at, GroupId group, LogIndex index, std::optional<int64_t> command) {
  auto& [all_decided, applied_through] = history(group);
  LogIndex& through = applied_through[at];
  const std::string who = "server " + std::to_string(at.value - 1) + " at index " + std::to_string(index.value) +
                          " of group " + std::to_string(group.value);
  if (index != through + 1) world_.fail(sim::FailureKind::kSafety, who + " applies out of order");
  through = index;
  const auto [found, is_new] = all_decided.try_emplace(index);
  Decided& decided = found->second;
  if (is_new) {
    decided.command = command;
    const uint64_t before = found == all_decided.begin() ? 0 : std::prev(found)->second.count;
    decided.count = before + (command ? 1 : 0);
  } else if (decided.command != command) {
    world_.fail(sim::FailureKind::kSafety, who + " applies another command than others did");
  }
}

std::optional<RaftCluster::Proposal> RaftCluster::propose(GroupId group, size_t server, int64_t command) {
  if (!is_up(server)) return std::nullopt;
  struct Attempt {
    bool is_over = false;
    std::optional<Proposal> proposal;
  };
  const auto attempt = std::make_shared<Attempt>();
  world_.post_from_client(id_of(server), [this, group, server, command, attempt] {
    attempt->is_over = true;
    attempt->proposal = propose_now(group, server, command);
  });
  // A process that reads its disk is busy for a moment; what comes meanwhile waits in its socket.
  while (!attempt->is_over && is_up(server) && is_fine()) world_.run_for(100us);
  return attempt->proposal;
}

std::optional<RaftCluster::Proposal> RaftCluster::propose_now(GroupId group, size_t server, int64_t command) {
  std::vector<LabNode::Command> commands = {{group, command}};
  if (group == group_) {
    for (const GroupId other : other_groups()) commands.push_back({other, random_command()});
  }
  const auto proposed = node(server)->propose(commands).front();
  if (!proposed) return std::nullopt;
  // Applied through the latest index below it that is known; the rest stands in this server's log.
  const std::map<LogIndex, Decided>& decided = history(group).decided;
  const auto above = decided.lower_bound(proposed->index);
  const LogIndex known = above == decided.begin() ? LogIndex() : std::prev(above)->first;
  const uint64_t count = (known ? decided.at(known).count : 0) + (proposed->index - known) -
                         node(server)->entries_without_command(group, known + 1, proposed->index);
  return Proposal{proposed->term, proposed->index, count};
}

size_t RaftCluster::applied_count(GroupId group, LogIndex index) const {
  return static_cast<size_t>(std::ranges::count_if(history(group).applied_through,
                                                   [&](const auto& server) { return server.second >= index; }));
}

LogIndex RaftCluster::index_of(uint64_t count) const {
  for (const auto& [index, decided] : history(group_).decided) {
    if (decided.command && decided.count == count) return index;
  }
  CHECK(false) << "command " << count << " is not decided";
  return {};
}

std::optional<int64_t> RaftCluster::command_at(GroupId group, LogIndex index) const {
  const auto found = history(group).decided.find(index);
  return found == history(group).decided.end() ? std::nullopt : found->second.command;
}

uint64_t RaftCluster::commands_applied(GroupId group) const {
  const std::map<LogIndex, Decided>& decided = history(group).decided;
  return decided.empty() ? 0 : decided.rbegin()->second.count;
}

std::vector<int64_t> RaftCluster::all_commands() const {
  std::vector<int64_t> commands;
  for (const auto& [index, decided] : history(group_).decided) {
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
      const consensus::ReplicaStatus status = replica(i);
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
    world_.post_from_client(id_of(leader),
                            [this, leader, server] { node(leader)->hand_over_to(group_, id_of(server)); });
  }
  ADD_FAILURE() << "server " << server << " does not become the leader";
}

void RaftCluster::check_no_leader() {
  for (size_t i = 0; i < size(); ++i) {
    if (!is_up(i) || !is_connected(i)) continue;
    EXPECT_NE(replica(i).role, consensus::Role::kLeader) << "server " << i << " leads without a quorum";
  }
}

Term RaftCluster::check_terms() {
  std::set<Term> terms;
  for (size_t i = 0; i < size(); ++i) {
    if (is_up(i) && is_connected(i)) terms.insert(replica(i).term);
  }
  EXPECT_EQ(terms.size(), 1u) << "connected servers are in different terms";
  return *terms.begin();
}

uint64_t RaftCluster::one(int64_t command, size_t expected) {
  const uint64_t count = agree(group_, command, expected);
  for (const GroupId other : other_groups()) agree(other, random_command(), expected);
  return count;
}

uint64_t RaftCluster::agree(GroupId group, int64_t command, size_t expected) {
  if (testing::Test::HasFailure()) return 0;
  Agreement agreement(*this, group, command, expected);
  while (!agreement.poll() && is_fine()) run_for(kPollInterval);
  EXPECT_NE(agreement.count(), 0u) << "no agreement of " << expected << " servers on " << command << " in group "
                                   << group << " within 10 s";
  return agreement.count();
}

std::optional<int64_t> RaftCluster::wait(LogIndex index, size_t expected, Term term) {
  Duration pause = 10ms;
  for (int attempt = 0; attempt < 30 && applied_count(index) < expected && is_fine(); ++attempt) {
    run_for(pause);
    pause = std::min<Duration>(2 * pause, 1s);
    for (size_t i = 0; i < size(); ++i) {
      if (is_up(i) && replica(i).term > term) return std::nullopt;
    }
  }
  EXPECT_GE(applied_count(index), expected) << "too few servers applied index " << index;
  return command_at(index);
}

bool RaftCluster::is_fine() {
  EXPECT_FALSE(world_.failure().has_value()) << world_.failure()->message;
  return !testing::Test::HasFailure();
}

Agreement::Agreement(RaftCluster& cluster, GroupId group, int64_t command, size_t expected)
    : cluster_(cluster), group_(group), command_(command), expected_(expected), end_(cluster.now() + kAgreementTime) {}

bool Agreement::poll() {
  const Instant now = cluster_.now();
  if (index_) {
    if (cluster_.applied_count(group_, *index_) >= expected_ && cluster_.command_at(group_, *index_) == command_) {
      count_ = cluster_.count_through(group_, *index_);
      return true;
    }
    if (now >= look_until_) index_.reset();
  }
  if (now >= end_) return true;
  if (index_ || now < try_at_) return false;
  for (size_t tries = 0; tries < cluster_.size() && !index_; ++tries) {
    next_server_ = (next_server_ + 1) % cluster_.size();
    if (!cluster_.is_connected(next_server_)) continue;
    if (const auto proposal = cluster_.propose(group_, next_server_, command_)) index_ = proposal->index;
  }
  look_until_ = now + 2s;
  try_at_ = now + 50ms;
  return false;
}

}  // namespace torc::scenarios
