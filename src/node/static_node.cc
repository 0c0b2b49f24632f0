#include "node/static_node.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/prng.h"

namespace torc::node {
namespace {

constexpr Duration kMaintainInterval = 10ms;

}  // namespace

StaticNode::StaticNode(NodeOptions options, Identity identity, std::unique_ptr<Chapters> chapters,
                       std::unique_ptr<storage::Log> log, env::Clock& clock, env::Disk& disk, env::Network& network,
                       env::CheckpointStore& checkpoints)
    : options_(std::move(options)),
      clock_(clock),
      disk_(disk),
      network_(network),
      checkpoints_(checkpoints),
      birth_(std::move(identity), options_.may_found_cluster),
      clients_(options_.held_bytes_max),
      log_(std::move(log)),
      forwarder_(kTheGroup, *this, clients_, Prng(options_.seed ^ 0xf0).next() >> 32),
      receiver_(kTheGroup, *this, clients_),
      chapters_(std::move(chapters)),
      admissions_(*this, *chapters_),
      chapter_prng_(options_.seed ^ 0xc4) {
  for (const NodeId node : options_.initial_cluster) {
    if (node != options_.id) peers_[node];
  }
}

StaticNode::~StaticNode() {
  network_.set_handler(nullptr);
  clock_.cancel(maintain_timer_);
  clock_.cancel(greet_timer_);
}

Status StaticNode::start() {
  chapters_->set_on_fatal([this](const Error& error) { on_fatal(error); });
  network_.set_handler(this);
  if (birth_.identity().is_born) {
    const Status opened = open_group();
    if (!opened.ok()) return opened;
  }
  begin_chapter();
  start_chapter_ = chapters_->own();
  if (!is_settled()) greet_everyone();
  maintain();
  end_turn();
  return {};
}

// ---- clients ----

void StaticNode::submit(ClientId client, Ticket ticket, const kv::CommandView& command, const kv::SessionCall* call) {
  ++commands_executed_;
  Request request{.waiter = {client, ticket}, .command = command, .is_write = call || is_write_command(command)};
  if (call != nullptr) {
    request.label = *call;
    request.retry = Retry::kSameLabel;
  }
  if (clients_.can_start(client, request.is_write)) return dispatch(request);
  if (!clients_.has_room(client, footprint(command))) return refuse_for_lack_of_room(request.waiter);
  clients_.defer(KeptRequest(request));
}

void StaticNode::dispatch(const Request& request) {
  if (!request.is_write && group_ && group_->read_now(request)) return;
  const size_t bytes = footprint(request.command);
  if (!clients_.has_room(request.waiter.client, bytes)) return refuse_for_lack_of_room(request.waiter);
  clients_.start(request.waiter, request.is_write, bytes);
  execute(request);
}

void StaticNode::refuse_for_lack_of_room(Waiter waiter) {
  clients_.begin(waiter).refusal(kv::Refusal::kOverloaded);
  clients_.end_immediate(waiter);
}

void StaticNode::execute(Request request) {
  request.deadline = clock_.now() + options_.command_timeout;
  if (!group_) return clients_.refuse(request.waiter, kv::Refusal::kNotBorn);
  if (!leads()) return forwarder_.submit(request);
  request.is_write ? group_->write(request) : group_->read_later(request);
}

void StaticNode::reroute(Request request) {
  if (!clients_.is_open(request.waiter.client)) return clients_.end(request.waiter);
  request.deadline = clock_.now() + options_.command_timeout;
  forwarder_.submit(request);
}

void StaticNode::execute_here(const Request& request) {
  if (!clients_.is_open(request.waiter.client)) return clients_.end(request.waiter);
  execute(request);
}

void StaticNode::execute_forwarded(const Request& request) {
  ++commands_executed_;
  dispatch(request);
}

void StaticNode::run_deferred() {
  for (const ClientId client : clients_.take_runnable()) {
    while (has_work_left()) {
      const std::optional<KeptRequest> deferred = clients_.next_startable(client);
      if (!deferred) break;
      dispatch(deferred->request());
    }
    if (!has_work_left()) clients_.postpone(client);
  }
}

// ---- the turn ----

void StaticNode::end_turn() {
  if (is_dead_) return;
  if (!group_) return;
  group_->begin_turn(memory_elsewhere());
  do {
    run_deferred();
    receiver_.run_held();
    forwarder_.flush(known_leader().node, leads(), clock_.now());
    carry_out(group_->advance());
    if (is_dead_) return;
    // Commands that waited for a leader come before those that arrive once this node is it.
  } while ((clients_.has_runnable() && has_work_left()) || group_->has_work() ||
           (leads() && forwarder_.outstanding() > 0) || (leads() && receiver_.can_run_held()));
  if (!leads()) forwarder_.flush(known_leader().node, false, clock_.now());
  receiver_.flush();
  group_->arm_timer(clients_.has_runnable());
}

void StaticNode::carry_out(GroupOutput output) {
  if (output.fatal) return on_fatal(*output.fatal);
  // Followers are sent to before the own disk is asked (rules.md#batches).
  for (const consensus::Message& message : output.messages) send(message);
  for (const auto& chunk : output.chunks) transmit(chunk.to.node, env::Channel::kBulk, chunk);
  for (const auto& reply : output.snapshot_replies) transmit(reply.to.node, env::Channel::kBulk, reply);
  for (const Notice& notice : output.notices) tell(notice);
  if (output.leadership == Leadership::kLost) receiver_.on_leadership_lost();
  for (const KeptRequest& request : output.homeless) reroute(request.request());
  if (output.has_appended) flush_log();
}

uint64_t StaticNode::memory_elsewhere() const {
  const uint64_t outside = options_.memory_outside ? options_.memory_outside() : 0;
  return clients_.held_bytes() + receiver_.bytes_waiting() + outside;
}

void StaticNode::flush_log() {
  log_->flush([this, sequence = group_->appended_sequence()](const Status& status) {
    if (is_dead_) return;
    if (!status.ok()) return on_fatal(status.error());
    for (const consensus::Message& message : group_->on_durable(sequence)) send(message);
  });
}

void StaticNode::maintain() {
  if (is_dead_) return;
  if (group_) {
    group_->maintain();
    has_returned_ = has_returned_ || (birth_.is_returning() && group_->is_established());
  }
  forwarder_.expire(clock_.now());
  maintain_chapters();
  if (clock_.now() - clocks_compared_at_ >= ClockWatch::kInterval) compare_clocks();
  maintain_timer_ = clock_.call_at(clock_.now() + kMaintainInterval, [this] { maintain(); });
}

void StaticNode::on_fatal(const Error& error) {
  if (std::exchange(is_dead_, true)) return;
  if (options_.on_fatal) options_.on_fatal(error);
}

void StaticNode::tell(const Notice& notice) {
  if (options_.tell) options_.tell(notice);
}

// ---- introspection ----

consensus::ReplicaId StaticNode::known_leader() const { return group_ ? group_->leader() : consensus::ReplicaId(); }

NodeStatus StaticNode::status() const {
  NodeStatus status;
  status.node = options_.id;
  status.incarnation = birth_.identity().incarnation;
  status.cluster = cluster_id_of(birth_.identity().roster);
  status.chapter = chapters_->durable().own;
  status.membership = birth_.membership();
  status.explanation = birth_.explanation();
  if (is_settled()) {
    status.membership = Membership::kMember;
    status.explanation.clear();
  }
  if (status.membership == Membership::kMeeting) status.explanation += troubles();
  if (is_replaced_ && !known_leader()) {
    status.membership = Membership::kStranger;
    status.explanation = "the cluster has replaced this data directory by a newer one: remove it to come back";
  }
  status.warnings = admissions_.twins(clock_.now());
  for (std::string& warning : clock_warnings()) status.warnings.push_back(std::move(warning));
  status.disk_full = log_->disk_full();
  status.log_bytes_unsynced = log_->disk_progress().bytes_unsynced;
  status.set_aside = options_.set_aside;
  status.commands_executed = commands_executed_;
  status.commands_forwarded = forwarder_.forwarded_count();
  status.peer_messages_refused = peer_messages_refused_;
  status.memory_max = options_.memory_max;
  status.memory_used = group_ ? group_->memory_used() : memory_elsewhere();
  status.gauges = gauges();
  for (const auto& [node, peer] : peers_) {
    status.peers.push_back({node, peer.client_address, peer.is_connected, admissions_.trouble(node)});
    for (const wire::NotedChapter& noted : chapters_->durable().noted) {
      if (noted.life.node == node) status.peers.back().chapter = {noted.life.incarnation, noted.chapter.number};
    }
  }
  if (group_) {
    GroupStatus group = group_->status();
    const auto leader = peers_.find(group.leader_node);
    if (group.leader_node == options_.id) {
      group.leader_address = options_.client_address;
    } else if (leader != peers_.end()) {
      group.leader_address = leader->second.client_address;
    }
    status.groups.push_back(std::move(group));
  }
  return status;
}

std::vector<Gauge> StaticNode::gauges() const {
  std::vector<Gauge> gauges;
  gauges.push_back({"commands_held", clients_.held_bytes(), clients_.held_bytes_max()});
  forwarder_.add_gauges(gauges);
  receiver_.add_gauges(gauges);
  for (const auto& [node, peer] : peers_) {
    for (const env::Channel channel : {env::Channel::kControl, env::Channel::kBulk}) {
      const std::string_view name = channel == env::Channel::kControl ? "frames_control" : "frames_bulk";
      gauges.push_back({name, network_.queued_bytes(node, channel), env::queued_bytes_max(channel)});
    }
  }
  if (group_) group_->add_gauges(gauges);
  return gauges;
}

Node::Digest StaticNode::digest(GroupId group) const {
  if (!group_ || group != kTheGroup) return {};
  return {group_->applied(), group_->digest()};
}

std::string StaticNode::explanation() const { return group_ ? std::string() : birth_.explanation() + troubles(); }

/// Behind "waiting to meet node 2, 3": what stands in the way.
std::string StaticNode::troubles() const {
  std::string text;
  for (const auto& [node, peer] : peers_) {
    const std::string& trouble = admissions_.trouble(node);
    if (!trouble.empty()) text += "; " + trouble;
  }
  return text;
}

const consensus::Replica* StaticNode::replica_of(GroupId group) const {
  return group_ && group == kTheGroup ? &group_->replica() : nullptr;
}

void StaticNode::hand_over() {
  if (group_) group_->hand_over();
}

}  // namespace torc::node
