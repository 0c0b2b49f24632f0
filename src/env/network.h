// Frames to and from peers. Delivery is best effort: frames may be lost, and arrive in order per channel unless the
// connection broke in between.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/strong_id.h"

namespace torc::env {

/// Two channels per peer, so that a small message never waits behind a big one (rules.md#two-connections).
enum class Channel : uint8_t {
  kControl = 0,  // elections, heartbeats, small appends
  kBulk = 1,     // forwarded commands, large appends, snapshots
};

/// What may wait for one peer on a channel; a frame that would exceed it is dropped unless it waits alone. Control:
/// several times what one leader has unacknowledged at a member. Bulk: a leader's entries under way and one more
/// (48 MiB), a forwarding node's answers (32 MiB) and one more (48 MiB); the other way a forwarder's window (48 MiB).
constexpr size_t kControlQueuedBytesMax = 16u << 20;
constexpr size_t kBulkQueuedBytesMax = 128u << 20;
constexpr size_t queued_bytes_max(Channel channel) {
  return channel == Channel::kControl ? kControlQueuedBytesMax : kBulkQueuedBytesMax;
}

/// What a refused peer has to do about it. Values stand in handshakes: never renumber.
enum class RefusalKind : uint8_t {
  kUnspecified = 0,
  kOldCopy = 1,  // it runs on an old copy of its data directory, and has to give it up
};

struct Refusal {
  RefusalKind kind = RefusalKind::kUnspecified;
  std::string reason;  // a sentence that is true at either end
  std::string proof;   // what the peer can hold against what it knows itself by now; opaque here, may be empty
};

/// The answer to a peer's introduction.
struct Admission {
  enum class Verdict : uint8_t {
    kWelcome,
    kLater,  // not yet: the peer asks again in a moment, and nobody is told
    kRefused,
  };
  Verdict verdict = Verdict::kWelcome;
  /// Welcome, and connections of this peer that stand were made by an earlier start of it: they end first.
  bool ends_earlier = false;
  Refusal refusal;  // kRefused

  static Admission later() { return {Verdict::kLater, false, {}}; }
  static Admission refused(Refusal refusal) { return {Verdict::kRefused, false, std::move(refusal)}; }
};

class NetworkHandler {
 public:
  virtual ~NetworkHandler() = default;
  /// What this node says about itself before any frame, at each new connection. Nothing: it does not speak yet.
  virtual std::optional<std::string> introduction() { return std::string(); }
  /// Judges what `peer` said about itself. It came from `address`, for people to read. Both ends judge; unless both
  /// welcome the other there is no connection.
  virtual Admission admit(NodeId /*peer*/, std::string_view /*address*/, std::string_view /*introduction*/) {
    return {};
  }
  /// No connection to `peer` came about: it refuses us, somebody else answers at its address, or nobody does.
  virtual void on_refused(NodeId /*peer*/, const Refusal& /*refusal*/) {}
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
