#include "scenarios/lab_node.h"

#include <charconv>
#include <limits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/prng.h"
#include "kv/batch.h"
#include "kv/position.h"
#include "node/router.h"

namespace torc::scenarios {
namespace {

constexpr size_t kReadBytesMax = 1u << 20;
constexpr uint64_t kNeverReached = uint64_t{1} << 40;  // by a log

/// The number in a "SET <key> <number>" entry.
std::optional<int64_t> command_of(const consensus::Entry& entry) {
  if (entry.kind != consensus::EntryKind::kCommands) return std::nullopt;
  kv::BatchReader reader(entry.payload());
  kv::Operation operation;
  CHECK(reader.next(operation) && operation.args.size() == 2) << "entry " << entry.index << " is not a command of ours";
  const std::string_view text = operation.args[1];
  int64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  CHECK(end.ec == std::errc() && end.ptr == text.data() + text.size());
  return number;
}

std::string key_in(const Arc& arc) {
  for (uint64_t n = 0;; ++n) {
    std::string key = std::to_string(n);
    if (arc.contains(kv::slot_of(key))) return key;
  }
}

}  // namespace

Result<std::unique_ptr<sim::HostedNode>> LabNode::open(node::NodeOptions options, consensus::ReplicaOptions replica,
                                                       LabHost& host, LabNetwork& network, env::Clock& clock,
                                                       env::Disk& disk, env::CheckpointStore& checkpoints) {
  options.log.salt = Prng(options.seed ^ 0x10).next();
  auto log = storage::Log::open(disk, clock, options.log);
  if (!log.ok()) return log.error();
  std::unique_ptr<LabNode> node(new LabNode(std::move(options), host, network, clock, *std::move(log)));
  const Status started = node->start(replica, checkpoints);
  if (!started.ok()) return started.error();
  return std::unique_ptr<sim::HostedNode>(std::move(node));
}

LabNode::LabNode(node::NodeOptions options, LabHost& host, LabNetwork& network, env::Clock& clock,
                 std::unique_ptr<storage::Log> log)
    : options_(std::move(options)),
      host_(host),
      clock_(clock),
      port_(network, options_.id),
      links_(options_.id, options_.initial_cluster, port_, Prng(options_.seed ^ 0xbe).next()),
      log_(std::move(log)),
      groups_({.election_timeout_min = options_.election_timeout_min,
               .heartbeat_interval = options_.heartbeat_interval,
               .checkpoint_log_bytes = kNeverReached,
               .log_tail_bytes = kNeverReached,
               .tell = {},  // elections are the labs' everyday
               .on_fatal = options_.on_fatal},
              links_, clients_, clock_, *log_) {}

LabNode::~LabNode() { clock_.cancel(maintain_timer_); }

Status LabNode::start(const consensus::ReplicaOptions& replica, env::CheckpointStore& checkpoints) {
  for (const NodeId peer : links_.peers()) {  // datagrams need no connection
    links_.on_connected(peer, env::Channel::kControl);
    links_.on_connected(peer, env::Channel::kBulk);
  }
  consensus::Configuration birth;
  for (const NodeId id : options_.initial_cluster) birth.voters.push_back({id, ReplicaNumber(1)});
  const node::Router router(options_.arcs);
  for (uint32_t arc = 0; arc < options_.arcs; ++arc) {
    const uint64_t seed = Prng(options_.seed ^ arc).next();
    const GroupId id = node::group_of_arc(arc);
    node::GroupOptions group;
    group.replica = replica;
    group.replica.group = id;
    group.replica.self = {options_.id, ReplicaNumber(1)};
    group.replica.seed = Prng(seed ^ 0xe1).next();
    group.log_bytes_max = kNeverReached;
    group.batch_bytes_max = 1;                                             // one command per entry
    group.proposals_in_flight_max = std::numeric_limits<uint32_t>::max();  // and none waits for another
    group.arc = router.arc(arc);
    keys_.push_back(key_in(group.arc));
    const node::HostedGroup::Options hosted{.id = id, .name = {}, .seed = seed};
    const Status opened = groups_.open(hosted, group, birth, checkpoints);
    if (!opened.ok()) return opened;
  }
  reported_.resize(options_.arcs);
  maintain();
  end_turn();
  return {};
}

// ---- what the labs do ----

/// Where the entry will stand.
std::optional<LogIndex> LabNode::write(const Command& command) {
  node::HostedGroup& hosted = *groups_.find(command.group);
  if (!hosted.group().may_propose()) return std::nullopt;  // a leader does once its first entry is committed
  const std::string number = std::to_string(command.number);
  const std::vector<std::string_view> args = {keys_[command.group.value - node::group_of_arc(0).value], number};
  const Instant deadline = clock_.now() + options_.command_timeout;
  groups_.wake(hosted);
  hosted.group().write({.command = {kv::CommandId::kSet, args}, .is_write = true, .deadline = deadline});
  return hosted.group().last_index() + 1;
}

std::vector<std::optional<LabNode::Proposed>> LabNode::propose(const std::vector<Command>& commands) {
  std::vector<std::optional<LogIndex>> expected;
  for (const Command& command : commands) {
    expected.push_back(groups_.is_stopped() ? std::nullopt : write(command));
  }
  end_turn();
  std::vector<std::optional<Proposed>> proposed(commands.size());
  for (size_t i = 0; i < commands.size(); ++i) {
    if (!expected[i]) continue;
    const consensus::ReplicaStatus after = replica(commands[i].group);
    if (after.role != consensus::Role::kLeader || after.last_index < *expected[i]) continue;
    CHECK(after.last_index == *expected[i]);
    proposed[i] = Proposed{after.term, after.last_index};
  }
  return proposed;
}

void LabNode::hand_over_to(GroupId group, NodeId target) {
  node::HostedGroup& hosted = *groups_.find(group);
  groups_.wake(hosted);
  hosted.group().hand_over_to(target);
}

uint64_t LabNode::entries_without_command(GroupId group, LogIndex first, LogIndex last) {
  uint64_t count = 0;
  while (first <= last) {
    const auto entries = log_->read(group, first, last, kReadBytesMax);
    CHECK(entries.ok()) << entries.error().message;
    for (const consensus::Entry& entry : *entries) count += command_of(entry) ? 0 : 1;
    first = entries->back().index + 1;
  }
  return count;
}

// ---- the turn, as the server's node has it (node/groups.h) ----

void LabNode::on_frame(NodeId from, Bytes body) {
  if (groups_.is_stopped()) return;
  for (const wire::PeerMessage& message : links_.receive(from, std::move(body), clock_.now(), &groups_.resting())) {
    const auto& said = std::get<consensus::Message>(message);
    CHECK(said.from.node == from);
    groups_.find(said.group)->receive(said);
  }
}

/// Nothing is ever cut from the log, so nobody needs a snapshot; nobody waits for a command, so none is homeless.
void LabNode::end_turn() {
  if (groups_.is_stopped()) return;
  groups_.begin_turn(0);
  do {
    groups_.advance();
    if (groups_.is_stopped()) return;
  } while (groups_.wants_to_advance());
  groups_.end_turn();
  links_.end_turn();
  report_applied();
}

void LabNode::maintain() {
  if (groups_.is_stopped()) return;
  groups_.maintain();
  const Instant next = clock_.now() + node::Groups::kMaintainInterval;
  maintain_timer_ = clock_.call_at(next, [this] { maintain(); });
}

// ---- what is seen of it ----

void LabNode::report_applied() {
  for (size_t arc = 0; arc < groups_.size(); ++arc) report_applied(arc);
}

void LabNode::report_applied(size_t arc) {
  const GroupId id = groups_[arc].id();
  const LogIndex applied = groups_[arc].group().applied();
  LogIndex& reported = reported_[arc];
  while (reported < applied) {
    const auto entries = log_->read(id, reported + 1, applied, kReadBytesMax);
    CHECK(entries.ok()) << entries.error().message;
    for (const consensus::Entry& entry : *entries) {
      reported = entry.index;
      host_.applied(options_.id, id, entry.index, command_of(entry));
    }
  }
}

node::NodeStatus LabNode::status() const {
  node::NodeStatus status;
  status.node = options_.id;
  status.membership = node::Membership::kMember;
  for (const auto& hosted : groups_) status.groups.push_back(hosted->group().status());
  return status;
}

const consensus::Replica* LabNode::replica_of(GroupId group) const {
  const node::HostedGroup* hosted = groups_.find(group);
  return hosted == nullptr ? nullptr : &hosted->group().replica();
}

node::GroupDigest LabNode::digest(GroupId group) const {
  const node::Group& replica = groups_.find(group)->group();
  return {replica.applied(), replica.digest()};
}

}  // namespace torc::scenarios
