// Takes in the one snapshot that is on its way to this replica, up to the point where it may be installed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/time.h"
#include "consensus/ready.h"
#include "env/checkpoint_store.h"
#include "kv/state_machine.h"
#include "node/gauge.h"
#include "storage/snapshot_sink.h"
#include "wire/peer_message.h"

namespace torc::node {

/// Times an election timeout without a new chunk: its sender, which repeats what is not answered, is gone. Over a link
/// of 2 Mbit/s a chunk takes more than a second, and large entries may stand before it.
constexpr int kSnapshotStallTimeouts = 20;

struct SnapshotReceiverOptions {
  GroupId group;
  consensus::ReplicaId self;
  kv::StateMachineOptions state;
  /// A stream without a new chunk for this long is given up: while it is staged no checkpoint can be written.
  Duration stall_max{};
};

/// A stream goes through receiving -> complete -> writing -> installing -> done. Its answers are lost like any message:
/// whatever arrives of a stream is answered with where it stands.
class SnapshotReceiver {
 public:
  using Send = std::function<void(const wire::SnapshotReply&)>;
  /// `checkpoints` must outlive it.
  SnapshotReceiver(const SnapshotReceiverOptions& options, env::CheckpointStore& checkpoints, Send send);

  enum class Event : uint8_t {
    kNone,
    kHead,      // it is known what is coming: head()
    kComplete,  // all of it has arrived and is good: write(), or finish()
  };
  /// `may_begin`: nobody else writes to the store, apart from what is staged here.
  Event on_chunk(const wire::SnapshotChunk& chunk, bool may_begin, Instant now);
  /// Every few milliseconds.
  void maintain(Instant now);

  /// Holds the store's writer.
  bool is_staging() const { return stream_ && stream_->sink != nullptr; }
  /// Requires: after kHead or kComplete.
  consensus::SnapshotHead head() const;
  /// Brings all of it to the disk; its sender is put off meanwhile. `done`, on the loop: install it, or finish(), or,
  /// if there was no space, refuse(). Requires: after kComplete.
  void write(std::function<void(Status)> done);
  /// Forgets what arrived. The sender is told.
  void refuse();
  /// The stream's sender is put off until finish(). Requires: written.
  std::unique_ptr<storage::SnapshotSink> take_for_install();
  void add_gauges(std::vector<Gauge>& gauges) const;
  /// The state here covers the snapshot: installed, or not needed any more. The sender is told.
  void finish();

 private:
  enum class Phase : uint8_t { kReceiving, kWriting, kInstalling, kDone };
  struct Stream {
    consensus::ReplicaId from;
    uint64_t name = 0;
    Term term;
    Phase phase = Phase::kReceiving;
    std::unique_ptr<storage::SnapshotSink> sink;  // until it is installed
    uint64_t offset = 0;
    Instant fed_at;
    bool owes_reply = false;  // until the store has written what it was handed
  };

  bool is_current(const wire::SnapshotChunk& chunk) const;
  bool may_replace(const wire::SnapshotChunk& chunk, Instant now) const;
  Event feed(const wire::SnapshotChunk& chunk, Instant now);
  void reply_to(const wire::SnapshotChunk& chunk, uint64_t next_offset, wire::SnapshotProgress progress);
  void reply();

  const SnapshotReceiverOptions options_;
  env::CheckpointStore& checkpoints_;
  const Send send_;
  std::optional<Stream> stream_;
};

}  // namespace torc::node
