// The peer port: who comes in, and who has not said yet who it is.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/notice.h"
#include "host/event_loop.h"
#include "net/peer_handshake.h"
#include "net/socket_address.h"

namespace torc::net {

class PeerAcceptorHost {
 public:
  virtual ~PeerAcceptorHost() = default;
  /// The answer to the introduction of whoever called from `address`: an introduction, a refusal, or kLater.
  virtual Hello answer(const Hello& introduction, const std::string& address) = 0;
  /// Both ends welcomed each other; the socket is the host's now, not watched.
  virtual void on_accepted(const Hello& introduction, const std::string& address, int fd) = 0;
  /// Whoever called did not like our answer.
  virtual void on_refused_by(NodeId caller, const env::Refusal& refusal) = 0;
};

/// Strangers cost little: those that have not said who they are are bounded in number and time, and when one more comes
/// the oldest goes, of the address that has most of them. Ninety idle connections once kept a cluster from forming.
class PeerAcceptor final : public host::Watcher {
 public:
  /// Takes the listening socket over. Everything it is given outlives it.
  PeerAcceptor(host::EventLoop& loop, int listener_fd, Duration handshake_timeout, NoticeSink tell,
               PeerAcceptorHost& host);
  ~PeerAcceptor() override;
  PeerAcceptor(const PeerAcceptor&) = delete;
  PeerAcceptor& operator=(const PeerAcceptor&) = delete;

  uint16_t port() const { return local_port(fd_); }
  /// Destroys what was closed in its own callback.
  void end_turn() { retired_.clear(); }

  void on_ready(bool is_readable, bool is_writable) override;

  static constexpr size_t kCallersMax = 64;

 private:
  struct Caller {
    SocketAddress from;
    std::unique_ptr<PeerHandshake> handshake;
    std::optional<Hello> introduction;  // has been answered with our own
  };

  void pause();
  void make_room();
  void on_hello(Caller& caller, Result<Hello> hello);
  void on_introduction(Caller& caller, Hello hello);
  void on_failure(Caller& caller, const Error& error);
  void retire(Caller& caller);
  void tell(NoticeLevel level, std::string text, std::string kind);

  host::EventLoop& loop_;
  const int fd_;
  const Duration handshake_timeout_;
  const NoticeSink tell_;
  PeerAcceptorHost& host_;
  env::TimerId pause_timer_ = 0;
  std::vector<std::unique_ptr<Caller>> callers_;  // oldest first
  std::vector<std::unique_ptr<Caller>> retired_;
};

}  // namespace torc::net
