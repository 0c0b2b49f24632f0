#include "node/links.h"

#include <utility>
#include <variant>

#include "base/check.h"

namespace torc::node {
namespace {

constexpr std::array kChannels{env::Channel::kControl, env::Channel::kBulk};

size_t number_of(env::Channel channel) { return static_cast<size_t>(channel); }

}  // namespace

Links::Links(NodeId self, const std::vector<NodeId>& nodes, env::Network& network, uint64_t first_beat)
    : self_(self), network_(network), next_beat_(first_beat) {
  for (const NodeId node : nodes) {
    if (node != self) links_.try_emplace(node, next_beat_);
  }
}

void Links::on_connected(NodeId peer, env::Channel channel) { change(peer, channel, true); }
void Links::on_disconnected(NodeId peer, env::Channel channel) { change(peer, channel, false); }

void Links::change(NodeId peer, env::Channel channel, bool is_connected) {
  const auto found = links_.find(peer);
  if (found == links_.end()) return;
  Link& link = found->second;
  link.is_connected[number_of(channel)] = is_connected;
  link.waiting[number_of(channel)] = {};
  if (channel == env::Channel::kControl) link.beats.forget();
  if (channel == env::Channel::kBulk) link.appends.clear();  // what went by it is lost, or has arrived
}

const Links::Link* Links::link_to(NodeId peer) const {
  const auto found = links_.find(peer);
  return found == links_.end() ? nullptr : &found->second;
}

bool Links::is_reachable(NodeId peer) const {
  const Link* link = link_to(peer);
  return link != nullptr && link->is_connected[number_of(env::Channel::kControl)];
}

bool Links::can_send_to(NodeId peer) const {
  const Link* link = link_to(peer);
  return link != nullptr && link->is_connected[number_of(env::Channel::kBulk)];
}

bool Links::is_sending_to(NodeId peer) const {
  const Link* link = link_to(peer);
  return link != nullptr && (!link->waiting[number_of(env::Channel::kBulk)].parts.empty() ||
                             network_.queued_bytes(peer, env::Channel::kBulk) > 0);
}

std::vector<NodeId> Links::peers() const {
  std::vector<NodeId> nodes;
  for (const auto& [node, link] : links_) nodes.push_back(node);
  return nodes;
}

void Links::add_gauges(std::vector<Gauge>& gauges) const {
  for (const auto& [node, link] : links_) {
    for (const env::Channel channel : kChannels) {
      const std::string_view name = channel == env::Channel::kControl ? "frames_control" : "frames_bulk";
      gauges.push_back({name, network_.queued_bytes(node, channel), env::queued_bytes_max(channel)});
    }
    gauges.push_back({"heartbeats_unanswered", link.beats.unanswered() * sizeof(wire::Heartbeat),
                      Beats::kUnansweredMax * sizeof(wire::Heartbeat)});
  }
}

// ---- sending ----

env::Channel Links::channel_of(Link& link, const consensus::Message& message, bool is_large) {
  const env::Channel by_size = is_large ? env::Channel::kBulk : env::Channel::kControl;
  const auto* append = std::get_if<consensus::AppendRequest>(&message.body);
  if (append == nullptr || !link.is_connected[number_of(env::Channel::kBulk)]) return by_size;
  if (!is_large && !link.appends.contains(message.group)) return by_size;
  return link.appends[message.group].channel_of(*append, is_large);
}

void Links::send(GroupId group, const consensus::SentHeartbeat& heartbeat) {
  const auto found = links_.find(heartbeat.to.node);
  if (found == links_.end()) return;
  Link& link = found->second;
  // Nobody there will answer: nothing is remembered, and nothing encoded for the network to drop.
  if (link.is_connected[number_of(env::Channel::kControl)]) link.beats.gather(group, heartbeat);
}

void Links::send(const consensus::Message& message) {
  const NodeId to = message.to.node;
  const auto found = links_.find(to);
  if (found == links_.end()) return;
  Link& link = found->second;
  if (const auto* request = std::get_if<consensus::HeartbeatRequest>(&message.body)) {
    return send(message.group, {message.from, message.to, *request});
  }
  if (std::holds_alternative<consensus::HeartbeatReply>(message.body) && link.beats.note(message)) return;
  const auto* pulled = std::get_if<consensus::PullReply>(&message.body);
  // It asks again while a long answer is on its way. One copy of that is enough.
  if (pulled != nullptr && !pulled->entries.empty() && is_sending_to(to)) return;
  ByteChain part = wire::encode_part(message);
  const bool is_large = part.size() > kControlBytesMax;
  put(to, link, channel_of(link, message, is_large), std::move(part));
}

void Links::send(NodeId to, env::Channel channel, const wire::PeerMessage& message) {
  const auto found = links_.find(to);
  if (found == links_.end()) return;
  ByteChain part = wire::encode_part(message);
  if (part.size() > kControlBytesMax) channel = env::Channel::kBulk;
  put(to, found->second, channel, std::move(part));
}

void Links::put(NodeId to, Link& link, env::Channel channel, ByteChain part) {
  Waiting& waiting = link.waiting[number_of(channel)];
  const size_t bytes = part.size();
  const bool is_full = waiting.bytes + bytes > kPackBytesMax || waiting.parts.size() == wire::kPackPartsMax;
  if (is_full) leave(to, link, channel);
  waiting.parts.push_back(std::move(part));
  waiting.bytes += bytes;
}

void Links::leave(NodeId to, Link& link, env::Channel channel) {
  Waiting& waiting = link.waiting[number_of(channel)];
  if (waiting.parts.empty()) return;
  waiting.bytes = 0;
  ++frames_sent_;
  network_.send(to, channel, wire::frame_of(waiting.parts));
}

/// In front of what waits: nothing that groups have to say to each other is more urgent.
void Links::put_beats(NodeId to, Link& link) {
  std::vector<wire::PeerMessage> said = link.beats.take_beats();
  for (wire::PeerMessage& reply : link.beats.take_replies()) said.push_back(std::move(reply));
  if (said.empty()) return;
  Waiting later = std::exchange(link.waiting[number_of(env::Channel::kControl)], {});
  for (const wire::PeerMessage& message : said) put(to, link, env::Channel::kControl, wire::encode_part(message));
  for (ByteChain& part : later.parts) put(to, link, env::Channel::kControl, std::move(part));
}

void Links::end_turn() {
  for (auto& [to, link] : links_) {
    put_beats(to, link);
    for (const env::Channel channel : kChannels) leave(to, link, channel);
  }
}

// ---- receiving ----

std::vector<wire::PeerMessage> Links::receive(NodeId from, Bytes body, Instant now, Resting* resting) {
  const auto found = links_.find(from);
  CHECK(found != links_.end()) << from;
  Reader reader{from, found->second, now, resting, {}};
  const auto take = [&](Result<wire::PeerMessage> message) {
    if (!message.ok()) {
      ++messages_refused_;
      return;
    }
    open(reader, *std::move(message));
  };
  Result<wire::PeerMessage> message = wire::decode(std::move(body));
  const wire::Pack* pack = message.ok() ? std::get_if<wire::Pack>(&*message) : nullptr;
  if (pack == nullptr) {
    take(std::move(message));
  } else {
    for (size_t i = 0; i < pack->parts.size(); ++i) take(wire::decode_part(*pack, i));
  }
  return std::move(reader.received);
}

void Links::open(Reader& reader, wire::PeerMessage message) {
  const auto add = [&](std::vector<consensus::Message> opened) {
    reader.received.reserve(reader.received.size() + opened.size());
    for (consensus::Message& one : opened) reader.received.emplace_back(std::move(one));
  };
  Beats& beats = reader.link.beats;
  if (auto* beat = std::get_if<wire::Beat>(&message)) {
    add(beats.open(self_, reader.from, std::move(*beat), reader.resting, reader.now));
  } else if (const auto* reply = std::get_if<wire::BeatReply>(&message)) {
    add(beats.open(self_, reader.from, *reply, reader.resting, reader.now));
  } else {
    if (const auto* consensus = std::get_if<consensus::Message>(&message)) note_reply(reader.link, *consensus);
    reader.received.push_back(std::move(message));
  }
}

void Links::note_reply(Link& link, const consensus::Message& message) {
  const auto* reply = std::get_if<consensus::AppendReply>(&message.body);
  if (reply == nullptr) return;
  const auto order = link.appends.find(message.group);
  if (order == link.appends.end()) return;
  order->second.on_reply(*reply);
  if (order->second.is_idle()) link.appends.erase(order);
}

}  // namespace torc::node
