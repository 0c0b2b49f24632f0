// A peer connection until both ends know each other.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "host/event_loop.h"
#include "net/peer_hello.h"

namespace torc::net {

/// Owns a socket from its accept() or connect() on: sends hellos and receives hellos, nothing else.
class PeerHandshake final : public host::Watcher {
 public:
  /// Called for each hello that arrives, and once with an error, which is the end. The handshake may be destroyed once
  /// the call has returned.
  using OnHello = std::function<void(Result<Hello>)>;

  /// `first` is sent as soon as the connection stands; a listener has none and answers what it is told. `patience`: for
  /// the whole handshake.
  PeerHandshake(host::EventLoop& loop, int fd, std::optional<Hello> first, Duration patience, OnHello on_hello);
  ~PeerHandshake() override;
  PeerHandshake(const PeerHandshake&) = delete;
  PeerHandshake& operator=(const PeerHandshake&) = delete;

  void on_ready(bool is_readable, bool is_writable) override;
  /// False if the connection broke. Requires: connected, and is_over() is false.
  bool send(const Hello& hello);
  /// Its last act: sends the hello, then no more. The socket is closed with this object.
  void send_last(const Hello& hello);
  /// Listens no more; the socket is closed with this object.
  void end();
  /// Gives the socket away, not watched any more.
  int take_fd();
  bool is_over() const { return is_over_; }
  /// What has arrived begins like a hello of some version.
  bool is_from_torc() const { return is_from_torc_; }

 private:
  void connected();
  void receive();
  void fail(ErrorCode code, std::string message);

  host::EventLoop& loop_;
  int fd_;
  std::optional<Hello> first_;  // until the connection stands
  std::string received_;
  size_t wanted_bytes_ = kHelloHeaderBytes;
  env::TimerId deadline_;
  OnHello on_hello_;
  bool is_from_torc_ = false;
  bool is_over_ = false;
};

}  // namespace torc::net
