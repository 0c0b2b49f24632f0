#include "node/links.h"

#include <utility>
#include <variant>

#include "base/check.h"

namespace torc::node {

Links::Links(NodeId self, const std::vector<NodeId>& nodes, env::Network& network) : network_(network) {
  for (const NodeId node : nodes) {
    if (node != self) links_[node];
  }
}

void Links::on_connected(NodeId peer, env::Channel channel) {
  const auto found = links_.find(peer);
  if (found == links_.end()) return;
  Link& link = found->second;
  if (channel == env::Channel::kControl) {
    link.is_connected = true;
  } else {
    link.is_bulk_connected = true;
    link.appends.clear();  // what went by it is lost, or has arrived
  }
}

void Links::on_disconnected(NodeId peer, env::Channel channel) {
  const auto found = links_.find(peer);
  if (found == links_.end()) return;
  Link& link = found->second;
  if (channel == env::Channel::kControl) {
    link.is_connected = false;
  } else {
    link.is_bulk_connected = false;
    link.appends.clear();
  }
}

bool Links::is_reachable(NodeId peer) const {
  const auto found = links_.find(peer);
  return found != links_.end() && found->second.is_connected;
}

bool Links::can_send_to(NodeId peer) const {
  const auto found = links_.find(peer);
  return found != links_.end() && found->second.is_bulk_connected;
}

bool Links::is_sending_to(NodeId peer) const { return network_.queued_bytes(peer, env::Channel::kBulk) > 0; }

std::vector<NodeId> Links::peers() const {
  std::vector<NodeId> nodes;
  for (const auto& [node, link] : links_) nodes.push_back(node);
  return nodes;
}

// ---- sending ----

env::Channel Links::channel_of(Link& link, const consensus::Message& message, bool is_large) {
  const env::Channel by_size = is_large ? env::Channel::kBulk : env::Channel::kControl;
  const auto* append = std::get_if<consensus::AppendRequest>(&message.body);
  if (append == nullptr || !link.is_bulk_connected) return by_size;
  if (!is_large && !link.appends.contains(message.group)) return by_size;
  return link.appends[message.group].channel_of(*append, is_large);
}

void Links::send(const consensus::Message& message) {
  const NodeId to = message.to.node;
  const auto found = links_.find(to);
  if (found == links_.end()) return;
  const auto* pulled = std::get_if<consensus::PullReply>(&message.body);
  // It asks again while a long answer is on its way. One copy of that is enough.
  if (pulled != nullptr && !pulled->entries.empty() && is_sending_to(to)) return;
  ByteChain body = wire::encode(message);
  const bool is_large = body.size() > kControlBytesMax;
  network_.send(to, channel_of(found->second, message, is_large), std::move(body));
}

void Links::send(NodeId to, env::Channel channel, const wire::PeerMessage& message) {
  if (!has(to)) return;
  ByteChain body = wire::encode(message);
  if (body.size() > kControlBytesMax) channel = env::Channel::kBulk;
  network_.send(to, channel, std::move(body));
}

// ---- receiving ----

void Links::note_reply(Link& link, GroupId group, const consensus::AppendReply& reply) {
  const auto order = link.appends.find(group);
  if (order == link.appends.end()) return;
  order->second.on_reply(reply);
  if (order->second.is_idle()) link.appends.erase(order);
}

std::vector<wire::PeerMessage> Links::receive(NodeId from, Bytes body) {
  CHECK(has(from)) << from;
  std::vector<wire::PeerMessage> received;
  Result<wire::PeerMessage> message = wire::decode(std::move(body));
  if (!message.ok()) {
    ++messages_refused_;
    return received;
  }
  if (const auto* consensus = std::get_if<consensus::Message>(&*message)) {
    if (const auto* reply = std::get_if<consensus::AppendReply>(&consensus->body)) {
      note_reply(links_.at(from), consensus->group, *reply);
    }
  }
  received.push_back(*std::move(message));
  return received;
}

}  // namespace torc::node
