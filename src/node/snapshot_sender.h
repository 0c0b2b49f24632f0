// Sends the checkpoint to replicas whose next entry is cut from the log: one stream each, a few chunks at a time.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "env/checkpoint_store.h"
#include "node/gauge.h"
#include "storage/snapshot_source.h"
#include "wire/peer_message.h"

namespace torc::node {

struct SnapshotSenderOptions {
  GroupId group;
  consensus::ReplicaId self;
  uint64_t seed = 0;          // of the streams' names: other ones after a restart
  Duration retry_interval{};  // between two repetitions of what was not acknowledged
  Duration silence_max{};     // without an answer by then it is sent again
  /// Something large still waits to be sent to the node: what it does not answer it may not have got. Empty: never.
  std::function<bool(NodeId)> is_sending_to;
};

/// At most this many chunks are unacknowledged, and kept in memory: 1 MiB per stream. What the peer asks for again is
/// sent from there, so that the checkpoint is read once.
constexpr size_t kSnapshotWindowChunks = 4;
/// Times silence_max without progress: then the stream is given up.
constexpr int kSnapshotPatience = 20;

class SnapshotSender {
 public:
  using Send = std::function<void(const wire::SnapshotChunk&)>;
  /// `index`: the peer's state covers it now; nothing: given up.
  using Finished = std::function<void(consensus::ReplicaId peer, std::optional<LogIndex> index)>;
  /// `checkpoints` must outlive it. Neither callback may call back into it.
  SnapshotSender(const SnapshotSenderOptions& options, env::CheckpointStore& checkpoints, Send send, Finished finished);

  /// Begins to send the newest checkpoint. Requires: there is one, and nothing is sent to `peer`.
  /// Errors: kCorrupt, kIo, here and below: the checkpoint cannot be read.
  Status begin(consensus::ReplicaId peer, Term term, Instant now);
  Status on_reply(const wire::SnapshotReply& reply, Instant now);
  /// What was sent on the former connection may be lost.
  void on_connected(NodeId node, Instant now);
  /// Every few milliseconds.
  void maintain(Instant now);

  /// Of the streams under way, and of one that ended within silence_max: those who get them need the log behind it. Cut
  /// in the moment between the end of a stream and the first entry behind it, that entry cost another snapshot.
  std::optional<LogIndex> lowest_index() const;
  /// maintain() has nothing to do.
  bool is_idle() const { return streams_.empty() && !ended_; }
  void add_gauges(std::vector<Gauge>& gauges) const;

 private:
  struct Stream {
    uint64_t name = 0;
    Term term;
    std::unique_ptr<storage::SnapshotSource> source;
    std::deque<storage::SnapshotSource::Chunk> window;  // sent and not acknowledged; the last one stays until the end
    uint64_t acknowledged = 0;                          // offset
    Instant sent_at;
    Instant progress_at;
  };
  using Streams = std::map<consensus::ReplicaId, Stream>;

  Status fill_window(consensus::ReplicaId peer, Stream& stream, Instant now);
  void send_window(consensus::ReplicaId peer, Stream& stream, Instant now);
  void send(consensus::ReplicaId peer, const Stream& stream, const storage::SnapshotSource::Chunk& chunk);
  bool is_sending_to(consensus::ReplicaId peer) const {
    return options_.is_sending_to && options_.is_sending_to(peer.node);
  }
  Streams::iterator finish(Streams::iterator stream, std::optional<LogIndex> index);

  const SnapshotSenderOptions options_;
  env::CheckpointStore& checkpoints_;
  const Send send_;
  const Finished finished_;
  Prng prng_;
  Streams streams_;
  std::optional<LogIndex> ended_;  // the lowest index of those that ended within silence_max
  Instant ended_until_;
};

}  // namespace torc::node
