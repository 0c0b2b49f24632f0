#include "node/static_node.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/prng.h"

namespace torc::node {
namespace {

constexpr GroupId kTheGroup{1};  // a static cluster has one group; a ring has many
constexpr Duration kGreetingInterval = 200ms;
constexpr Duration kMaintainInterval = 10ms;
/// Larger messages go by the bulk connection (RULES 27).
constexpr size_t kControlBytesMax = 64u << 10;

constexpr std::string_view kTooManyDeferred =
    "ERR too many writes (or reads) wait for earlier commands of their clients, try later";

bool is_write_command(const kv::CommandView& command) {
  const kv::CommandTraits* traits = kv::traits_of(command.id);
  return traits == nullptr || traits->is_write;
}

}  // namespace

Result<std::unique_ptr<Node>> Node::open(NodeOptions options, env::Clock& clock, env::Disk& disk, env::Network& network,
                                         env::CheckpointStore& checkpoints) {
  std::ranges::sort(options.initial_cluster);
  Result<std::optional<Identity>> found = load_identity(disk);
  if (!found.ok()) return found.error();
  options.log.salt = Prng(options.seed ^ 0x10).next();
  auto log = storage::Log::open(disk, clock, options.log);
  if (!log.ok()) return log.error();

  Identity identity;
  if (found->has_value()) {
    identity = **found;
    if (identity.node != options.id || identity.listed != options.initial_cluster) {
      return Error{ErrorCode::kInvalid, "this data directory belongs to node " + std::to_string(identity.node.value) +
                                            " of another --id or --initial-cluster"};
    }
    if (identity.is_born && !(*log)->recovered().contains(kTheGroup)) {
      return Error{ErrorCode::kCorrupt,
                   "the log of this data directory is missing: the node cannot know what it promised"};
    }
  } else {
    if (!(*log)->recovered().empty()) {
      return Error{ErrorCode::kCorrupt, "the file 'identity' of the data directory is missing, but there is a log"};
    }
    identity.node = options.id;
    identity.incarnation = Incarnation(Prng(options.seed).next() | 1);
    identity.listed = options.initial_cluster;
    const Status saved = save_identity(disk, identity);
    if (!saved.ok()) return saved.error();
  }
  auto node = std::make_unique<StaticNode>(std::move(options), std::move(identity), *std::move(log), clock, disk,
                                           network, checkpoints);
  const Status started = node->start();
  if (!started.ok()) return started.error();
  return std::unique_ptr<Node>(std::move(node));
}

StaticNode::StaticNode(NodeOptions options, Identity identity, std::unique_ptr<storage::Log> log, env::Clock& clock,
                       env::Disk& disk, env::Network& network, env::CheckpointStore& checkpoints)
    : options_(std::move(options)),
      clock_(clock),
      disk_(disk),
      network_(network),
      checkpoints_(checkpoints),
      birth_(std::move(identity), options_.may_found_cluster),
      log_(std::move(log)),
      forwarder_(kTheGroup, *this, clients_, options_.command_timeout, Prng(options_.seed ^ 0xf0).next() >> 32),
      receiver_(kTheGroup, *this, clients_) {
  for (const NodeId node : options_.initial_cluster) {
    if (node != options_.id) peers_[node];
  }
}

StaticNode::~StaticNode() {
  network_.set_handler(nullptr);
  clock_.cancel(tick_timer_);
  clock_.cancel(maintain_timer_);
  clock_.cancel(greet_timer_);
}

Status StaticNode::start() {
  network_.set_handler(this);
  if (birth_.identity().is_born) {
    const Status opened = open_group();
    if (!opened.ok()) return opened;
  }
  if (!is_settled()) greet_everyone();
  maintain();
  end_turn();
  return {};
}

// ---- clients ----

void StaticNode::submit(ClientId client, Ticket ticket, const kv::CommandView& command, const kv::SessionCall* call) {
  ++commands_executed_;
  const bool is_write = call != nullptr || is_write_command(command);
  if (!clients_.can_start(client, is_write)) {
    if (clients_.deferred_bytes() >= Clients::kDeferredBytesMax) {
      clients_.begin({client, ticket}).error(kTooManyDeferred);
      return clients_.end_immediate({client, ticket});
    }
    std::optional<kv::SessionCall> label;
    if (call != nullptr) label = *call;
    clients_.defer(client, {ticket, is_write, CommandCopy(command), label});
    return;
  }
  dispatch({client, ticket}, is_write, command, call);
}

void StaticNode::dispatch(Waiter waiter, bool is_write, const kv::CommandView& command, const kv::SessionCall* call) {
  if (!is_write && group_ && group_->read_now(waiter, command)) return;
  clients_.start(waiter.client, is_write);
  execute(waiter, is_write, command, call, call != nullptr ? Retry::kSameLabel : Retry::kNone);
}

void StaticNode::execute(Waiter waiter, bool is_write, const kv::CommandView& command, const kv::SessionCall* call,
                         Retry retry) {
  if (leads()) {
    if (is_write) {
      group_->write(waiter, command, call, retry);
    } else {
      group_->read_later(waiter, command);
    }
    return;
  }
  if (!group_) {
    clients_.begin(waiter).error("CLUSTERDOWN " + birth_.explanation());
    clients_.end(waiter);
    return;
  }
  forwarder_.submit(waiter, is_write, command, call, retry, clock_.now());
}

void StaticNode::reroute(Waiter waiter, const kv::CommandView& command, const kv::SessionCall* call, Retry retry) {
  if (!clients_.is_open(waiter.client)) return;
  forwarder_.submit(waiter, call != nullptr || is_write_command(command), command, call, retry, clock_.now());
}

void StaticNode::execute_here(Waiter waiter, bool is_write, const kv::CommandView& command, const kv::SessionCall* call,
                              Retry retry) {
  if (clients_.is_open(waiter.client)) execute(waiter, is_write, command, call, retry);
}
void StaticNode::execute_forwarded(Waiter waiter, bool is_write, const kv::CommandView& command,
                                   const kv::SessionCall* call) {
  ++commands_executed_;
  dispatch(waiter, is_write, command, call);
}

void StaticNode::run_deferred() {
  for (const ClientId client : clients_.take_runnable()) {
    while (auto deferred = clients_.next_startable(client)) {
      dispatch({client, deferred->ticket}, deferred->is_write, deferred->command.view(),
               deferred->call ? &*deferred->call : nullptr);
    }
  }
}

// ---- the turn ----

void StaticNode::end_turn() {
  if (is_dead_) return;
  if (!group_) return;
  do {
    run_deferred();
    forwarder_.flush(known_leader().node, leads(), clock_.now());
    if (group_->advance()) flush_log();
    if (is_dead_) return;
    // Commands that waited for a leader come before those that arrive once this node is it.
  } while (clients_.has_runnable() || group_->has_work() || (leads() && forwarder_.outstanding() > 0));
  if (!leads()) forwarder_.flush(known_leader().node, false, clock_.now());
  receiver_.flush();
  arm_tick();
}

void StaticNode::flush_log() {
  log_->flush([this, sequence = group_->appended_sequence()](const Status& status) {
    if (is_dead_) return;
    if (!status.ok()) return on_fatal(status.error());
    group_->on_durable(sequence);
  });
}

void StaticNode::arm_tick() {
  const Instant due = group_->next_deadline();
  if (due == tick_at_ && tick_timer_ != 0) return;
  clock_.cancel(tick_timer_);
  tick_at_ = due;
  tick_timer_ = 0;
  if (due == Instant::never()) return;
  tick_timer_ = clock_.call_at(due, [this] {
    tick_timer_ = 0;
    if (!is_dead_) group_->tick();
  });
}

void StaticNode::maintain() {
  if (is_dead_) return;
  if (group_) {
    group_->maintain();
    has_returned_ = has_returned_ || (birth_.is_returning() && group_->is_established());
  }
  forwarder_.expire(clock_.now());
  if (group_ && clock_.now() - clocks_compared_at_ >= ClockWatch::kInterval) compare_clocks();
  maintain_timer_ = clock_.call_at(clock_.now() + kMaintainInterval, [this] { maintain(); });
}

void StaticNode::compare_clocks() {
  clocks_compared_at_ = clock_.now();
  if (!leads()) {
    clock_watch_.forget_distance();
    const NodeId leader = known_leader().node;
    // Itself: elected in this turn, which is noted at its end.
    if (leader && leader != options_.id)
      network_.send(leader, env::Channel::kControl, wire::encode(wire::ClockReport{clock_.wall_now()}));
    return;
  }
  std::vector<NodeId> voters;
  for (const consensus::ReplicaId voter : group_->configuration().voters) voters.push_back(voter.node);
  const std::optional<NodeId> better = clock_watch_.better_leader(voters, options_.id, clock_.now());
  if (better) group_->hand_over_to(*better);
}

void StaticNode::on_fatal(const Error& error) {
  if (std::exchange(is_dead_, true)) return;
  if (options_.on_fatal) options_.on_fatal(error);
}

// ---- peers ----

void StaticNode::on_frame(NodeId from, env::Channel, Bytes body) {
  if (is_dead_ || !peers_.contains(from)) return;
  Result<wire::PeerMessage> message = wire::decode(std::move(body));
  if (!message.ok()) return;  // the sender will repeat what matters
  if (auto* meet = std::get_if<wire::Meet>(&*message)) return on_meet(from, *meet);
  if (!group_) return;
  if (auto* consensus = std::get_if<consensus::Message>(&*message)) {
    if (consensus->group != kTheGroup || consensus->from.node != from) return;
    is_replaced_ = consensus->to != birth_.identity().self();
    group_->receive(*consensus);
  } else if (auto* chunk = std::get_if<wire::SnapshotChunk>(&*message)) {
    if (chunk->group == kTheGroup && chunk->from.node == from) group_->receive(*chunk);
  } else if (auto* progress = std::get_if<wire::SnapshotReply>(&*message)) {
    if (progress->group == kTheGroup && progress->from.node == from) group_->receive(*progress);
  } else if (auto* request = std::get_if<wire::ForwardRequest>(&*message)) {
    if (request->group == kTheGroup) on_forward_request(from, std::move(*request));
  } else if (auto* reply = std::get_if<wire::ForwardReply>(&*message)) {
    if (reply->group == kTheGroup) on_forward_reply(from, *reply);
  } else if (auto* report = std::get_if<wire::ClockReport>(&*message)) {
    clock_watch_.on_report(from, report->wall, clock_.wall_now(), clock_.now());
  }
}

void StaticNode::on_forward_request(NodeId from, wire::ForwardRequest request) {
  if (request.is_relayed) {
    if (request.origin != from && peers_.contains(request.origin)) receiver_.on_request(from, request);
  } else if (request.wants_relay && !leads()) {
    relay_.on_request(from, std::move(request));
  } else {
    receiver_.on_request(from, request);
  }
}

void StaticNode::on_forward_reply(NodeId from, const wire::ForwardReply& reply) {
  if (!reply.origin || reply.origin == options_.id) {
    forwarder_.on_reply(from, reply, clock_.now());
  } else {
    relay_.on_reply(reply);
  }
}

void StaticNode::on_connected(NodeId peer, env::Channel channel) {
  const auto found = peers_.find(peer);
  if (found == peers_.end() || is_dead_) return;
  if (channel == env::Channel::kControl) {
    found->second.is_connected = true;
    greet(peer);
  } else {
    found->second.is_bulk_connected = true;
    if (group_) group_->on_bulk_connected(peer);
    forwarder_.on_connection_changed(peer);
    receiver_.on_connection_changed(peer);
  }
}

void StaticNode::on_disconnected(NodeId peer, env::Channel channel) {
  const auto found = peers_.find(peer);
  if (found == peers_.end() || is_dead_) return;
  if (channel == env::Channel::kControl) {
    found->second.is_connected = false;
  } else {
    found->second.is_bulk_connected = false;
    forwarder_.on_connection_changed(peer);
    receiver_.on_connection_changed(peer);
  }
}

void StaticNode::send(const consensus::Message& message) {
  if (message.to.node == options_.id) return;  // a former life of this node, still in the configuration
  ByteChain body = wire::encode(message);
  const env::Channel channel = body.size() > kControlBytesMax ? env::Channel::kBulk : env::Channel::kControl;
  network_.send(message.to.node, channel, std::move(body));
}

void StaticNode::send(const wire::SnapshotChunk& chunk) {
  if (chunk.to.node == options_.id) return;
  network_.send(chunk.to.node, env::Channel::kBulk, wire::encode(chunk));
}

void StaticNode::send(const wire::SnapshotReply& reply) {
  if (reply.to.node == options_.id) return;
  network_.send(reply.to.node, env::Channel::kBulk, wire::encode(reply));
}

bool StaticNode::is_reachable(NodeId node) const {
  const auto found = peers_.find(node);
  return found != peers_.end() && found->second.is_connected;
}

bool StaticNode::can_send_to(NodeId node) const {
  const auto found = peers_.find(node);
  return found != peers_.end() && found->second.is_bulk_connected;
}

std::vector<NodeId> StaticNode::neighbours() const {
  std::vector<NodeId> nodes;
  for (const auto& [node, peer] : peers_) nodes.push_back(node);
  return nodes;
}

// Probes by the control connection: whether there is a way must not depend on how much waits to take it.
void StaticNode::send_to(NodeId node, const wire::ForwardRequest& request) {
  network_.send(node, request.commands.empty() ? env::Channel::kControl : env::Channel::kBulk, wire::encode(request));
}

void StaticNode::send_to(NodeId node, const wire::ForwardReply& reply) {
  network_.send(node, reply.is_probe ? env::Channel::kControl : env::Channel::kBulk, wire::encode(reply));
}

consensus::ReplicaId StaticNode::known_leader() const { return group_ ? group_->leader() : consensus::ReplicaId(); }

// ---- birth ----

void StaticNode::greet(NodeId peer) {
  network_.send(peer, env::Channel::kControl, wire::encode(birth_.greeting(options_.client_address)));
}

void StaticNode::greet_everyone() {
  if (is_dead_) return;
  if (birth_.can_be_born()) become_member();
  for (const auto& [node, peer] : peers_) greet(node);
  if (!is_settled()) greet_timer_ = clock_.call_at(clock_.now() + kGreetingInterval, [this] { greet_everyone(); });
}

void StaticNode::on_meet(NodeId from, const wire::Meet& meet) {
  if (meet.node != from) return;
  peers_[from].client_address = meet.client_address;
  const consensus::ReplicaId greeter{meet.node, meet.incarnation};
  const bool is_newcomer =
      meet.is_born && meet.roster == birth_.identity().roster && !std::ranges::binary_search(meet.roster, greeter);
  if (group_ && is_newcomer) group_->on_newcomer(greeter);
  const Membership before = birth_.membership();
  if (birth_.on_meet(meet)) {
    const Status saved = save_identity(disk_, birth_.identity());
    if (!saved.ok()) return on_fatal(saved.error());
    for (const auto& [node, peer] : peers_) greet(node);
  } else if (!meet.is_born && before == Membership::kMember) {
    greet(from);  // somebody still gathers what we know
  }
  if (birth_.can_be_born()) become_member();
}

/// Greetings go on until then: somebody may still need ours, or we theirs.
bool StaticNode::is_settled() const { return birth_.membership() == Membership::kMember || has_returned_; }

// The group's first record is durable before the identity says "born", so that a directory whose log went missing later
// is told from a new one.
void StaticNode::become_member() {
  if (std::exchange(is_being_born_, true)) return;
  log_->append_hard_state(kTheGroup, {});
  log_->flush([this](const Status& status) {
    if (is_dead_) return;
    if (!status.ok()) return on_fatal(status.error());
    birth_.born();
    const Status saved = save_identity(disk_, birth_.identity());
    if (!saved.ok()) return on_fatal(saved.error());
    for (const auto& [node, peer] : peers_) greet(node);
    const Status opened = open_group();
    if (!opened.ok()) on_fatal(opened.error());
  });
}

Status StaticNode::open_group() {
  GroupOptions options;
  options.replica.group = kTheGroup;
  options.replica.self = birth_.identity().self();
  options.replica.seed = Prng(options_.seed ^ 0xe1).next();
  options.replica.election_timeout_min = options_.election_timeout_min;
  options.replica.heartbeat_interval = options_.heartbeat_interval;
  options.command_timeout = options_.command_timeout;
  options.checkpoint_log_bytes = options_.checkpoint_log_bytes;
  options.log_tail_bytes = options_.log_tail_bytes;
  options.batch_bytes_max = options_.batch_bytes_max;
  options.proposals_in_flight_max = options_.proposals_in_flight_max;
  options.hash_seed = Prng(options_.seed ^ 0x5e).next();
  consensus::Configuration birth;
  if (!birth_.is_returning()) birth.voters = birth_.identity().roster;  // else the leader tells
  auto group = Group::open(options, birth, *this, clients_, clock_, *log_, checkpoints_);
  if (!group.ok()) return group.error();
  group_ = *std::move(group);
  return {};
}

// ---- introspection ----

NodeStatus StaticNode::status() const {
  NodeStatus status;
  status.node = options_.id;
  status.incarnation = birth_.identity().incarnation;
  status.cluster = cluster_id_of(birth_.identity().roster);
  status.membership = birth_.membership();
  status.explanation = birth_.explanation();
  if (is_settled()) {
    status.membership = Membership::kMember;
    status.explanation.clear();
  }
  if (is_replaced_ && !known_leader()) {
    status.membership = Membership::kStranger;
    status.explanation = "the cluster has replaced this data directory by a newer one: remove it to come back";
  }
  status.disk_full = log_->disk_full();
  status.commands_executed = commands_executed_;
  status.commands_forwarded = forwarder_.forwarded_count();
  for (const auto& [node, peer] : peers_) status.peers.push_back({node, peer.client_address, peer.is_connected});
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

Node::Digest StaticNode::digest(GroupId group) const {
  if (!group_ || group != kTheGroup) return {};
  return {group_->applied(), group_->digest()};
}

const consensus::Replica* StaticNode::replica_of(GroupId group) const {
  return group_ && group == kTheGroup ? &group_->replica() : nullptr;
}

void StaticNode::hand_over() {
  if (group_) group_->hand_over();
}

}  // namespace torc::node
