#include "net/peer_transport.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "net/tcp.h"

namespace torc::net {
namespace {

constexpr Duration kBackoffMin = 50ms;
constexpr Duration kBackoffMax = 1s;
constexpr unsigned kDeadPeerTimeoutMs = 10'000;
constexpr Duration kHelloTimeout = 3s;  // a connection that does not say who it is
constexpr size_t kStrangersMax = 64;    // of those at a time: the oldest goes
constexpr int kAcceptsPerTurnMax = 16;
constexpr std::array kChannels = {env::Channel::kControl, env::Channel::kBulk};

std::string name_of(NodeId node) { return "node " + std::to_string(node.value); }

}  // namespace

Result<std::unique_ptr<PeerTransport>> PeerTransport::listen(host::EventLoop& loop, PeerTransportOptions options) {
  for (const auto& [node, address] : options.addresses) {
    const Result<HostPort> parsed = parse_host_port(address);
    if (!parsed.ok()) return Error{parsed.error().code, name_of(node) + ": " + parsed.error().message};
  }
  const Result<int> descriptor = open_listener(options.listen_host, options.listen_port);
  if (!descriptor.ok()) return descriptor.error();
  return std::unique_ptr<PeerTransport>(
      new PeerTransport(loop, std::move(options), *descriptor, local_port_of(*descriptor)));
}

PeerTransport::PeerTransport(host::EventLoop& loop, PeerTransportOptions options, int descriptor, uint16_t port)
    : loop_(loop), options_(std::move(options)), descriptor_(descriptor), port_(port) {
  loop_.watch(descriptor_, this, true, false);
  for (const auto& [node, address] : options_.addresses) {
    if (node == options_.self) continue;
    peers_[node];
    if (options_.self < node) {
      for (const env::Channel channel : kChannels) dial(node, channel);
    }
  }
}

PeerTransport::~PeerTransport() {
  loop_.unwatch(descriptor_);
  ::close(descriptor_);
  for (auto& [node, peer] : peers_) {
    for (Link& link : peer.links) loop_.clock().cancel(link.retry_timer);
  }
}

void PeerTransport::note(const std::string& line) const {
  if (options_.log) options_.log(line);
}

// ---- sending ----

void PeerTransport::send(NodeId to, env::Channel channel, ByteChain body) {
  const auto found = peers_.find(to);
  if (found == peers_.end()) return;
  Link& link = found->second.links[static_cast<size_t>(channel)];
  if (!link.is_up) return;
  const size_t queue_bytes_max =
      channel == env::Channel::kControl ? options_.control_queue_bytes_max : options_.bulk_queue_bytes_max;
  link.connection->send(std::move(body), queue_bytes_max);
}

void PeerTransport::flush() {
  for (auto& [node, peer] : peers_) {
    for (Link& link : peer.links) {
      if (link.connection) link.connection->flush();
    }
  }
  drop_silent_strangers();
  graveyard_.clear();
}

// ---- making connections ----

void PeerTransport::dial(NodeId peer, env::Channel channel) {
  Link& to = link(peer, channel);
  to.retry_timer = 0;
  if (to.connection || peers_.at(peer).is_blocked) return;
  const Result<Dialed> dialed = net::dial(*parse_host_port(options_.addresses.at(peer)));
  if (!dialed.ok()) return dial_later(peer, channel);
  set_no_delay(dialed->descriptor);
  set_dead_peer_timeout(dialed->descriptor, kDeadPeerTimeoutMs);
  to.connection = std::make_unique<PeerConnection>(loop_, owner(), dialed->descriptor, dialed->is_connecting);
  to.connection->send_hello({options_.self, peer, channel});
}

void PeerTransport::dial_later(NodeId peer, env::Channel channel) {
  Link& to = link(peer, channel);
  if (to.retry_timer != 0 || !(options_.self < peer)) return;
  to.backoff = std::clamp(to.backoff * 2, Duration(kBackoffMin), Duration(kBackoffMax));
  to.retry_timer =
      loop_.clock().call_at(loop_.clock().now() + to.backoff, [this, peer, channel] { dial(peer, channel); });
}

void PeerTransport::on_ready(bool, bool) {
  for (int accepted = 0; accepted < kAcceptsPerTurnMax; ++accepted) {
    const int descriptor = ::accept4(descriptor_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return;
    set_no_delay(descriptor);
    set_dead_peer_timeout(descriptor, kDeadPeerTimeoutMs);
    if (strangers_.size() == kStrangersMax) strangers_.front()->close();
    strangers_.push_back(std::make_unique<PeerConnection>(loop_, owner(), descriptor, false));
  }
}

void PeerTransport::drop_silent_strangers() {
  if (strangers_.empty()) return;
  const Instant too_old = loop_.clock().now() - kHelloTimeout;
  while (!strangers_.empty() && strangers_.front()->opened_at() < too_old) strangers_.front()->close();
}

// ---- connections speak ----

bool PeerTransport::on_hello(PeerConnection& connection, const PeerHello& hello) {
  if (hello.receiver != options_.self) {
    note("a connection meant for " + name_of(hello.receiver) + " was refused: check the peer addresses");
    return false;
  }
  const auto found = peers_.find(hello.sender);
  if (found == peers_.end()) {
    note("a connection from " + name_of(hello.sender) + ", which is not of this cluster, was refused");
    return false;
  }
  if (found->second.is_blocked) return false;
  Link& of = found->second.links[static_cast<size_t>(hello.channel)];
  if (of.connection.get() != &connection) {  // accepted: answer, and take the place of an older one
    const auto stranger = std::ranges::find(strangers_, &connection, [](const auto& one) { return one.get(); });
    if (stranger == strangers_.end() || hello.sender > options_.self) return false;
    std::unique_ptr<PeerConnection> accepted = std::move(*stranger);
    strangers_.erase(stranger);
    drop(hello.sender, hello.channel);
    of.connection = std::move(accepted);
    of.connection->send_hello({options_.self, hello.sender, hello.channel});
  }
  of.is_up = true;
  of.backoff = {};
  if (handler_ != nullptr) handler_->on_connected(hello.sender, hello.channel);
  return true;
}

std::optional<PeerTransport::Place> PeerTransport::place_of(const PeerConnection& connection) const {
  for (const auto& [node, peer] : peers_) {
    for (const env::Channel channel : kChannels) {
      if (peer.links[static_cast<size_t>(channel)].connection.get() == &connection) return Place{node, channel};
    }
  }
  return std::nullopt;
}

void PeerTransport::on_body(PeerConnection& connection, Bytes body) {
  const std::optional<Place> place = place_of(connection);
  if (place && handler_ != nullptr) handler_->on_frame(place->peer, place->channel, std::move(body));
}

void PeerTransport::on_closed(PeerConnection& connection) {
  if (const std::optional<Place> place = place_of(connection)) {
    Link& of = link(place->peer, place->channel);
    graveyard_.push_back(std::move(of.connection));
    if (std::exchange(of.is_up, false)) {
      note("the connection to " + name_of(place->peer) + " broke");
      if (handler_ != nullptr) handler_->on_disconnected(place->peer, place->channel);
    }
    dial_later(place->peer, place->channel);
    return;
  }
  const auto stranger = std::ranges::find(strangers_, &connection, [](const auto& one) { return one.get(); });
  if (stranger == strangers_.end()) return;
  graveyard_.push_back(std::move(*stranger));
  strangers_.erase(stranger);
}

void PeerTransport::drop(NodeId peer, env::Channel channel) {
  if (PeerConnection* connection = link(peer, channel).connection.get()) connection->close();
}

void PeerTransport::set_blocked(NodeId peer, bool is_blocked) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  found->second.is_blocked = is_blocked;
  for (const env::Channel channel : kChannels) {
    if (is_blocked) {
      drop(peer, channel);
    } else {
      dial_later(peer, channel);
    }
  }
}

}  // namespace torc::net
