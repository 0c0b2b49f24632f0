// env::Network over TCP: two connections per pair of nodes (rules.md#two-connections).
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/notice.h"
#include "base/prng.h"
#include "env/network.h"
#include "host/event_loop.h"
#include "net/name_lookup.h"
#include "net/peer_acceptor.h"
#include "net/peer_connection.h"
#include "net/peer_handshake.h"

namespace torc::net {

struct PeerTransportOptions {
  NodeId self;
  std::string listen_address;  // host:port; port 0: any
  uint64_t seed = 0;           // of the reconnect delays' spread
  size_t control_queued_bytes_max = env::kControlQueuedBytesMax;
  size_t bulk_queued_bytes_max = env::kBulkQueuedBytesMax;
  Duration retry_delay_min = 50ms;  // doubles up to the maximum while a peer cannot be reached
  Duration retry_delay_max = 1s;
  Duration handshake_timeout = 2s;
  NameLookup::Resolve resolve = resolve_all;
  NoticeSink tell;  // connected, lost, refused; may be empty
};

/// Of two nodes the one with the smaller id dials; both directions use what it dialled. Before frames pass, the
/// handlers at both ends judge each other's introduction; a new connection of a peer that was let in replaces the old
/// one. Names are looked up again at each attempt, off the loop, and their addresses tried in order. Frames leave in
/// end_turn(), which the owner of the loop calls once per turn after everything that may send (the node's end_turn() in
/// particular).
class PeerTransport final : public env::Network, private PeerConnectionOwner, private PeerAcceptorHost {
 public:
  /// Errors: kInvalid or kNotFound (the address), kUnavailable (the port is taken), kIo.
  static Result<std::unique_ptr<PeerTransport>> open(PeerTransportOptions options, host::EventLoop& loop);
  ~PeerTransport() override;

  /// The port it listens on.
  uint16_t port() const { return acceptor_.port(); }
  /// Makes a peer known (others are refused) and dials it if that is our part. The name need not exist yet, or at all.
  /// A known peer's connections are kept; the address counts from the next dial on. Errors: kInvalid: not of the form
  /// host:port, or self.
  Status set_peer_address(NodeId peer, const std::string& address);
  /// Cuts, or restores, the link to a peer on our side: neither dials nor accepts it. Fault injection.
  void block(NodeId peer, bool is_blocked);
  bool is_connected(NodeId peer, env::Channel channel) const;
  void end_turn();

  void send(NodeId to, env::Channel channel, ByteChain body) override;
  /// Requires: set before the loop runs.
  void set_handler(env::NetworkHandler* handler) override { handler_ = handler; }
  size_t queued_bytes(NodeId to, env::Channel channel) const override;
  /// Of frames that wait to be sent, to all peers.
  size_t queued_bytes() const;
  /// Frames refused by a full queue, since the start.
  uint64_t frames_dropped() const { return frames_dropped_; }

 private:
  struct Link {
    NodeId peer;
    env::Channel channel;
    std::unique_ptr<PeerConnection> connection;
    // ---- dialling ----
    bool is_looking_up = false;
    std::vector<SocketAddress> addresses;  // of this attempt
    size_t next_address = 0;
    std::unique_ptr<PeerHandshake> dialing;
    Duration retry_delay{};
    env::TimerId retry_timer = 0;
    std::string failure;  // last told of; empty while connected
  };
  struct Peer {
    std::string address;
    bool is_blocked = false;
    std::array<Link, 2> links;  // by channel
  };

  PeerTransport(PeerTransportOptions options, host::EventLoop& loop, int listener_fd);

  // PeerConnectionOwner
  void on_frame(PeerConnection& connection, Bytes body) override;
  void on_broken(PeerConnection& connection, const std::string& reason) override;
  void on_queued(PeerConnection& connection) override { unflushed_.push_back(&connection); }
  // PeerAcceptorHost
  Hello answer(const Hello& introduction, const std::string& address) override;
  void on_accepted(const Hello& introduction, const std::string& address, int fd) override;
  void on_refused_by(NodeId caller, const env::Refusal& refusal) override;

  bool dials(NodeId peer) const { return options_.self < peer; }
  Link* link_of(NodeId peer, env::Channel channel);
  Link& link_of(PeerConnection& connection);
  std::string refusal_of(const Hello& introduction) const;
  env::Admission admit(const Hello& introduction, const std::string& address);
  Hello own_hello(HelloKind kind, NodeId target, env::Channel channel) const;
  std::optional<Hello> own_introduction(NodeId target, env::Channel channel) const;
  void dial(Link& link);
  void try_next_address(Link& link, const std::string& last_failure);
  void on_dialed(Link& link, Result<Hello> hello);
  void on_answer(Link& link, const Hello& answer);
  void on_refused(Link& link, const env::Refusal& refusal);
  void on_dial_failed(Link& link, const std::string& reason);
  void retire_dialing(Link& link);
  void dial_later(Link& link, Duration delay);
  void dial_later_and_later(Link& link);
  void establish(Link& link, int fd, bool ends_earlier);
  void disconnect(Link& link, const std::string& reason);
  void tell(NoticeLevel level, std::string text, std::string kind, uint32_t per_minute_max = 20) const;

  PeerTransportOptions options_;
  host::EventLoop& loop_;
  Prng prng_;
  NameLookup names_;
  env::NetworkHandler* handler_ = nullptr;
  std::map<NodeId, Peer> peers_;  // addresses of its Links are kept by callbacks
  std::map<const PeerConnection*, Link*> link_by_connection_;
  std::vector<PeerConnection*> unflushed_;
  // Things that were closed in their own callback; gone at the end of the turn.
  std::vector<std::unique_ptr<host::Watcher>> retired_;
  uint64_t frames_dropped_ = 0;
  PeerAcceptor acceptor_;
};

}  // namespace torc::net
