// The node's peers over TCP: two connections each (control and bulk), made by the node with the smaller id, made again
// whenever they break.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/network.h"
#include "host/event_loop.h"
#include "net/peer_connection.h"

namespace torc::net {

struct PeerTransportOptions {
  NodeId self;
  std::string listen_host;
  uint16_t listen_port = 0;                     // 0: any free one
  std::map<NodeId, std::string> addresses;      // host:port of every peer
  size_t control_queue_bytes_max = 16u << 20;   // beyond, frames are dropped
  size_t bulk_queue_bytes_max = 192u << 20;     // room for a few of the largest frames
  std::function<void(const std::string&)> log;  // a line for the operator: refused and broken connections
};

class PeerTransport final : public env::Network, private host::Watcher, private PeerConnection::Owner {
 public:
  /// Errors: kInvalid for an address that cannot be resolved, kIo when the port is taken.
  static Result<std::unique_ptr<PeerTransport>> listen(host::EventLoop& loop, PeerTransportOptions options);
  ~PeerTransport() override;

  void send(NodeId to, env::Channel channel, ByteChain body) override;
  void set_handler(env::NetworkHandler* handler) override { handler_ = handler; }

  /// Sends what gathered in this turn. Register with the loop after the node's end_turn().
  void flush();
  /// Breaks the link to `peer` in both directions, or mends it: for tests and teaching.
  void set_blocked(NodeId peer, bool is_blocked);
  uint16_t port() const { return port_; }

 private:
  struct Link {
    std::unique_ptr<PeerConnection> connection;
    bool is_up = false;
    Duration backoff{};
    env::TimerId retry_timer = 0;
  };
  struct Peer {
    std::array<Link, 2> links;  // by channel
    bool is_blocked = false;
  };

  PeerTransport(host::EventLoop& loop, PeerTransportOptions options, int descriptor, uint16_t port);
  // Watcher: the listening socket
  void on_ready(bool is_readable, bool is_writable) override;
  // PeerConnection::Owner
  bool on_hello(PeerConnection& connection, const PeerHello& hello) override;
  void on_body(PeerConnection& connection, Bytes body) override;
  void on_closed(PeerConnection& connection) override;

  PeerConnection::Owner& owner() { return *this; }
  Link& link(NodeId peer, env::Channel channel) { return peers_.at(peer).links[static_cast<size_t>(channel)]; }
  struct Place {
    NodeId peer;
    env::Channel channel;
  };
  std::optional<Place> place_of(const PeerConnection& connection) const;
  void dial(NodeId peer, env::Channel channel);
  void dial_later(NodeId peer, env::Channel channel);
  void drop(NodeId peer, env::Channel channel);
  void drop_silent_strangers();
  void note(const std::string& line) const;

  host::EventLoop& loop_;
  PeerTransportOptions options_;
  int descriptor_;
  uint16_t port_;
  env::NetworkHandler* handler_ = nullptr;
  std::map<NodeId, Peer> peers_;
  std::vector<std::unique_ptr<PeerConnection>> strangers_;  // accepted, have not said who they are
  std::vector<std::unique_ptr<PeerConnection>> graveyard_;  // closed in this turn
};

}  // namespace torc::net
