// Frames to and from peers. Delivery is best effort: frames may be lost, and arrive in order per channel unless the
// connection broke in between.
#pragma once

#include "base/bytes.h"
#include "base/strong_id.h"

namespace torc::env {

/// Two channels per peer, so that a small message never waits behind a big one (rules.md#two-connections).
enum class Channel : uint8_t {
  kControl = 0,  // elections, heartbeats, small appends
  kBulk = 1,     // forwarded commands, large appends, snapshots
};

/// What may wait for one peer on a channel; a frame that would exceed it is dropped unless it waits alone. Control:
/// several times what one leader has unacknowledged at a member. Bulk: the largest frame.
constexpr size_t kControlQueuedBytesMax = 16u << 20;
constexpr size_t kBulkQueuedBytesMax = 64u << 20;
constexpr size_t queued_bytes_max(Channel channel) {
  return channel == Channel::kControl ? kControlQueuedBytesMax : kBulkQueuedBytesMax;
}

class NetworkHandler {
 public:
  virtual ~NetworkHandler() = default;
  /// A whole frame body (without transport framing), in its own buffer so that slices may be kept.
  virtual void on_frame(NodeId from, Channel channel, Bytes body) = 0;
  /// The channel to `peer` (re)connected: nothing sent before will arrive any more.
  virtual void on_connected(NodeId peer, Channel channel) = 0;
  virtual void on_disconnected(NodeId peer, Channel channel) = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  /// Queues a frame body; leaves at the end of the turn. Dropped when the peer is not connected or its bounded queue
  /// is full. Never blocks.
  virtual void send(NodeId to, Channel channel, ByteChain body) = 0;
  virtual void set_handler(NetworkHandler* handler) = 0;
  /// What waits to be sent to the peer: who repeats himself while it does only adds to it.
  virtual size_t queued_bytes(NodeId to, Channel channel) const = 0;
};

}  // namespace torc::env
