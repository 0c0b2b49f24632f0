#include "node/node.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/prng.h"

namespace torc::node {
Node::Node(NodeOptions options, Identity identity, std::unique_ptr<Chapters> chapters,
           std::unique_ptr<storage::Log> log, env::Clock& clock, env::Disk& disk, env::Network& network,
           env::CheckpointStore& checkpoints)
    : options_(std::move(options)),
      clock_(clock),
      disk_(disk),
      network_(network),
      checkpoints_(checkpoints),
      links_(options_.id, options_.initial_cluster, network, Prng(options_.seed ^ 0xbe).next()),
      birth_(std::move(identity), options_.may_found_cluster),
      clients_(options_.held_bytes_max),
      log_(std::move(log)),
      replica_numbers_(*log_, options_.arcs, birth_.identity().self()),
      router_(options_.arcs),
      groups_({.election_timeout_min = options_.election_timeout_min,
               .heartbeat_interval = options_.heartbeat_interval,
               .checkpoint_log_bytes = options_.checkpoint_log_bytes,
               .log_tail_bytes = options_.log_tail_bytes,
               .tell = options_.tell,
               .on_fatal = options_.on_fatal},
              links_, clients_, clock_, *log_),
      chapters_(std::move(chapters)),
      admissions_(*this, *chapters_),
      chapter_prng_(options_.seed ^ 0xc4),
      session_prng_(options_.session_seed) {
  for (const NodeId node : options_.initial_cluster) {
    if (node != options_.id) peers_[node];
  }
}

Node::~Node() {
  network_.set_handler(nullptr);
  clock_.cancel(maintain_timer_);
  clock_.cancel(turn_timer_);
  clock_.cancel(greet_timer_);
}

Status Node::start() {
  chapters_->set_on_fatal([this](const Error& error) { on_fatal(error); });
  network_.set_handler(this);
  if (birth_.identity().is_born) {
    const Status held = hold_replicas();
    if (!held.ok()) return held;
  }
  begin_chapter();
  start_chapter_ = chapters_->own();
  if (!is_settled()) greet_everyone();
  maintain();
  end_turn();
  return {};
}

// ---- clients ----

void Node::submit(ClientId client, Ticket ticket, const kv::CommandView& command, const kv::SessionCall* call) {
  ++commands_executed_;
  Request request{.waiter = {client, ticket}, .command = command, .is_write = call || is_write_command(command)};
  if (call != nullptr) {
    request.label = *call;
    request.retry = Retry::kSameLabel;
  }
  const Router::Route route = router_.route(command);
  if (route.kind == Router::Route::Kind::kCrossSlot) {
    return clients_.refuse_unstarted(request.waiter, kv::Refusal::kCrossSlot);
  }
  request.group = order_of(request, route);
  if (clients_.can_start(client, request.group, request.is_write)) return dispatch(request, route);
  if (!clients_.has_room(client, footprint(command))) return clients_.refuse_unstarted(request.waiter);
  clients_.defer(KeptRequest(request));
}

void Node::dispatch(const Request& request, const Router::Route& route) {
  if (!is_born()) {
    clients_.refuse_unstarted(request.waiter, kv::Refusal::kNotBorn);
  } else if (clients_.door(request.waiter.client) == Door::kCluster && dispatch_to_led_groups(request)) {
    return;
  } else if (route.kind == Router::Route::Kind::kEvery) {
    std::vector<uint32_t> every(groups_.size());
    std::iota(every.begin(), every.end(), 0u);
    dispatch_to(every, request);
  } else {
    groups_[route.arc].dispatch(request);
  }
}

/// Requires: there is one at least.
void Node::dispatch_to(const std::vector<uint32_t>& arcs, const Request& request) {
  const size_t bytes = footprint(request.command);
  if (!clients_.has_room(request.waiter.client, bytes)) return clients_.refuse_unstarted(request.waiter);
  clients_.start(request.waiter, kEveryGroup, request.is_write, bytes);
  Gathering& gathering = gatherings_.emplace_back(clients_, request, arcs.size());
  Request part = request;
  for (const uint32_t arc : arcs) {
    part.waiter = {gathering.client(), arc};
    groups_[arc].dispatch(part);
  }
}

void Node::run_deferred() {
  for (const ClientId client : clients_.take_runnable()) {
    while (groups_.has_work_left()) {
      const std::optional<KeptRequest> deferred = clients_.next_startable(client);
      if (!deferred) break;
      dispatch(deferred->request(), router_.route((*deferred)->command));
    }
    if (!groups_.has_work_left()) clients_.postpone(client);
  }
}

// ---- the turn ----

void Node::end_turn() {
  if (is_dead()) return;
  if (is_born()) run_groups();
  if (is_dead()) return;
  if (maintain_at_ > clock_.now() + Groups::kMaintainInterval && wants_maintenance_soon()) arm_maintenance();
  links_.end_turn();
}

void Node::run_groups() {
  groups_.begin_turn(memory_outside());
  do {
    run_deferred();
    groups_.advance();
    if (is_dead()) return;
  } while ((clients_.has_runnable() && groups_.has_work_left()) || groups_.wants_to_advance());
  groups_.end_turn();
  gatherings_.remove_if([](const Gathering& gathering) { return gathering.is_done(); });
  // A turn that left something over has the next one follow at once.
  if (!clients_.has_runnable()) return;
  clock_.cancel(turn_timer_);
  turn_timer_ = clock_.call_at(clock_.now(), [] {});
}

// ---- introspection ----

uint64_t Node::memory_outside() const {
  return clients_.held_bytes() + (options_.memory_outside ? options_.memory_outside() : 0);
}

NodeStatus Node::status() const {
  NodeStatus status;
  status.node = options_.id;
  status.incarnation = birth_.identity().incarnation;
  status.cluster = cluster_id_of(birth_.identity().roster);
  status.chapter = chapters_->durable().own;
  status.membership = membership();
  if (status.membership != Membership::kMember) status.explanation = birth_.explanation();
  if (status.membership == Membership::kReturning && status.explanation.empty()) {
    status.explanation = "a replica of this node is new to its group: the others bring it up to date, then it votes";
  }
  if (status.membership == Membership::kMeeting) status.explanation += troubles();
  const auto knows_leader = [](const auto& group) { return static_cast<bool>(group->known_leader()); };
  if (is_replaced_ && std::ranges::none_of(groups_, knows_leader)) {
    status.membership = Membership::kStranger;
    status.explanation = "the cluster has replaced this data directory by a newer one: remove it to come back";
  }
  status.warnings = admissions_.twins(clock_.now());
  for (std::string& warning : clock_warnings()) status.warnings.push_back(std::move(warning));
  status.disk_full = log_->disk_full();
  status.log_bytes_unsynced = log_->disk_progress().bytes_unsynced;
  status.log_bytes_retained = log_->bytes_retained();
  status.set_aside = options_.set_aside;
  status.commands_executed = commands_executed_ + groups_.executed_for_others();
  status.commands_forwarded = groups_.forwarded_count();
  status.peer_frames_sent = links_.frames_sent();
  status.peer_messages_refused = links_.messages_refused();
  status.memory_max = options_.memory_max;
  status.memory_used = memory_outside() + groups_.memory_used();
  add_gauges(status.gauges);
  for (const auto& [node, peer] : peers_) {
    status.peers.push_back({node, peer.client_address, links_.is_reachable(node), admissions_.trouble(node)});
    for (const wire::NotedChapter& noted : chapters_->durable().noted) {
      if (noted.life.node == node) status.peers.back().chapter = {noted.life.incarnation, noted.chapter.number};
    }
  }
  for (const auto& hosted : groups_) {
    GroupStatus group = hosted->group().status();
    group.arc = router_.arc(static_cast<uint32_t>(status.groups.size()));
    group.leader_address = client_address_of(group.leader_node);
    status.groups.push_back(std::move(group));
  }
  return status;
}

/// Empty: not known.
std::string Node::client_address_of(NodeId node) const {
  if (node == options_.id) return options_.client_address;
  const auto peer = peers_.find(node);
  return peer == peers_.end() ? std::string() : peer->second.client_address;
}

void Node::add_gauges(std::vector<Gauge>& gauges) const {
  gauges.push_back({"commands_held", clients_.held_bytes(), clients_.held_bytes_max()});
  links_.add_gauges(gauges);
  groups_.add_gauges(gauges);
}

void Node::look(NodeStatus& status) const {
  status.node = options_.id;
  status.incarnation = birth_.identity().incarnation;
  status.membership = membership();
  status.gauges.clear();
  add_gauges(status.gauges);
  status.groups.resize(groups_.size());
  for (size_t i = 0; i < groups_.size(); ++i) status.groups[i] = groups_[i].group().status();
}

GroupDigest Node::digest(GroupId id) const {
  const HostedGroup* hosted = groups_.find(id);
  if (hosted == nullptr) return {};
  return {hosted->group().applied(), hosted->group().digest()};
}

std::string Node::explanation() const {
  if (is_born()) return {};
  if (birth_.identity().is_born) return "this node begins a replica: try again in a moment";
  return birth_.explanation() + troubles();
}

/// Behind "waiting to meet node 2, 3": what stands in the way.
std::string Node::troubles() const {
  std::string text;
  for (const auto& [node, peer] : peers_) {
    const std::string& trouble = admissions_.trouble(node);
    if (!trouble.empty()) text += "; " + trouble;
  }
  return text;
}

const consensus::Replica* Node::replica_of(GroupId id) const {
  const HostedGroup* hosted = groups_.find(id);
  return hosted == nullptr ? nullptr : &hosted->group().replica();
}

void Node::hand_over() {
  for (const auto& group : groups_) {
    groups_.wake(*group);
    group->group().hand_over();
  }
}

}  // namespace torc::node
