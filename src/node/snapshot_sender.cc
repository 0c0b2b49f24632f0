#include "node/snapshot_sender.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace torc::node {

using consensus::ReplicaId;
using storage::SnapshotSource;

SnapshotSender::SnapshotSender(const SnapshotSenderOptions& options, env::CheckpointStore& checkpoints, Send send,
                               Finished finished)
    : options_(options),
      checkpoints_(checkpoints),
      send_(std::move(send)),
      finished_(std::move(finished)),
      prng_(options.seed) {}

Status SnapshotSender::begin(ReplicaId peer, Term term, Instant now) {
  CHECK(!streams_.contains(peer));
  auto source = SnapshotSource::open(checkpoints_, options_.group);
  if (!source.ok()) return source.error();
  Stream& stream = streams_[peer];
  stream.name = prng_.next() | 1;  // 0 is none
  stream.term = term;
  stream.source = *std::move(source);
  stream.progress_at = now;
  return fill_window(peer, stream, now);
}

Status SnapshotSender::fill_window(ReplicaId peer, Stream& stream, Instant now) {
  // The first chunk goes alone: its receiver may be busy, or not need the rest.
  const size_t chunks_max = stream.acknowledged == 0 ? 1 : kSnapshotWindowChunks;
  while (stream.window.size() < chunks_max && !stream.source->is_at_end()) {
    auto chunk = stream.source->next();
    if (!chunk.ok()) return chunk.error();
    stream.window.push_back(*std::move(chunk));
    send(peer, stream, stream.window.back());
    stream.sent_at = now;
  }
  return {};
}

Status SnapshotSender::on_reply(const wire::SnapshotReply& reply, Instant now) {
  const auto found = streams_.find(reply.from);
  if (found == streams_.end() || found->second.name != reply.stream) return {};
  Stream& stream = found->second;
  switch (reply.progress) {
    case wire::SnapshotProgress::kDone:
      ended_ = std::min(ended_.value_or(stream.source->index()), stream.source->index());
      ended_until_ = now + options_.silence_max;
      finish(found, stream.source->index());
      return {};
    case wire::SnapshotProgress::kRefused:
      finish(found, std::nullopt);
      return {};
    case wire::SnapshotProgress::kReceiving:
      break;
  }
  if (reply.next_offset < stream.acknowledged) {  // the peer has lost what it had: it is begun anew when asked for
    finish(found, std::nullopt);
    return {};
  }
  bool has_progress = false;
  while (!stream.window.front().is_last && stream.window.front().end() <= reply.next_offset) {
    stream.acknowledged = stream.window.front().end();
    stream.window.pop_front();
    has_progress = true;
    if (stream.window.empty()) break;
  }
  if (has_progress) {
    stream.progress_at = now;
    return fill_window(reply.from, stream, now);
  }
  if (is_sending_to(reply.from)) return {};  // what it asks for again is on its way
  if (reply.next_offset < stream.window.front().end() && now - stream.sent_at >= options_.retry_interval) {
    send_window(reply.from, stream, now);
  }
  return {};
}

void SnapshotSender::on_connected(NodeId node, Instant now) {
  for (auto& [peer, stream] : streams_) {
    if (peer.node == node) send_window(peer, stream, now);
  }
}

void SnapshotSender::maintain(Instant now) {
  if (now >= ended_until_) ended_.reset();
  for (auto at = streams_.begin(); at != streams_.end();) {
    Stream& stream = at->second;
    if (is_sending_to(at->first)) stream.sent_at = stream.progress_at = now;
    if (now - stream.progress_at >= kSnapshotPatience * options_.silence_max) {
      at = finish(at, std::nullopt);
      continue;
    }
    if (now - std::max(stream.sent_at, stream.progress_at) >= options_.silence_max) send_window(at->first, stream, now);
    ++at;
  }
}

void SnapshotSender::send_window(ReplicaId peer, Stream& stream, Instant now) {
  for (const SnapshotSource::Chunk& chunk : stream.window) send(peer, stream, chunk);
  stream.sent_at = now;
}

void SnapshotSender::send(ReplicaId peer, const Stream& stream, const SnapshotSource::Chunk& chunk) {
  wire::SnapshotChunk message;
  message.group = options_.group;
  message.from = options_.self;
  message.to = peer;
  message.term = stream.term;
  message.stream = stream.name;
  message.offset = chunk.offset;
  message.checksum = chunk.checksum;
  message.is_last = chunk.is_last;
  message.bytes = chunk.bytes;
  send_(message);
}

SnapshotSender::Streams::iterator SnapshotSender::finish(Streams::iterator stream, std::optional<LogIndex> index) {
  const ReplicaId peer = stream->first;
  const auto next = streams_.erase(stream);
  finished_(peer, index);
  return next;
}

void SnapshotSender::add_gauges(std::vector<Gauge>& gauges) const {
  for (const auto& [peer, stream] : streams_) {
    uint64_t bytes = 0;
    for (const SnapshotSource::Chunk& chunk : stream.window) bytes += chunk.bytes.size();
    gauges.push_back({"snapshot_sent", bytes, kSnapshotWindowChunks * storage::kSnapshotChunkBytes});
  }
}

std::optional<LogIndex> SnapshotSender::lowest_index() const {
  std::optional<LogIndex> lowest = ended_;
  for (const auto& [peer, stream] : streams_) {
    lowest = std::min(lowest.value_or(stream.source->index()), stream.source->index());
  }
  return lowest;
}

}  // namespace torc::node
