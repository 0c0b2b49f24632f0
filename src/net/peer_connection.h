// One established connection to a peer: frames in, frames out.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "host/event_loop.h"
#include "wire/frame_splitter.h"

namespace torc::net {

class PeerConnection;

class PeerConnectionOwner {
 public:
  virtual ~PeerConnectionOwner() = default;
  /// May close the connection; must not destroy it before the turn's end.
  virtual void on_frame(PeerConnection& connection, Bytes body) = 0;
  /// Called once, and not for close(). The connection is closed already.
  virtual void on_broken(PeerConnection& connection, const std::string& reason) = 0;
  /// The first frame since the last flush() was queued.
  virtual void on_queued(PeerConnection& connection) = 0;
};

class PeerConnection final : public host::Watcher {
 public:
  /// Takes the non-blocking socket over.
  PeerConnection(host::EventLoop& loop, int fd, size_t queued_bytes_max, PeerConnectionOwner& owner);
  ~PeerConnection() override { close(); }
  PeerConnection(const PeerConnection&) = delete;
  PeerConnection& operator=(const PeerConnection&) = delete;

  /// Queues one frame. False (and dropped) if it does not fit beside what is queued, or is larger than a frame may be;
  /// an empty queue takes any other.
  bool send(ByteChain body);
  /// Sends what is queued, as far as the socket takes it; the rest follows when it is writable.
  void flush();
  void close();
  bool is_open() const { return fd_ >= 0; }
  /// Of frames that the socket has not taken yet.
  size_t queued_bytes() const { return queued_bytes_; }

  void on_ready(bool is_readable, bool is_writable) override;

 private:
  void receive();
  void drop_sent(size_t bytes);
  void want_write(bool wanted);
  void break_off(const std::string& reason);

  host::EventLoop& loop_;
  int fd_;
  const size_t queued_bytes_max_;
  PeerConnectionOwner& owner_;
  wire::FrameSplitter splitter_;
  std::vector<Bytes> bodies_;
  std::deque<ByteChain> queue_;  // frame header included in each head
  size_t queued_bytes_ = 0;
  size_t front_sent_bytes_ = 0;  // of queue_.front()
  bool is_marked_ = false;       // the owner knows that there is something to flush
  bool is_blocked_ = false;      // waiting for the socket to be writable
};

}  // namespace torc::net
