// How a node speaks to its peers: which message is whose, by which connection, and what their clocks show.
#include <utility>
#include <variant>

#include "node/static_node.h"

namespace torc::node {
namespace {

/// Larger messages go by the bulk connection (rules.md#two-connections).
constexpr size_t kControlBytesMax = 64u << 10;
constexpr int64_t kNsPerMs = 1'000'000;

}  // namespace

void StaticNode::on_frame(NodeId from, env::Channel, Bytes body) {
  if (is_dead_ || !peers_.contains(from)) return;
  admissions_.on_heard(from, clock_.now());
  Result<wire::PeerMessage> message = wire::decode(std::move(body));
  if (!message.ok()) {  // the sender will repeat what matters
    ++peer_messages_refused_;
    return;
  }
  if (auto* meet = std::get_if<wire::Meet>(&*message)) return on_meet(from, *meet);
  if (auto* report = std::get_if<wire::TwinReport>(&*message)) return on_twin_report(std::move(*report));
  if (auto* report = std::get_if<wire::ClockReport>(&*message)) {
    clock_watch_.on_report(from, report->wall, clock_.now());
    if (group_) group_->on_disk_report(from, report->is_disk_full);
    return limit_stamps();
  }
  if (!group_) return;
  if (auto* consensus = std::get_if<consensus::Message>(&*message)) {
    if (consensus->group != kTheGroup || consensus->from.node != from) return;
    // One that returns has a former life, which stays a member for a while.
    is_replaced_ = !birth_.is_returning() && consensus->to != birth_.identity().self();
    if (const auto* reply = std::get_if<consensus::AppendReply>(&consensus->body)) {
      peers_.at(from).appends.on_reply(*reply);
    }
    group_->receive(*consensus);
  } else if (auto* chunk = std::get_if<wire::SnapshotChunk>(&*message)) {
    if (chunk->group == kTheGroup && chunk->from.node == from) group_->receive(*chunk);
  } else if (auto* progress = std::get_if<wire::SnapshotReply>(&*message)) {
    if (progress->group == kTheGroup && progress->from.node == from) group_->receive(*progress);
  } else if (auto* request = std::get_if<wire::ForwardRequest>(&*message)) {
    if (request->group == kTheGroup) on_forward_request(from, std::move(*request));
  } else if (auto* reply = std::get_if<wire::ForwardReply>(&*message)) {
    if (reply->group == kTheGroup) on_forward_reply(from, *reply);
  }
}

void StaticNode::on_forward_request(NodeId from, wire::ForwardRequest request) {
  if (request.is_relayed) {
    if (request.origin != from && peers_.contains(request.origin)) receiver_.on_request(from, std::move(request));
  } else if (request.wants_relay && !leads()) {
    relay_.on_request(from, std::move(request));
  } else {
    receiver_.on_request(from, std::move(request));
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
  admissions_.on_connected(peer, channel, clock_.now());
  if (channel == env::Channel::kControl) {
    found->second.is_connected = true;
    greet(peer);
    report_clock(peer);  // before this node can vote for it: a leader knows the clocks of those that elected it
  } else {
    found->second.is_bulk_connected = true;
    found->second.appends.on_bulk_changed();
    if (group_) group_->on_bulk_connected(peer);
    forwarder_.on_connection_changed(peer);
    receiver_.on_connection_changed(peer);
  }
}

void StaticNode::on_disconnected(NodeId peer, env::Channel channel) {
  const auto found = peers_.find(peer);
  if (found == peers_.end() || is_dead_) return;
  admissions_.on_disconnected(peer, channel);
  if (channel == env::Channel::kControl) {
    found->second.is_connected = false;
  } else {
    found->second.is_bulk_connected = false;
    found->second.appends.on_bulk_changed();
    forwarder_.on_connection_changed(peer);
    receiver_.on_connection_changed(peer);
  }
}

// To itself nobody sends: a former life of this node may still be in the configuration, and elected in this turn the
// node does not know yet that it leads.
void StaticNode::transmit(NodeId to, env::Channel channel, const wire::PeerMessage& message) {
  if (to == options_.id) return;
  ByteChain body = wire::encode(message);
  if (body.size() > kControlBytesMax) channel = env::Channel::kBulk;
  network_.send(to, channel, std::move(body));
}

void StaticNode::send(const consensus::Message& message) {
  const NodeId to = message.to.node;
  const auto peer = peers_.find(to);
  if (peer == peers_.end()) return;
  const auto* append = std::get_if<consensus::AppendRequest>(&message.body);
  const auto* pulled = std::get_if<consensus::PullReply>(&message.body);
  // It asks again while a long answer is on its way. One copy of that is enough.
  if (pulled != nullptr && !pulled->entries.empty() && is_sending_to(to)) return;
  ByteChain body = wire::encode(message);
  const bool is_large = body.size() > kControlBytesMax;
  env::Channel channel = is_large ? env::Channel::kBulk : env::Channel::kControl;
  if (append != nullptr && peer->second.is_bulk_connected) channel = peer->second.appends.channel_of(*append, is_large);
  network_.send(to, channel, std::move(body));
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

// ---- clocks ----

void StaticNode::report_clock(NodeId peer) {
  transmit(peer, env::Channel::kControl, wire::ClockReport{clock_.wall_now(), log_->disk_full()});
}

std::vector<NodeId> StaticNode::voters() const {
  std::vector<NodeId> nodes;
  if (!group_) return nodes;
  for (const consensus::ReplicaId voter : group_->configuration().voters) nodes.push_back(voter.node);
  return nodes;
}

void StaticNode::compare_clocks() {
  clocks_compared_at_ = clock_.now();
  // To everyone, not only to a leader: whoever is elected next knows the others' clocks already, and every two nodes
  // hear each other at least so often (node/admissions.h).
  for (const auto& [node, peer] : peers_) {
    if (peer.is_connected) report_clock(node);
  }
  limit_stamps();
  if (!leads()) return clock_watch_.forget_distance();
  const WallMs ours = clock_.wall_now();
  for (const std::string& warning : clock_warnings()) tell({NoticeLevel::kWarning, warning, "clocks", 1});
  const auto better = clock_watch_.better_leader(voters(), options_.id, ours, clock_.now());
  if (better) group_->hand_over_to(*better);
  const auto time = clock_watch_.time_to_go_back_to(voters(), options_.id, ours, group_->stamp(), clock_.now());
  if (time) group_->set_stamp_back(*time, ClockWatch::kFarMs);
}

void StaticNode::limit_stamps() {
  const Instant now = clock_.now();
  const auto latest = clock_watch_.latest_stamp(voters(), options_.id, clock_.wall_now(), now);
  stamp_ahead_ms_max_.reset();
  if (latest) stamp_ahead_ms_max_ = latest->ms - now.ns / kNsPerMs;
}

std::optional<WallMs> StaticNode::latest_stamp(Instant now) const {
  if (!stamp_ahead_ms_max_) return std::nullopt;
  return WallMs{*stamp_ahead_ms_max_ + now.ns / kNsPerMs};
}

std::vector<std::string> StaticNode::clock_warnings() const {
  const std::optional<WallMs> latest = latest_stamp(clock_.now());
  if (!group_ || !latest) return {};
  std::vector<std::string> warnings;
  const auto ahead = [&](WallMs time) {
    return std::to_string((time.ms - latest->ms + ClockWatch::kFarMs) / 1000) + " s";
  };
  if (const WallMs ours = clock_.wall_now(); ours > *latest) {
    warnings.push_back("the clock of node " + std::to_string(options_.id.value) + " is " + ahead(ours) +
                       " ahead of those of a majority: keys expire by theirs");
  }
  if (const WallMs stamp = group_->stamp(); stamp > *latest) {
    warnings.push_back("the time by which keys expire is " + ahead(stamp) +
                       " ahead of the clocks of a majority: it will be set back");
  }
  return warnings;
}

}  // namespace torc::node
