// How a node speaks to its peers: which message is whose, by which connection, and what their clocks show.
#include <utility>
#include <variant>

#include "node/static_node.h"

namespace torc::node {
namespace {

/// Larger messages go by the bulk connection (rules.md#two-connections).
constexpr size_t kControlBytesMax = 64u << 10;

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
    for (const auto& group : groups_) group->group().on_disk_report(from, report->is_disk_full);
    return limit_stamps();
  }
  on_group_message(from, *std::move(message));
}

void StaticNode::on_group_message(NodeId from, wire::PeerMessage message) {
  if (auto* consensus = std::get_if<consensus::Message>(&message)) return on_consensus_message(from, *consensus);
  if (auto* chunk = std::get_if<wire::SnapshotChunk>(&message)) {
    HostedGroup* group = find(chunk->group);
    if (group != nullptr && chunk->from.node == from) group->receive(*chunk);
  } else if (auto* progress = std::get_if<wire::SnapshotReply>(&message)) {
    HostedGroup* group = find(progress->group);
    if (group != nullptr && progress->from.node == from) group->receive(*progress);
  } else if (auto* request = std::get_if<wire::ForwardRequest>(&message)) {
    const bool is_origin_known = peers_.contains(request->origin);
    if (HostedGroup* group = find(request->group))
      group->on_forward_request(from, std::move(*request), is_origin_known);
  } else if (auto* reply = std::get_if<wire::ForwardReply>(&message)) {
    const bool is_for_this_node = !reply->origin || reply->origin == options_.id;
    if (HostedGroup* group = find(reply->group)) group->on_forward_reply(from, *reply, is_for_this_node);
  }
}

void StaticNode::on_consensus_message(NodeId from, const consensus::Message& message) {
  HostedGroup* group = find(message.group);
  if (group == nullptr || message.from.node != from) return;
  // One that returns has a former life, which stays a member for a while.
  is_replaced_ = !birth_.is_returning() && message.to != birth_.identity().self();
  if (const auto* reply = std::get_if<consensus::AppendReply>(&message.body)) {
    peers_.at(from).appends[message.group].on_reply(*reply);
  }
  group->receive(message);
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
    for (const auto& group : groups_) group->group().on_bulk_connected(peer);
    on_bulk_changed(peer);
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
    on_bulk_changed(peer);
  }
}

void StaticNode::on_bulk_changed(NodeId peer) {
  for (auto& [group, appends] : peers_.at(peer).appends) appends.on_bulk_changed();
  for (const auto& group : groups_) group->on_connection_changed(peer);
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
  if (append != nullptr && peer->second.is_bulk_connected) {
    channel = peer->second.appends[message.group].channel_of(*append, is_large);
  }
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

void StaticNode::compare_clocks() {
  const Instant now = clock_.now();
  clocks_compared_at_ = now;
  // To everyone, not only to a leader: whoever is elected next knows the others' clocks already, and every two nodes
  // hear each other at least so often (node/admissions.h).
  for (const auto& [node, peer] : peers_) {
    if (peer.is_connected) report_clock(node);
  }
  limit_stamps();
  if (leads_something()) {
    for (const std::string& warning : clock_warnings()) tell({NoticeLevel::kWarning, warning, "clocks", 1});
  }
  const WallMs ours = clock_.wall_now();
  for (const auto& hosted : groups_) {
    ClockDistance& distance = hosted->clock_distance();
    if (!hosted->leads()) {
      distance = {};
      continue;
    }
    Group& group = hosted->group();
    const std::vector<NodeId> voters = hosted->voters();
    const auto better = clock_watch_.better_leader(voters, options_.id, ours, now, distance);
    if (better) group.hand_over_to(*better);
    const auto time = clock_watch_.time_to_go_back_to(voters, options_.id, ours, group.stamp(), now, distance);
    if (time) group.set_stamp_back(*time, ClockWatch::kFarMs);
    if (better || time) wake(*hosted);
  }
}

void StaticNode::limit_stamps() {
  const Instant now = clock_.now();
  const WallMs ours = clock_.wall_now();
  for (const auto& group : groups_) {
    group->limit_stamps(clock_watch_.latest_stamp(group->voters(), options_.id, ours, now));
  }
}

/// One line for this node's clock, and one for stamps, whichever groups they are of.
std::vector<std::string> StaticNode::clock_warnings() const {
  const Instant now = clock_.now();
  const WallMs ours = clock_.wall_now();
  const auto text_of = [](WallMs time, WallMs latest) {
    return std::to_string((time.ms - latest.ms + ClockWatch::kFarMs) / 1000) + " s";
  };
  std::string clock_warning;
  std::string stamp_warning;
  for (const auto& hosted : groups_) {
    const std::optional<WallMs> latest = hosted->latest_stamp(now);
    if (!latest) continue;
    if (clock_warning.empty() && ours > *latest) {
      clock_warning = "the clock of node " + std::to_string(options_.id.value) + " is " + text_of(ours, *latest) +
                      " ahead of those of a majority: keys expire by theirs";
    }
    if (const WallMs stamp = hosted->group().stamp(); stamp_warning.empty() && stamp > *latest) {
      stamp_warning = "the time by which keys expire is " + text_of(stamp, *latest) +
                      " ahead of the clocks of a majority: it will be set back";
    }
  }
  std::vector<std::string> warnings;
  if (!clock_warning.empty()) warnings.push_back(std::move(clock_warning));
  if (!stamp_warning.empty()) warnings.push_back(std::move(stamp_warning));
  return warnings;
}

}  // namespace torc::node
