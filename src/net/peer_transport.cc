#include "net/peer_transport.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"

namespace torc::net {
namespace {

/// Connections that have not said who they are yet; more are turned away at once.
constexpr size_t kUnidentifiedMax = 64;
constexpr int kAcceptsPerTurn = 16;
/// After running out of descriptors; the listener would be ready all the time.
constexpr Duration kAcceptPause = 100ms;

std::string_view name_of(env::Channel channel) {
  switch (channel) {
    case env::Channel::kControl:
      return "control";
    case env::Channel::kBulk:
      return "bulk";
  }
  return "unknown";
}

std::string describe(NodeId peer, env::Channel channel) {
  return "peer " + std::to_string(peer.value) + " (" + std::string(name_of(channel)) + ")";
}

}  // namespace

Result<std::unique_ptr<PeerTransport>> PeerTransport::open(PeerTransportOptions options, host::EventLoop& loop) {
  const Result<SocketAddress> address = resolve(options.listen_address);
  if (!address) return address.error();
  const Result<int> listener = listen_on(*address, options.listen_address);
  if (!listener) return listener.error();
  return std::unique_ptr<PeerTransport>(new PeerTransport(std::move(options), loop, *listener));
}

PeerTransport::PeerTransport(PeerTransportOptions options, host::EventLoop& loop, int listener_fd)
    : options_(std::move(options)), loop_(loop), prng_(options_.seed) {
  CHECK(static_cast<bool>(options_.self));
  listener_.transport = this;
  listener_.fd = listener_fd;
  loop_.watch(listener_fd, &listener_, true, false);
}

PeerTransport::~PeerTransport() {
  for (auto& [id, peer] : peers_) {
    for (Link& link : peer.links) loop_.clock().cancel(link.retry_timer);
  }
  loop_.clock().cancel(accept_timer_);
  loop_.unwatch(listener_.fd);
  close(listener_.fd);
}

void PeerTransport::log(const std::string& line) const {
  if (options_.log) options_.log(line);
}

PeerTransport::Link* PeerTransport::link_of(NodeId peer, env::Channel channel) {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : &found->second.links[static_cast<size_t>(channel)];
}

PeerTransport::Link& PeerTransport::link_of(PeerConnection& connection) {
  const auto found = link_by_connection_.find(&connection);
  CHECK(found != link_by_connection_.end());
  return *found->second;
}

// ---- peers ----

Status PeerTransport::set_peer_address(NodeId peer, const std::string& address) {
  if (peer == options_.self || !peer) return Error{ErrorCode::kInvalid, "a node is not its own peer"};
  const Result<SocketAddress> resolved = resolve(address);
  if (!resolved) return resolved.error();
  const auto [found, is_new] = peers_.try_emplace(peer);
  Peer& known = found->second;
  known.address = *resolved;
  known.address_text = address;
  for (size_t i = 0; is_new && i < known.links.size(); ++i) {
    known.links[i].peer = peer;
    known.links[i].channel = static_cast<env::Channel>(i);
    known.links[i].retry_delay = options_.retry_delay_min;
    if (dials(peer)) dial(known.links[i]);
  }
  return {};
}

void PeerTransport::block(NodeId peer, bool is_blocked) {
  const auto found = peers_.find(peer);
  if (found == peers_.end() || found->second.is_blocked == is_blocked) return;
  found->second.is_blocked = is_blocked;
  for (Link& link : found->second.links) {
    loop_.clock().cancel(std::exchange(link.retry_timer, 0));
    link.retry_delay = options_.retry_delay_min;
    if (is_blocked) {
      link.dialing.reset();  // not in its own callback: it has left `dialing` by then
      disconnect(link, "blocked");
    } else if (dials(peer)) {
      dial(link);
    }
  }
}

size_t PeerTransport::queued_bytes() const {
  size_t bytes = 0;
  for (const auto& [id, peer] : peers_) {
    for (const Link& link : peer.links) bytes += link.connection ? link.connection->queued_bytes() : 0;
  }
  return bytes;
}

bool PeerTransport::is_connected(NodeId peer, env::Channel channel) const {
  const auto found = peers_.find(peer);
  return found != peers_.end() && found->second.links[static_cast<size_t>(channel)].connection != nullptr;
}

// ---- frames ----

void PeerTransport::send(NodeId to, env::Channel channel, ByteChain body) {
  Link* link = link_of(to, channel);
  if (link == nullptr || !link->connection) return;
  if (!link->connection->send(std::move(body))) ++frames_dropped_;
}

void PeerTransport::end_turn() {
  for (size_t i = 0; i < unflushed_.size(); ++i) {  // a broken one may make the handler send on others
    unflushed_[i]->flush();
  }
  unflushed_.clear();
  retired_.clear();
}

void PeerTransport::on_frame(PeerConnection& connection, Bytes body) {
  const Link& link = link_of(connection);
  handler_->on_frame(link.peer, link.channel, std::move(body));
}

void PeerTransport::on_broken(PeerConnection& connection, const std::string& reason) {
  Link& link = link_of(connection);
  disconnect(link, reason);
  if (dials(link.peer) && !link.connection) dial_later(link);
}

void PeerTransport::disconnect(Link& link, const std::string& reason) {
  if (!link.connection) return;
  link.connection->close();
  link_by_connection_.erase(link.connection.get());
  retired_.push_back(std::exchange(link.connection, nullptr));
  log(describe(link.peer, link.channel) + " lost: " + reason);
  handler_->on_disconnected(link.peer, link.channel);
}

void PeerTransport::establish(Link& link, int fd) {
  disconnect(link, "replaced by a new connection");
  const size_t queued_bytes_max =
      link.channel == env::Channel::kControl ? options_.control_queued_bytes_max : options_.bulk_queued_bytes_max;
  PeerConnectionOwner& owner = *this;
  link.connection = std::make_unique<PeerConnection>(loop_, fd, queued_bytes_max, owner);
  link_by_connection_[link.connection.get()] = &link;
  link.retry_delay = options_.retry_delay_min;
  link.is_failure_logged = false;
  log(describe(link.peer, link.channel) + " connected");
  handler_->on_connected(link.peer, link.channel);
}

// ---- the dialling side ----

void PeerTransport::dial(Link& link) {
  if (link.dialing || link.connection) return;
  const Result<int> fd = start_connect(peers_.at(link.peer).address);
  if (!fd) return on_dial_failed(link, fd.error().message);
  link.dialing =
      std::make_unique<PeerHandshake>(loop_, *fd, own_hello(link.peer, link.channel), options_.handshake_timeout,
                                      [this, &link](const Result<Hello>& hello) { on_dialed(link, hello); });
}

void PeerTransport::on_dialed(Link& link, const Result<Hello>& hello) {
  PeerHandshake& handshake = *link.dialing;
  retired_.push_back(std::exchange(link.dialing, nullptr));
  if (!hello) return on_dial_failed(link, hello.error().message);
  if (*hello != Hello{link.peer, options_.self, link.channel, hello->cluster}) {
    return on_dial_failed(link, "node " + std::to_string(hello->sender.value) + " answered there");
  }
  if (is_foreign(*hello)) return on_dial_failed(link, "a node of another cluster answered there");
  establish(link, handshake.take_fd());
}

void PeerTransport::on_dial_failed(Link& link, const std::string& reason) {
  if (!link.is_failure_logged) {  // once per outage
    link.is_failure_logged = true;
    log("cannot reach " + describe(link.peer, link.channel) + " at " + peers_.at(link.peer).address_text + ": " +
        reason + "; will keep trying");
  }
  dial_later(link);
}

void PeerTransport::dial_later(Link& link) {
  if (peers_.at(link.peer).is_blocked) return;
  // Between half and all of the delay, so that nodes that lost each other at one instant do not return at one.
  const auto delay_ns = static_cast<uint64_t>(link.retry_delay.count());
  const Duration delay(static_cast<int64_t>(prng_.between(delay_ns / 2, delay_ns)));
  link.retry_delay = std::min(2 * link.retry_delay, options_.retry_delay_max);
  loop_.clock().cancel(link.retry_timer);
  link.retry_timer = loop_.clock().call_at(loop_.clock().now() + delay, [this, &link] {
    link.retry_timer = 0;
    dial(link);
  });
}

// ---- the listening side ----

void PeerTransport::accept_waiting() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const int fd = accept4(listener_.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause_accepting();
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return;
    }
    if (accepted_.size() >= kUnidentifiedMax) {
      close(fd);
      continue;
    }
    tune_peer_socket(fd);
    accepted_.push_back(nullptr);
    std::unique_ptr<PeerHandshake>& slot = accepted_.back();
    // The handshake is named by a pointer it gets after its construction; it speaks only from the loop.
    auto self = std::make_shared<PeerHandshake*>(nullptr);
    slot = std::make_unique<PeerHandshake>(loop_, fd, std::nullopt, options_.handshake_timeout,
                                           [this, self](const Result<Hello>& hello) { on_accepted(*self, hello); });
    *self = slot.get();
  }
}

