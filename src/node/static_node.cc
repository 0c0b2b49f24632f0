#include "node/static_node.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/prng.h"

namespace torc::node {
StaticNode::StaticNode(NodeOptions options, Identity identity, std::unique_ptr<Chapters> chapters,
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
      keeper_(options_.checkpoint_log_bytes, options_.log_tail_bytes),
      checkpoint_queue_(options_.checkpoint_log_bytes),
      chapters_(std::move(chapters)),
      admissions_(*this, *chapters_),
      chapter_prng_(options_.seed ^ 0xc4),
      session_prng_(options_.session_seed) {
  for (const NodeId node : options_.initial_cluster) {
    if (node != options_.id) peers_[node];
  }
}

StaticNode::~StaticNode() {
  network_.set_handler(nullptr);
  clock_.cancel(maintain_timer_);
  clock_.cancel(group_timer_);
  clock_.cancel(turn_timer_);
  clock_.cancel(greet_timer_);
}

Status StaticNode::start() {
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

HostedGroup* StaticNode::find(GroupId group) const {
  const uint64_t arc = group.value - group_of_arc(0).value;
  return arc < groups_.size() ? groups_[arc].get() : nullptr;
}

// ---- clients ----

void StaticNode::submit(ClientId client, Ticket ticket, const kv::CommandView& command, const kv::SessionCall* call) {
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

void StaticNode::dispatch(const Request& request, const Router::Route& route) {
  if (!is_born()) {
    clients_.refuse_unstarted(request.waiter, kv::Refusal::kNotBorn);
  } else if (clients_.door(request.waiter.client) == Door::kCluster && dispatch_to_led_groups(request)) {
    return;
  } else if (route.kind == Router::Route::Kind::kEvery) {
    std::vector<uint32_t> every(groups_.size());
    std::iota(every.begin(), every.end(), 0u);
    dispatch_to(every, request);
  } else {
    hosted(route.arc).dispatch(request);
  }
}

/// Requires: there is one at least.
void StaticNode::dispatch_to(const std::vector<uint32_t>& arcs, const Request& request) {
  const size_t bytes = footprint(request.command);
  if (!clients_.has_room(request.waiter.client, bytes)) return clients_.refuse_unstarted(request.waiter);
  clients_.start(request.waiter, kEveryGroup, request.is_write, bytes);
  Gathering& gathering = gatherings_.emplace_back(clients_, request, arcs.size());
  Request part = request;
  for (const uint32_t arc : arcs) {
    part.waiter = {gathering.client(), arc};
    hosted(arc).dispatch(part);
  }
}

void StaticNode::run_deferred() {
  for (const ClientId client : clients_.take_runnable()) {
    while (has_work_left()) {
      const std::optional<KeptRequest> deferred = clients_.next_startable(client);
      if (!deferred) break;
      dispatch(deferred->request(), router_.route((*deferred)->command));
    }
    if (!has_work_left()) clients_.postpone(client);
  }
}

// ---- the turn ----

/// What is said to a group before the end of a turn waits until then.
void StaticNode::wake(HostedGroup& group) {
  group.is_due = true;
  if (std::exchange(group.is_awake, true)) return;
  awake_.push_back(&group);
  attend(group);
  if (is_turn_ending_) begin_turn(group);
}

bool StaticNode::has_work_left() const {
  return std::ranges::all_of(awake_, [](const HostedGroup* group) { return group->has_work_left(); });
}

void StaticNode::end_turn() {
  if (is_dead_) return;
  if (is_born()) run_groups();
  if (is_dead_) return;
  arm_group_timer();
  links_.end_turn();
}

void StaticNode::run_groups() {
  memory_outside_ = memory_outside();
  is_turn_ending_ = true;
  for (HostedGroup* group : awake_) begin_turn(*group);
  do {
    run_deferred();
    for (size_t i = 0; i < awake_.size(); ++i) {  // more may wake meanwhile
      HostedGroup& group = *awake_[i];
      if (!group.wants_to_advance()) continue;
      group.is_due = false;
      group.advance();
      if (is_dead_) return;
    }
  } while ((clients_.has_runnable() && has_work_left()) || std::ranges::any_of(awake_, &HostedGroup::wants_to_advance));
  end_group_turns();
  is_turn_ending_ = false;
  gatherings_.remove_if([](const Gathering& gathering) { return gathering.is_done(); });
  flush_log();
}

void StaticNode::end_group_turns() {
  for (HostedGroup* group : std::exchange(awake_, {})) {
    group->is_awake = false;
    group->end_turn();
    count_memory(*group);
    deadlines_.set(place_of(*group), group->next_deadline());
  }
  // A turn that left something over has the next one follow at once.
  if (!clients_.has_runnable()) return;
  clock_.cancel(turn_timer_);
  turn_timer_ = clock_.call_at(clock_.now(), [] {});
}

void StaticNode::flush_log_for(HostedGroup& group) {
  if (!std::exchange(group.has_appended, true)) appended_.push_back(&group);
}

/// Once per turn, for all groups: they share the write and the sync.
void StaticNode::flush_log() {
  if (appended_.empty()) return;
  struct Appended {
    HostedGroup* group;
    uint64_t sequence;
  };
  std::vector<Appended> appended;
  for (HostedGroup* group : std::exchange(appended_, {})) {
    group->has_appended = false;
    appended.push_back({group, group->group().appended_sequence()});
  }
  log_->flush([this, appended = std::move(appended)](const Status& status) {
    if (is_dead_) return;
    if (!status.ok()) return on_fatal(status.error());
    for (const auto& [group, sequence] : appended) group->on_durable(sequence);
  });
}

void StaticNode::on_fatal(const Error& error) {
  if (std::exchange(is_dead_, true)) return;
  if (options_.on_fatal) options_.on_fatal(error);
}

void StaticNode::tell(const Notice& notice) {
  if (options_.tell) options_.tell(notice);
}

// ---- introspection ----

bool StaticNode::leads_something() const {
  return std::ranges::any_of(groups_, [](const auto& group) { return group->leads(); });
}

uint64_t StaticNode::memory_outside() const {
  return clients_.held_bytes() + (options_.memory_outside ? options_.memory_outside() : 0);
}

NodeStatus StaticNode::status() const {
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
  status.commands_executed = commands_executed_;
  status.peer_frames_sent = links_.frames_sent();
  status.peer_messages_refused = links_.messages_refused();
  status.memory_max = options_.memory_max;
  status.memory_used = memory_outside();
  for (const auto& hosted : groups_) status.memory_used += hosted->memory_used();
  add_gauges(status.gauges);
  for (const auto& [node, peer] : peers_) {
    status.peers.push_back({node, peer.client_address, links_.is_reachable(node), admissions_.trouble(node)});
    for (const wire::NotedChapter& noted : chapters_->durable().noted) {
      if (noted.life.node == node) status.peers.back().chapter = {noted.life.incarnation, noted.chapter.number};
    }
  }
  for (const auto& hosted : groups_) {
    status.commands_executed += hosted->executed_for_others();
    status.commands_forwarded += hosted->forwarded_count();
    GroupStatus group = hosted->group().status();
    group.arc = router_.arc(static_cast<uint32_t>(status.groups.size()));
    group.leader_address = client_address_of(group.leader_node);
    status.groups.push_back(std::move(group));
  }
  return status;
}

/// Empty: not known.
std::string StaticNode::client_address_of(NodeId node) const {
  if (node == options_.id) return options_.client_address;
  const auto peer = peers_.find(node);
  return peer == peers_.end() ? std::string() : peer->second.client_address;
}

void StaticNode::add_gauges(std::vector<Gauge>& gauges) const {
  gauges.push_back({"commands_held", clients_.held_bytes(), clients_.held_bytes_max()});
  links_.add_gauges(gauges);
  for (const auto& group : groups_) group->add_gauges(gauges);
}

void StaticNode::look(NodeStatus& status) const {
  status.node = options_.id;
  status.incarnation = birth_.identity().incarnation;
  status.membership = membership();
  status.gauges.clear();
  add_gauges(status.gauges);
  status.groups.resize(groups_.size());
  for (size_t i = 0; i < groups_.size(); ++i) status.groups[i] = groups_[i]->group().status();
}

Node::Digest StaticNode::digest(GroupId id) const {
  const HostedGroup* hosted = find(id);
  if (hosted == nullptr) return {};
  return {hosted->group().applied(), hosted->group().digest()};
}

std::string StaticNode::explanation() const {
  if (is_born()) return {};
  if (birth_.identity().is_born) return "this node begins a replica: try again in a moment";
  return birth_.explanation() + troubles();
}

/// Behind "waiting to meet node 2, 3": what stands in the way.
std::string StaticNode::troubles() const {
  std::string text;
  for (const auto& [node, peer] : peers_) {
    const std::string& trouble = admissions_.trouble(node);
    if (!trouble.empty()) text += "; " + trouble;
  }
  return text;
}

const consensus::Replica* StaticNode::replica_of(GroupId id) const {
  const HostedGroup* hosted = find(id);
  return hosted == nullptr ? nullptr : &hosted->group().replica();
}

void StaticNode::hand_over() {
  for (const auto& group : groups_) {
    wake(*group);
    group->group().hand_over();
  }
}

}  // namespace torc::node
