#include "node/hosted_group.h"

#include <utility>
#include <variant>

#include "base/prng.h"
#include "node/groups.h"

namespace torc::node {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

}  // namespace

HostedGroup::HostedGroup(const Options& options, Groups& groups, Links& links, ForwardBudget& forwards,
                         Clients& clients, env::Clock& clock)
    : options_(options),
      groups_(groups),
      links_(links),
      clients_(clients),
      clock_(clock),
      forwarder_(options.id, *this, clients, forwards, Prng(options.seed ^ 0xf0)),
      receiver_(options.id, *this, clients) {}

Status HostedGroup::open(const GroupOptions& options, const consensus::Configuration& birth, storage::Log& log,
                         env::CheckpointStore& checkpoints) {
  auto group = Group::open(options, birth, *this, clients_, clock_, log, checkpoints);
  if (!group.ok()) return group.error();
  group_ = *std::move(group);
  leaderless_since_ = clock_.now();
  return {};
}

void HostedGroup::wake() { groups_.wake(*this); }

// ---- commands ----

void HostedGroup::dispatch(const Request& request) {
  if (!request.is_write && group_->read_now(request)) return;
  const size_t bytes = footprint(request.command);
  if (!clients_.has_room(request.waiter.client, bytes)) return clients_.refuse_unstarted(request.waiter);
  clients_.start(request.waiter, options_.id, request.is_write, bytes);
  execute(request);
}

void HostedGroup::execute(Request request) {
  wake();
  request.deadline = clock_.now() + options_.command_timeout;
  if (!leads()) return forwarder_.submit(request);
  request.is_write ? group_->write(request) : group_->read_later(request);
}

void HostedGroup::reroute(Request request) {
  if (!clients_.is_open(request.waiter.client)) return clients_.end(request.waiter);
  request.deadline = clock_.now() + options_.command_timeout;
  forwarder_.submit(request);
}

void HostedGroup::execute_here(const Request& request) {
  if (!clients_.is_open(request.waiter.client)) return clients_.end(request.waiter);
  execute(request);
}

void HostedGroup::execute_forwarded(const Request& request) {
  ++executed_for_others_;
  dispatch(request);
}

// ---- from other nodes ----

void HostedGroup::receive(const consensus::Message& message) {
  const bool is_heartbeat = std::holds_alternative<consensus::HeartbeatRequest>(message.body) ||
                            std::holds_alternative<consensus::HeartbeatReply>(message.body);
  group_->receive(message);
  if (!is_heartbeat || !rest_on()) wake();
}

void HostedGroup::receive(const wire::SnapshotChunk& chunk) {
  wake();
  group_->receive(chunk);
}

void HostedGroup::receive(const wire::SnapshotReply& reply) {
  wake();
  group_->receive(reply);
}

void HostedGroup::on_forward_request(NodeId from, wire::ForwardRequest request, bool is_origin_known) {
  wake();
  if (request.is_relayed) {
    if (request.origin != from && is_origin_known) receiver_.on_request(from, std::move(request));
  } else if (request.wants_relay && !leads()) {
    relay_.on_request(from, std::move(request));
  } else {
    receiver_.on_request(from, std::move(request));
  }
}

void HostedGroup::on_forward_reply(NodeId from, const wire::ForwardReply& reply, bool is_for_this_node) {
  wake();
  is_for_this_node ? forwarder_.on_reply(from, reply, clock_.now()) : relay_.on_reply(reply);
}

void HostedGroup::on_connection_changed(NodeId node) {
  wake();
  forwarder_.on_connection_changed(node);
  receiver_.on_connection_changed(node);
}

// ---- the turn ----

void HostedGroup::advance() {
  receiver_.run_held();
  forwarder_.flush(known_leader().node, leads(), clock_.now());
  carry_out(group_->advance());
}

// Commands that waited for a leader come before those that arrive once this node is it.
bool HostedGroup::wants_to_advance() const {
  return is_due || group_->has_work() || (leads() && (forwarder_.outstanding() > 0 || receiver_.can_run_held()));
}

void HostedGroup::end_turn() {
  if (!leads()) forwarder_.flush(known_leader().node, false, clock_.now());
  receiver_.flush();
}

void HostedGroup::carry_out(GroupOutput output) {
  if (output.fatal) return groups_.fail(*output.fatal);
  // Followers are sent to before the own disk is asked (rules.md#batches).
  for (const consensus::Message& message : output.messages) links_.send(message);
  for (const auto& chunk : output.chunks) links_.send(chunk.to.node, env::Channel::kBulk, chunk);
  for (const auto& reply : output.snapshot_replies) links_.send(reply.to.node, env::Channel::kBulk, reply);
  for (Notice& notice : output.notices) {
    if (!options_.name.empty()) notice.text = options_.name + ": " + notice.text;
    groups_.tell(notice);
  }
  if (output.leadership == Leadership::kLost) receiver_.on_leadership_lost();
  for (const KeptRequest& request : output.homeless) reroute(request.request());
  if (output.has_appended) groups_.flush_log_for(*this);
}

void HostedGroup::on_durable(uint64_t sequence) {
  wake();
  for (const consensus::Message& message : group_->on_durable(sequence)) links_.send(message);
}

bool HostedGroup::maintain() {
  const Instant now = clock_.now();
  group_->maintain();
  if (known_leader()) {
    leaderless_since_ = Instant::never();
  } else if (leaderless_since_ == Instant::never()) {
    leaderless_since_ = now;
  }
  forwarder_.expire(now);
  // Streams to a leader begin again, look for a way, or wait for room, by the clock.
  return group_->wants_turn() || forwarder_.outstanding() > 0 || receiver_.bytes_waiting() > 0;
}

// ---- rest ----

bool HostedGroup::try_rest() {
  return !is_awake && forwarder_.is_idle() && receiver_.bytes_waiting() == 0 && group_->try_rest();
}

/// False: it did not rest, or does not any more.
bool HostedGroup::rest_on() {
  if (is_awake || is_attended || !group_->rest_on(said_)) return false;
  for (const consensus::Message& message : said_) links_.send(message);
  said_.clear();
  return true;
}

void HostedGroup::on_deadline() {
  const bool was_resting = !is_awake && !is_attended;
  if (was_resting && !leads()) group_->watch_disk();
  group_->tick();
  const bool has_more_to_do = group_->next_deadline() <= clock_.now();
  if (has_more_to_do || !rest_on()) wake();
}

// ---- clocks ----

std::vector<NodeId> HostedGroup::voters() const {
  std::vector<NodeId> nodes;
  for (const consensus::ReplicaId voter : group_->configuration().voters) nodes.push_back(voter.node);
  return nodes;
}

void HostedGroup::limit_stamps(std::optional<WallMs> latest) {
  stamp_ahead_ms_max_.reset();
  if (latest) stamp_ahead_ms_max_ = latest->ms - clock_.now().ns / kNsPerMs;
}

std::optional<WallMs> HostedGroup::latest_stamp(Instant now) const {
  if (!stamp_ahead_ms_max_) return std::nullopt;
  return WallMs{*stamp_ahead_ms_max_ + now.ns / kNsPerMs};
}

// ---- introspection ----

void HostedGroup::add_gauges(std::vector<Gauge>& gauges) const {
  forwarder_.add_gauges(gauges);
  receiver_.add_gauges(gauges);
  group_->add_gauges(gauges);
}

}  // namespace torc::node
