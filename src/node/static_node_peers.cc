// How a node speaks to its peers: which message is whose, by which connection, and what their clocks show.
#include <utility>
#include <variant>

#include "node/static_node.h"

namespace torc::node {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

}  // namespace

void StaticNode::on_frame(NodeId from, env::Channel, Bytes body) {
  if (is_dead_ || !links_.has(from)) return;
  admissions_.on_heard(from, clock_.now());
  for (wire::PeerMessage& message : links_.receive(from, std::move(body))) {
    if (!is_dead_) on_message(from, std::move(message));
  }
}

void StaticNode::on_message(NodeId from, wire::PeerMessage message) {
  if (auto* meet = std::get_if<wire::Meet>(&message)) return on_meet(from, *meet);
  if (auto* report = std::get_if<wire::TwinReport>(&message)) return on_twin_report(std::move(*report));
  if (auto* report = std::get_if<wire::ClockReport>(&message)) {
    clock_watch_.on_report(from, report->wall, clock_.now());
    if (group_) group_->on_disk_report(from, report->is_disk_full);
    return limit_stamps();
  }
  if (!group_) return;
  if (auto* consensus = std::get_if<consensus::Message>(&message)) {
    on_consensus(from, *consensus);
  } else if (auto* chunk = std::get_if<wire::SnapshotChunk>(&message)) {
    if (chunk->group == kTheGroup && chunk->from.node == from) group_->receive(*chunk);
  } else if (auto* progress = std::get_if<wire::SnapshotReply>(&message)) {
    if (progress->group == kTheGroup && progress->from.node == from) group_->receive(*progress);
  } else if (auto* request = std::get_if<wire::ForwardRequest>(&message)) {
    if (request->group == kTheGroup) on_forward_request(from, std::move(*request));
  } else if (auto* reply = std::get_if<wire::ForwardReply>(&message)) {
    if (reply->group == kTheGroup) on_forward_reply(from, *reply);
  }
}

void StaticNode::on_consensus(NodeId from, const consensus::Message& message) {
  if (message.group != kTheGroup || message.from.node != from) return;
  // One that returns has a former life, which stays a member for a while.
  is_replaced_ = !birth_.is_returning() && message.to != birth_.identity().self();
  group_->receive(message);
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
  if (is_dead_ || !links_.has(peer)) return;
  links_.on_connected(peer, channel);
  admissions_.on_connected(peer, channel, clock_.now());
  if (channel == env::Channel::kControl) {
    greet(peer);
    report_clock(peer);  // before this node can vote for it: a leader knows the clocks of those that elected it
  } else {
    if (group_) group_->on_bulk_connected(peer);
    forwarder_.on_connection_changed(peer);
    receiver_.on_connection_changed(peer);
  }
}

void StaticNode::on_disconnected(NodeId peer, env::Channel channel) {
  if (is_dead_ || !links_.has(peer)) return;
  links_.on_disconnected(peer, channel);
  admissions_.on_disconnected(peer, channel);
  if (channel == env::Channel::kControl) return;
  forwarder_.on_connection_changed(peer);
  receiver_.on_connection_changed(peer);
}

// Probes by the control connection: whether there is a way must not depend on how much waits to take it.
void StaticNode::send_to(NodeId node, const wire::ForwardRequest& request) {
  links_.send(node, request.commands.empty() ? env::Channel::kControl : env::Channel::kBulk, request);
}

void StaticNode::send_to(NodeId node, const wire::ForwardReply& reply) {
  links_.send(node, reply.is_probe ? env::Channel::kControl : env::Channel::kBulk, reply);
}

// ---- clocks ----

void StaticNode::report_clock(NodeId peer) {
  links_.send(peer, env::Channel::kControl, wire::ClockReport{clock_.wall_now(), log_->disk_full()});
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
    if (links_.is_reachable(node)) report_clock(node);
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
