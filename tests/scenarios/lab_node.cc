#include "scenarios/lab_node.h"

#include <charconv>
#include <limits>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/prng.h"
#include "kv/batch.h"

namespace torc::scenarios {
namespace {

constexpr GroupId kTheGroup{1};
constexpr Duration kMaintainInterval = 10ms;
constexpr size_t kReadBytesMax = 1u << 20;

/// The number in a "SET x <number>" entry.
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

}  // namespace

Result<std::unique_ptr<node::Node>> LabNode::open(node::NodeOptions options, consensus::ReplicaOptions replica,
                                                  LabHost& host, env::Clock& clock, env::Disk& disk,
                                                  env::CheckpointStore& checkpoints) {
  options.log.salt = Prng(options.seed ^ 0x10).next();
  auto log = storage::Log::open(disk, clock, options.log);
  if (!log.ok()) return log.error();
  std::unique_ptr<LabNode> node(new LabNode(std::move(options), host, clock, *std::move(log)));
  const Status started = node->start(replica, checkpoints);
  if (!started.ok()) return started.error();
  return std::unique_ptr<node::Node>(std::move(node));
}

LabNode::LabNode(node::NodeOptions options, LabHost& host, env::Clock& clock, std::unique_ptr<storage::Log> log)
    : options_(std::move(options)), host_(host), clock_(clock), log_(std::move(log)) {}

LabNode::~LabNode() {
  clock_.cancel(maintain_timer_);
  clock_.cancel(tick_timer_);
}

Status LabNode::start(const consensus::ReplicaOptions& replica, env::CheckpointStore& checkpoints) {
  node::GroupOptions group;
  group.replica = replica;
  group.replica.group = kTheGroup;
  group.replica.self = {options_.id, ReplicaNumber(1)};
  group.replica.seed = Prng(options_.seed ^ 0xe1).next();
  group.log_bytes_max = std::numeric_limits<uint64_t>::max() / 4;
  group.batch_bytes_max = 1;                                             // one command per entry
  group.proposals_in_flight_max = std::numeric_limits<uint32_t>::max();  // and none waits for another
  consensus::Configuration birth;
  for (const NodeId id : options_.initial_cluster) birth.voters.push_back({id, ReplicaNumber(1)});
  auto opened = node::Group::open(group, birth, *this, clients_, clock_, *log_, checkpoints);
  if (!opened.ok()) return opened.error();
  group_ = *std::move(opened);
  maintain();
  end_turn();
  return {};
}

std::optional<LabNode::Proposed> LabNode::propose(int64_t command) {
  if (is_dead_ || !group_->may_propose()) return std::nullopt;  // a leader does once its first entry is committed
  const LogIndex before = replica().last_index;
  const std::string number = std::to_string(command);
  const std::vector<std::string_view> args = {"x", number};
  const Instant deadline = clock_.now() + options_.command_timeout;
  group_->write({.command = {kv::CommandId::kSet, args}, .is_write = true, .deadline = deadline});
  end_turn();
  const consensus::ReplicaStatus after = replica();
  if (after.role != consensus::Role::kLeader || after.last_index == before) return std::nullopt;
  CHECK(after.last_index == before + 1);
  return Proposed{after.term, after.last_index};
}

void LabNode::hand_over_to(NodeId target) {
  hand_over_to_ = target;
  group_->hand_over();
  hand_over_to_ = NodeId();
}

uint64_t LabNode::entries_without_command(LogIndex first, LogIndex last) {
  uint64_t count = 0;
  while (first <= last) {
    const auto entries = log_->read(kTheGroup, first, last, kReadBytesMax);
    CHECK(entries.ok()) << entries.error().message;
    for (const consensus::Entry& entry : *entries) count += command_of(entry) ? 0 : 1;
    first = entries->back().index + 1;
  }
  return count;
}

void LabNode::end_turn() {
  if (is_dead_) return;
  group_->begin_turn(0, uint64_t{8} << 20);
  do {
    carry_out(group_->advance());
    if (is_dead_) return;
  } while (group_->has_work());
  report_applied();
  arm_timer();
}

void LabNode::arm_timer() {
  clock_.cancel(tick_timer_);
  const Instant due = group_->next_deadline();
  if (due != Instant::never()) tick_timer_ = clock_.call_at(due, [this] { group_->tick(); });
}

/// Nothing is ever cut from the log, so nobody needs a snapshot; nobody waits for a command, so none is homeless.
void LabNode::carry_out(const node::GroupOutput& output) {
  if (output.fatal) return on_fatal(*output.fatal);
  for (const consensus::Message& message : output.messages) host_.transmit(options_.id, message);
  if (output.has_appended) flush_log();
}

void LabNode::flush_log() {
  log_->flush([this, sequence = group_->appended_sequence()](const Status& status) {
    if (is_dead_) return;
    if (!status.ok()) return on_fatal(status.error());
    for (const consensus::Message& message : group_->on_durable(sequence)) host_.transmit(options_.id, message);
  });
}

void LabNode::report_applied() {
  while (reported_ < group_->applied()) {
    const auto entries = log_->read(kTheGroup, reported_ + 1, group_->applied(), kReadBytesMax);
    CHECK(entries.ok()) << entries.error().message;
    for (const consensus::Entry& entry : *entries) {
      reported_ = entry.index;
      host_.applied(options_.id, entry.index, command_of(entry));
    }
  }
}

void LabNode::maintain() {
  if (is_dead_) return;
  group_->maintain();
  maintain_timer_ = clock_.call_at(clock_.now() + kMaintainInterval, [this] { maintain(); });
}

void LabNode::on_fatal(const Error& error) {
  if (std::exchange(is_dead_, true)) return;
  options_.on_fatal(error);
}

void LabNode::submit(node::ClientId client, node::Ticket ticket, const kv::CommandView&, const kv::SessionCall*) {
  clients_.begin({client, ticket}).error("ERR this node takes proposals only");
  clients_.end_immediate({client, ticket});
}

node::NodeStatus LabNode::status() const {
  node::NodeStatus status;
  status.node = options_.id;
  status.membership = node::Membership::kMember;
  status.groups.push_back(group_->status());
  return status;
}

node::Node::Digest LabNode::digest(GroupId) const { return {group_->applied(), group_->digest()}; }

}  // namespace torc::scenarios
