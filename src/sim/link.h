// One direction of the wire between two machines: both connections of a pair share it, and what does not fit waits in
// front of it, as in the queues of net/peer_connection.h.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>

#include "base/bytes.h"
#include "env/network.h"
#include "sim/event_queue.h"

namespace torc::sim {

constexpr size_t kChannels = 2;

struct Bandwidth {
  uint64_t bytes_per_second = std::numeric_limits<uint64_t>::max();  // the largest: sending takes no time
  /// What stands between the senders and the wire (network card, switch): while more waits behind it, everybody's bytes
  /// go through a full one.
  Duration buffer{0};

  bool is_unlimited() const { return bytes_per_second == std::numeric_limits<uint64_t>::max(); }
  /// What `bytes` take on an idle wire.
  Duration time_of(uint64_t bytes) const;
};

/// A frame on its way.
struct LinkFrame {
  uint64_t epoch = 0;  // of the connection it was sent on
  Bytes body;
  uint64_t hash = 0;
};

/// The connections that have something to send share the rate equally, as two flows of TCP do. A connection sends
/// nothing while its receiver's socket is full, and none does while the direction is held.
class Link {
 public:
  /// `behind`: what the frame still waits for in the buffer. Returns false if the receiver's socket is full with it.
  using Deliver = std::function<bool(env::Channel channel, LinkFrame frame, Duration behind)>;

  Link(EventQueue& queue, Deliver deliver) : queue_(queue), deliver_(std::move(deliver)) {}

  /// For what is under way, too.
  void set_bandwidth(const Bandwidth& bandwidth);
  /// Nothing leaves while held.
  void set_held(bool is_held);
  /// The receiver has read: its socket takes more.
  void receiver_has_room(env::Channel channel);

  /// Sends it now or when its turn comes. False: dropped, the channel's queue is full.
  [[nodiscard]] bool offer(env::Channel channel, LinkFrame frame);
  /// The connection is gone, and its queue with it.
  void drop_queue(env::Channel channel);
  /// Of frames not yet sent to their ends.
  uint64_t queued_bytes(env::Channel channel) const { return flow(channel).bytes; }
  /// That left, since the world began.
  uint64_t sent_bytes() const { return sent_bytes_; }

 private:
  struct Flow {
    std::deque<LinkFrame> frames;
    uint64_t bytes = 0;
    Duration front_left{0};  // of the front one, if it had the wire alone
    bool is_receiver_full = false;
  };

  Flow& flow(env::Channel channel) { return flows_[static_cast<size_t>(channel)]; }
  const Flow& flow(env::Channel channel) const { return flows_[static_cast<size_t>(channel)]; }
  bool is_active(const Flow& flow) const { return !is_held_ && !flow.is_receiver_full && !flow.frames.empty(); }
  int64_t active_flows() const;
  /// Books what was sent since the last call; what is complete leaves.
  void advance();
  void send_front(env::Channel channel);
  void schedule();
  Duration backlog() const;

  EventQueue& queue_;
  Deliver deliver_;
  Bandwidth bandwidth_;
  bool is_held_ = false;
  std::array<Flow, kChannels> flows_;
  Instant booked_until_;
  EventId event_ = 0;
  uint64_t sent_bytes_ = 0;
};

}  // namespace torc::sim
