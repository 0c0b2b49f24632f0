// How a node speaks to its peers: which message is whose, by which connection, and what their clocks show.
#include <utility>
#include <variant>

#include "node/static_node.h"

namespace torc::node {
void StaticNode::on_frame(NodeId from, env::Channel, Bytes body) {
  if (is_dead_ || !links_.has(from)) return;
  const Instant now = clock_.now();
  admissions_.on_heard(from, now);
  // What is for a former life of this node is looked at one by one (on_consensus_message).
  Resting* resting = is_replaced_ ? nullptr : &resting_;
  for (wire::PeerMessage& message : links_.receive(from, std::move(body), now, resting)) {
    if (!is_dead_) on_message(from, std::move(message));
  }
}

void StaticNode::on_message(NodeId from, wire::PeerMessage message) {
  if (auto* meet = std::get_if<wire::Meet>(&message)) return on_meet(from, *meet);
  if (auto* report = std::get_if<wire::TwinReport>(&message)) return on_twin_report(std::move(*report));
  if (auto* report = std::get_if<wire::ClockReport>(&message)) {
    clock_watch_.on_report(from, report->wall, clock_.now());
    for (const auto& group : groups_) group->group().on_disk_report(from, report->is_disk_full);
    if (report->is_disk_full) attend_all();
    return limit_stamps();
  }
  on_group_message(from, std::move(message));
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
  // One that is not of the birth had a predecessor, which stays a member for a while.
  const consensus::ReplicaId self = group->group().self();
  is_replaced_ = message.to != self && birth_.is_founder(self);
  group->receive(message);
}

void StaticNode::on_connected(NodeId peer, env::Channel channel) {
  if (is_dead_ || !links_.has(peer)) return;
  links_.on_connected(peer, channel);
  admissions_.on_connected(peer, channel, clock_.now());
  if (channel == env::Channel::kControl) {
    greet(peer);
    report_clock(peer);  // before this node can vote for it: a leader knows the clocks of those that elected it
    return;
  }
  for (const auto& group : groups_) {
    group->group().on_bulk_connected(peer);
    group->on_connection_changed(peer);
  }
}

void StaticNode::on_disconnected(NodeId peer, env::Channel channel) {
  if (is_dead_ || !links_.has(peer)) return;
  links_.on_disconnected(peer, channel);
  admissions_.on_disconnected(peer, channel);
  if (channel == env::Channel::kControl) {
    for (const auto& group : groups_) group->group().on_node_lost(peer);
    return;
  }
  balance_.on_lost(peer);
  for (const auto& group : groups_) group->on_connection_changed(peer);
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

void StaticNode::compare_clocks() {
  const Instant now = clock_.now();
  clocks_compared_at_ = now;
  // To everyone, not only to a leader: whoever is elected next knows the others' clocks already, and every two nodes
  // hear each other at least so often (node/admissions.h).
  for (const auto& [node, peer] : peers_) {
    if (links_.is_reachable(node)) report_clock(node);
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
  const std::vector<consensus::ReplicaId>* asked_for = nullptr;  // nearly always the same voters: asked once
  std::optional<WallMs> latest;
  for (const auto& group : groups_) {
    const std::vector<consensus::ReplicaId>& voters = group->group().configuration().voters;
    if (asked_for == nullptr || voters != *asked_for) {
      latest = clock_watch_.latest_stamp(group->voters(), options_.id, ours, now);
    }
    asked_for = &voters;
    group->limit_stamps(latest);
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
