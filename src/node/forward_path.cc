#include "node/forward_path.h"

#include <algorithm>

namespace torc::node {

ForwardPath::Hop ForwardPath::choose(NodeId leader, const Traffic& traffic, Instant now) {
  if (leader != leader_) {
    leader_ = leader;
    is_direct_cut_ = false;
  }
  Hop hop = best_hop();
  if (hop == hop_ && hop.to && is_cut(hop, traffic, now)) {
    if (hop.is_relayed) {
      relay_ = NodeId();
    } else {
      is_direct_cut_ = true;
      direct_probed_at_ = now;
    }
    hop = best_hop();
  }
  if (hop != hop_) {
    hop_ = hop;
    heard_at_ = now;
    doubted_at_ = Instant::never();
  }
  if (!hop.is_relayed && hop.to) relay_ = NodeId();
  if (!traffic.has_work) return hop;
  if (!hop.to && now - searched_at_ >= kSearchInterval) search(traffic, now);
  if (hop.is_relayed && leader_ && neighbours_.can_send_to(leader_) &&
      now - direct_probed_at_ >= kDirectProbeInterval) {
    direct_probed_at_ = now;
    probe({leader_, false}, traffic, now);
  }
  return hop;
}

ForwardPath::Hop ForwardPath::best_hop() const {
  if (leader_ && !is_direct_cut_ && neighbours_.can_send_to(leader_)) return {leader_, false};
  if (relay_ && neighbours_.can_send_to(relay_)) return {relay_, true};
  return {};
}

/// A leader may be slow to answer commands, never to answer a probe.
bool ForwardPath::is_cut(Hop hop, const Traffic& traffic, Instant now) {
  const Instant heard = std::max(heard_at_, traffic.last_progress);
  if (!traffic.is_waiting || now - heard <= kSilentAfter) {
    doubted_at_ = Instant::never();
    return false;
  }
  if (doubted_at_ == Instant::never()) {
    doubted_at_ = now;
    probe(hop, traffic, now);
    return false;
  }
  return now - doubted_at_ > kAnswerWithin;
}

void ForwardPath::search(const Traffic& traffic, Instant now) {
  searched_at_ = now;
  for (const NodeId node : neighbours_.neighbours()) {
    if (neighbours_.can_send_to(node)) probe({node, node != leader_}, traffic, now);
  }
}

/// A probe's number is the time at which it was sent.
void ForwardPath::probe(Hop hop, const Traffic& traffic, Instant now) {
  wire::ForwardRequest request;
  request.group = group_;
  request.epoch = traffic.epoch;
  request.floor = traffic.floor;
  request.batch = static_cast<uint64_t>(now.ns);
  request.wants_relay = hop.is_relayed;
  neighbours_.send_to(hop.to, request);
}

void ForwardPath::on_answer(NodeId from, const wire::ForwardReply& reply, Instant now) {
  const Instant sent{static_cast<int64_t>(reply.batch)};
  if (reply.is_rejected || sent > now || sent < now - kAnswerAgeMax) return;
  if (from == hop_.to) {
    heard_at_ = now;
    doubted_at_ = Instant::never();
  }
  if (from == leader_) {
    is_direct_cut_ = false;
  } else if (!relay_) {
    relay_ = from;
  }
}

void ForwardPath::on_rejection(NodeId node) {
  if (node == relay_) relay_ = NodeId();
}

void ForwardPath::on_connection_changed(NodeId node) {
  if (node == relay_) relay_ = NodeId();
  if (node == leader_) is_direct_cut_ = false;
}

}  // namespace torc::node
