// env::Network over TCP: two connections per pair of nodes (rules.md#two-connections).
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "env/network.h"
#include "host/event_loop.h"
#include "net/peer_connection.h"
#include "net/peer_handshake.h"
#include "net/socket_address.h"

namespace torc::net {

struct PeerTransportOptions {
  NodeId self;
  std::string listen_address;  // host:port; port 0: any
  uint64_t seed = 0;           // of the reconnect delays' spread
  size_t control_queued_bytes_max = 16u << 20;
  /// A leader's entries under way and one more (48 MiB), a forwarding node's answers (32 MiB) and one more (48 MiB);
  /// the other way a forwarder's window (48 MiB).
  size_t bulk_queued_bytes_max = 128u << 20;
  Duration retry_delay_min = 50ms;  // doubles up to the maximum while a peer cannot be reached
  Duration retry_delay_max = 1s;
  Duration handshake_timeout = 2s;
  /// One line per event: connected, lost, refused. May be empty.
  std::function<void(std::string_view line)> log;
};

/// Of two nodes the one with the smaller id dials; both directions use what it dialled. A new connection of a peer
/// replaces the old one. Frames leave in end_turn(), which the owner of the loop calls once per turn after everything
/// that may send (the node's end_turn() in particular).
class PeerTransport final : public env::Network, private PeerConnectionOwner {
 public:
  /// Errors: kInvalid or kNotFound (the address), kIo (cannot listen on it).
  static Result<std::unique_ptr<PeerTransport>> open(PeerTransportOptions options, host::EventLoop& loop);
  ~PeerTransport() override;

  /// The port it listens on.
  uint16_t port() const { return local_port(listener_.fd); }
  /// Makes a peer known (others are refused) and dials it if that is our part. Resolves the name now, blocking.
  /// A known peer's connections are kept; the address counts from the next dial on. Errors: as resolve(); kInvalid:
  /// self.
  Status set_peer_address(NodeId peer, const std::string& address);
  /// Asked at every handshake which cluster this node belongs to (none: not known yet), so that a node of another one
  /// with a peer's id and address takes nobody's place.
  void set_cluster(std::function<ClusterId()> cluster) { cluster_ = std::move(cluster); }
  /// Cuts, or restores, the link to a peer on our side: neither dials nor accepts it. Fault injection.
  void block(NodeId peer, bool is_blocked);
  bool is_connected(NodeId peer, env::Channel channel) const;
  void end_turn();

  void send(NodeId to, env::Channel channel, ByteChain body) override;
  /// Requires: set before the loop runs.
  void set_handler(env::NetworkHandler* handler) override { handler_ = handler; }
  /// Of frames that wait to be sent, to all peers.
  size_t queued_bytes() const;
  /// Frames refused by a full queue, since the start.
  uint64_t frames_dropped() const { return frames_dropped_; }

 private:
  struct Link {
    NodeId peer;
    env::Channel channel;
    std::unique_ptr<PeerHandshake> dialing;
    std::unique_ptr<PeerConnection> connection;
    Duration retry_delay{};
    env::TimerId retry_timer = 0;
    bool is_failure_logged = false;
  };
  struct Peer {
    SocketAddress address;
    std::string address_text;
    bool is_blocked = false;
    std::array<Link, 2> links;  // by channel
  };
  struct Listener final : host::Watcher {
    PeerTransport* transport = nullptr;
    int fd = -1;
    void on_ready(bool, bool) override { transport->accept_waiting(); }
  };

  PeerTransport(PeerTransportOptions options, host::EventLoop& loop, int listener_fd);

  void on_frame(PeerConnection& connection, Bytes body) override;
  void on_broken(PeerConnection& connection, const std::string& reason) override;
  void on_queued(PeerConnection& connection) override { unflushed_.push_back(&connection); }

  bool dials(NodeId peer) const { return options_.self < peer; }
  Link* link_of(NodeId peer, env::Channel channel);
  Link& link_of(PeerConnection& connection);
  void accept_waiting();
  void pause_accepting();
  void on_accepted(PeerHandshake* handshake, const Result<Hello>& hello);
  std::string refusal(const Hello& hello) const;
  Hello own_hello(NodeId target, env::Channel channel) const;
  bool is_foreign(const Hello& hello) const;
  void dial(Link& link);
  void on_dialed(Link& link, const Result<Hello>& hello);
  void on_dial_failed(Link& link, const std::string& reason);
  void dial_later(Link& link);
  void establish(Link& link, int fd);
  void disconnect(Link& link, const std::string& reason);
  void log(const std::string& line) const;

  PeerTransportOptions options_;
  host::EventLoop& loop_;
  Prng prng_;
  Listener listener_;
  env::TimerId accept_timer_ = 0;
  env::NetworkHandler* handler_ = nullptr;
  std::function<ClusterId()> cluster_;
  std::map<NodeId, Peer> peers_;                          // addresses of its Links are kept by callbacks
  std::vector<std::unique_ptr<PeerHandshake>> accepted_;  // not identified yet
  std::map<const PeerConnection*, Link*> link_by_connection_;
  std::vector<PeerConnection*> unflushed_;
  // Things that were closed in their own callback; gone at the end of the turn.
  std::vector<std::unique_ptr<host::Watcher>> retired_;
  uint64_t frames_dropped_ = 0;
};

}  // namespace torc::net