void PeerTransport::pause_accepting() {
  log("out of descriptors or memory: accepting no peers for a moment");
  loop_.update(listener_.fd, false, false);
  accept_timer_ =
      loop_.clock().call_at(loop_.clock().now() + kAcceptPause, [this] { loop_.update(listener_.fd, true, false); });
}

void PeerTransport::on_accepted(PeerHandshake* handshake, const Result<Hello>& hello) {
  const auto found = std::find_if(accepted_.begin(), accepted_.end(),
                                  [&](const std::unique_ptr<PeerHandshake>& one) { return one.get() == handshake; });
  CHECK(found != accepted_.end());
  retired_.push_back(std::move(*found));  // closes the socket at the end of the turn unless it is taken
  accepted_.erase(found);
  const std::string reason = hello.ok() ? refusal(*hello) : hello.error().message;
  if (!reason.empty()) return log("refused a connection to the peer port: " + reason);
  const int fd = handshake->take_fd();
  if (!send_first_bytes(fd, encode(own_hello(hello->sender, hello->channel)))) {
    close(fd);
    return;
  }
  establish(*link_of(hello->sender, hello->channel), fd);
}

/// Why the sender of a hello is not let in; empty if it is.
std::string PeerTransport::refusal(const Hello& hello) const {
  const std::string sender = "node " + std::to_string(hello.sender.value);
  if (hello.target != options_.self) {
    return sender + " looks for node " + std::to_string(hello.target.value) + ", this is node " +
           std::to_string(options_.self.value);
  }
  const auto found = peers_.find(hello.sender);
  if (found == peers_.end()) return sender + " is not a known peer";
  if (dials(hello.sender)) return sender + " has the larger id and must not dial";
  if (found->second.is_blocked) return sender + " is blocked";
  if (is_foreign(hello)) return sender + " belongs to another cluster";
  return {};
}

Hello PeerTransport::own_hello(NodeId target, env::Channel channel) const {
  return {options_.self, target, channel, cluster_ ? cluster_() : ClusterId()};
}

bool PeerTransport::is_foreign(const Hello& hello) const {
  const ClusterId own = cluster_ ? cluster_() : ClusterId();
  return own && hello.cluster && hello.cluster != own;
}

}  // namespace torc::net
