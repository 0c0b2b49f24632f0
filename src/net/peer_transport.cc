// Connections that stand, and who is let in. How they come about from our side: peer_transport_dial.cc.
#include "net/peer_transport.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "net/peer_names.h"

namespace torc::net {

Result<std::unique_ptr<PeerTransport>> PeerTransport::open(PeerTransportOptions options, host::EventLoop& loop) {
  const Result<SocketAddress> address = resolve(options.listen_address);
  if (!address) return address.error();
  const Result<int> listener = listen_on(*address, options.listen_address);
  if (!listener) return listener.error();
  return std::unique_ptr<PeerTransport>(new PeerTransport(std::move(options), loop, *listener));
}

PeerTransport::PeerTransport(PeerTransportOptions options, host::EventLoop& loop, int listener_fd)
    : options_(std::move(options)),
      loop_(loop),
      prng_(options_.seed),
      names_(loop, options_.resolve),
      acceptor_(loop, listener_fd, options_.handshake_timeout, options_.tell, *this) {
  CHECK(static_cast<bool>(options_.self));
}

PeerTransport::~PeerTransport() {
  for (auto& [id, peer] : peers_) {
    for (Link& link : peer.links) loop_.clock().cancel(link.retry_timer);
  }
}

void PeerTransport::tell(NoticeLevel level, std::string text, std::string kind, uint32_t per_minute_max) const {
  if (options_.tell) options_.tell({level, std::move(text), std::move(kind), per_minute_max});
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
  if (const Status checked = check_address(address); !checked.ok()) return checked;
  const auto [found, is_new] = peers_.try_emplace(peer);
  Peer& known = found->second;
  known.address = address;
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
      if (link.dialing) retire_dialing(link);
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

size_t PeerTransport::queued_bytes(NodeId to, env::Channel channel) const {
  const auto found = peers_.find(to);
  if (found == peers_.end()) return 0;
  const Link& link = found->second.links[static_cast<size_t>(channel)];
  return link.connection ? link.connection->queued_bytes() : 0;
}

void PeerTransport::end_turn() {
  for (size_t i = 0; i < unflushed_.size(); ++i) {  // a broken one may make the handler send on others
    unflushed_[i]->flush();
  }
  unflushed_.clear();
  retired_.clear();
  acceptor_.end_turn();
}

void PeerTransport::on_frame(PeerConnection& connection, Bytes body) {
  const Link& link = link_of(connection);
  handler_->on_frame(link.peer, link.channel, std::move(body));
}

void PeerTransport::on_broken(PeerConnection& connection, const std::string& reason) {
  Link& link = link_of(connection);
  disconnect(link, reason);
  if (dials(link.peer) && !link.connection) dial_later_and_later(link);
}

void PeerTransport::disconnect(Link& link, const std::string& reason) {
  if (!link.connection) return;
  link.connection->close();
  link_by_connection_.erase(link.connection.get());
  retired_.push_back(std::exchange(link.connection, nullptr));
  const std::string name = link_name(link.peer, link.channel);
  tell(NoticeLevel::kInfo, name + " lost: " + reason, "lost " + name);
  handler_->on_disconnected(link.peer, link.channel);
}

void PeerTransport::establish(Link& link, int fd, bool ends_earlier) {
  for (Link& other : peers_.at(link.peer).links) {
    if (&other == &link) {
      disconnect(link, "replaced by a new connection");
    } else if (ends_earlier) {
      disconnect(other, "the node has started anew");
      if (dials(other.peer)) dial_later_and_later(other);
    }
  }
  const size_t queued_bytes_max =
      link.channel == env::Channel::kControl ? options_.control_queued_bytes_max : options_.bulk_queued_bytes_max;
  PeerConnectionOwner& owner = *this;
  link.connection = std::make_unique<PeerConnection>(loop_, fd, queued_bytes_max, owner);
  link_by_connection_[link.connection.get()] = &link;
  link.retry_delay = options_.retry_delay_min;
  link.failure.clear();
  const std::string name = link_name(link.peer, link.channel);
  tell(NoticeLevel::kInfo, name + " connected", "connected " + name);
  handler_->on_connected(link.peer, link.channel);
}

// ---- who is let in ----

Hello PeerTransport::own_hello(HelloKind kind, NodeId target, env::Channel channel) const {
  Hello hello;
  hello.kind = kind;
  hello.channel = channel;
  hello.sender = options_.self;
  hello.target = target;
  return hello;
}

std::optional<Hello> PeerTransport::own_introduction(NodeId target, env::Channel channel) const {
  std::optional<std::string> introduction = handler_ == nullptr ? std::nullopt : handler_->introduction();
  if (!introduction) return std::nullopt;
  Hello hello = own_hello(HelloKind::kIntroduction, target, channel);
  hello.introduction = *std::move(introduction);
  return hello;
}

/// Why whoever called is none of ours, whatever it says about itself; empty if it is.
std::string PeerTransport::refusal_of(const Hello& introduction) const {
  const std::string caller = node_name(introduction.sender);
  const std::string self = node_name(options_.self);
  if (introduction.target != options_.self) {
    return caller + " called " + node_name(introduction.target) + ", and " + self +
           " answers there: the addresses in --initial-cluster of " + caller + " are wrong";
  }
  const auto found = peers_.find(introduction.sender);
  if (found == peers_.end()) return caller + " is not in --initial-cluster of " + self;
  if (dials(introduction.sender)) return caller + " has the larger id and waits to be called by " + self;
  if (found->second.is_blocked) return caller + " is blocked at " + self;
  return {};
}

env::Admission PeerTransport::admit(const Hello& introduction, const std::string& address) {
  return handler_->admit(introduction.sender, address, introduction.introduction);
}

Hello PeerTransport::answer(const Hello& introduction, const std::string& address) {
  const auto reply = [&](HelloKind kind) { return own_hello(kind, introduction.sender, introduction.channel); };
  const auto refuse = [&](env::Refusal refusal) {
    Hello hello = reply(HelloKind::kRefusal);
    hello.refusal = std::move(refusal);
    return hello;
  };
  if (const std::string reason = refusal_of(introduction); !reason.empty()) return refuse({{}, reason, {}});
  std::optional<Hello> own = own_introduction(introduction.sender, introduction.channel);
  if (!own) return reply(HelloKind::kLater);
  env::Admission admission = admit(introduction, address);
  switch (admission.verdict) {
    case env::Admission::Verdict::kWelcome:
      return *std::move(own);
    case env::Admission::Verdict::kLater:
      return reply(HelloKind::kLater);
    case env::Admission::Verdict::kRefused:
      break;
  }
  return refuse(std::move(admission.refusal));
}

// Judged once more: much may have happened since it was answered.
void PeerTransport::on_accepted(const Hello& introduction, const std::string& address, int fd) {
  const env::Admission admission =
      refusal_of(introduction).empty() ? admit(introduction, address) : env::Admission::later();
  if (admission.verdict != env::Admission::Verdict::kWelcome) {
    close(fd);
    return;
  }
  establish(*link_of(introduction.sender, introduction.channel), fd, admission.ends_earlier);
}

void PeerTransport::on_refused_by(NodeId caller, const env::Refusal& refusal) {
  tell(NoticeLevel::kWarning, node_name(caller) + " refuses this node: " + refusal.reason,
       "refused by " + node_name(caller), 1);
  handler_->on_refused(caller, refusal);
}

}  // namespace torc::net
