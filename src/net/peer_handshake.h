// A peer connection until both ends know each other.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "host/event_loop.h"
#include "net/peer_hello.h"

namespace torc::net {

/// Owns a socket from its accept() or connect() until the other side's hello is there, fails, or takes too long.
class PeerHandshake final : public host::Watcher {
 public:
  /// Called once, as the handshake's last act; it may be destroyed after the call has returned. On success take_fd().
  using Outcome = std::function<void(Result<Hello>)>;

  /// `mine` is sent as soon as the connection stands; a listener has none and answers after looking at the other's.
  PeerHandshake(host::EventLoop& loop, int fd, std::optional<Hello> mine, Duration patience, Outcome outcome);
  ~PeerHandshake() override;
  PeerHandshake(const PeerHandshake&) = delete;
  PeerHandshake& operator=(const PeerHandshake&) = delete;

  void on_ready(bool is_readable, bool is_writable) override;
  /// Gives the socket away, not watched any more. Requires: the outcome was a success.
  int take_fd();

 private:
  void send_hello();
  void receive_hello();
  void finish(Result<Hello> result);
  void fail(ErrorCode code, std::string message) { finish(Error{code, std::move(message)}); }

  host::EventLoop& loop_;
  int fd_;
  std::string to_send_;
  std::string received_;
  env::TimerId deadline_;
  Outcome outcome_;
  bool is_finished_ = false;
};

/// Sends a hello on a connection that has carried nothing yet in this direction, so the socket's buffer has room.
bool send_first_bytes(int fd, const std::string& bytes);

}  // namespace torc::net
