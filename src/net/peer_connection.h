// One TCP connection to a peer: frames in, frames out, bounded, one send per turn.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/strong_id.h"
#include "env/network.h"
#include "host/event_loop.h"
#include "wire/frame_splitter.h"

namespace torc::net {

/// The first bytes of either side, before any frame, so that a stranger's or a misdirected connection ends at once.
/// Layout (32 bytes, little-endian): "TORCPEER", u32 version (1), u8 channel, 3 zero bytes, u64 sender, u64 receiver.
struct PeerHello {
  NodeId sender;
  NodeId receiver;
  env::Channel channel = env::Channel::kControl;
};
constexpr size_t kPeerHelloBytes = 32;
std::string encode_hello(const PeerHello& hello);
/// Nothing unless `bytes` is a whole hello of this version.
std::optional<PeerHello> decode_hello(std::string_view bytes);

class PeerConnection final : public host::Watcher {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /// The other side said who it is. Return false to close (on_closed follows).
    virtual bool on_hello(PeerConnection& connection, const PeerHello& hello) = 0;
    virtual void on_body(PeerConnection& connection, Bytes body) = 0;
    /// The last call for this connection; it may be destroyed at the end of the turn, not before.
    virtual void on_closed(PeerConnection& connection) = 0;
  };

  /// Takes over a non-blocking connected (or, if `is_connecting`, connecting) socket.
  PeerConnection(host::EventLoop& loop, Owner& owner, int descriptor, bool is_connecting);
  ~PeerConnection() override;
  PeerConnection(const PeerConnection&) = delete;
  PeerConnection& operator=(const PeerConnection&) = delete;

  void send_hello(const PeerHello& hello);
  /// Queues a frame. False if the queue is full: the frame is dropped (consensus repeats).
  bool send(ByteChain body, size_t queue_bytes_max);
  /// One sendmsg for everything that gathered.
  void flush();
  void close();
  bool is_open() const { return descriptor_ >= 0; }
  bool is_established() const { return is_established_; }
  Instant opened_at() const { return opened_at_; }

  void on_ready(bool is_readable, bool is_writable) override;

 private:
  void receive();
  bool take_hello();
  void want(bool write);

  host::EventLoop& loop_;
  Owner& owner_;
  int descriptor_;
  bool is_connecting_;
  bool is_established_ = false;
  bool wants_write_ = false;
  Instant opened_at_;
  std::string hello_;  // received so far
  wire::FrameSplitter splitter_;
  std::vector<Bytes> bodies_;  // reused between receives
  std::deque<Bytes> queue_;    // chunks not yet taken by the socket
  size_t front_sent_ = 0;      // bytes of queue_.front() already taken
  size_t queued_bytes_ = 0;
};

}  // namespace torc::net
