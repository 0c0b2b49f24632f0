#include "node/snapshot_receiver.h"

#include <utility>

#include "base/check.h"
#include "node/checkpoints.h"
#include "storage/checkpointer.h"

namespace torc::node {
namespace {

/// What may wait for the store's background task. The sender is not told to go on above kBytesPendingMax, but a sender
/// that hears nothing repeats what it has sent, and is answered then.
constexpr size_t kStagedBytesMax = 2 * storage::Checkpointer::kBytesPendingMax;

}  // namespace

using wire::SnapshotProgress;

SnapshotReceiver::SnapshotReceiver(const SnapshotReceiverOptions& options, env::CheckpointStore& checkpoints, Send send)
    : options_(options), checkpoints_(checkpoints), send_(std::move(send)) {}

bool SnapshotReceiver::is_current(const wire::SnapshotChunk& chunk) const {
  return stream_ && stream_->from == chunk.from && stream_->name == chunk.stream;
}

bool SnapshotReceiver::may_replace(const wire::SnapshotChunk& chunk, Instant now) const {
  if (!stream_) return true;
  switch (stream_->phase) {
    case Phase::kReceiving:
      // Its sender has begun anew, or a later leader sends, or nobody does.
      return chunk.from == stream_->from || chunk.term > stream_->term || now - stream_->fed_at >= options_.stall_max;
    case Phase::kWriting:
    case Phase::kInstalling:
      return false;
    case Phase::kDone:
      return true;
  }
  return false;
}

SnapshotReceiver::Event SnapshotReceiver::on_chunk(const wire::SnapshotChunk& chunk, bool may_begin, Instant now) {
  if (!is_current(chunk)) {
    if (!may_replace(chunk, now)) {
      reply_to(chunk, 0, SnapshotProgress::kRefused);
      return Event::kNone;
    }
    if (chunk.offset != 0) {  // its beginning was lost, or taken in by a former life of this process
      reply_to(chunk, 0, SnapshotProgress::kReceiving);
      return Event::kNone;
    }
    if (!may_begin) return Event::kNone;  // it is sent again
    stream_.reset();                      // with it the store's writer
    stream_.emplace(Stream{.from = chunk.from, .name = chunk.stream, .term = chunk.term});
    stream_->sink =
        std::make_unique<storage::SnapshotSink>(checkpoints_, options_.group, storage::all_data_keys(), options_.state);
  }
  if (stream_->phase == Phase::kReceiving && chunk.offset == stream_->offset) {
    if (stream_->sink->bytes_pending() > kStagedBytesMax) return Event::kNone;  // it is sent again
    return feed(chunk, now);
  }
  reply();
  return Event::kNone;
}

SnapshotReceiver::Event SnapshotReceiver::feed(const wire::SnapshotChunk& chunk, Instant now) {
  storage::SnapshotSink& sink = *stream_->sink;
  const bool had_head = sink.meta().has_value();
  const Status taken = sink.take(chunk.bytes.view(), chunk.checksum, chunk.is_last);
  if (!taken.ok()) {
    stream_.reset();
    reply_to(chunk, 0, SnapshotProgress::kRefused);
    return Event::kNone;
  }
  stream_->offset = sink.offset();
  stream_->fed_at = now;
  stream_->owes_reply = true;
  if (sink.bytes_pending() <= storage::Checkpointer::kBytesPendingMax) reply();
  if (sink.is_complete()) return Event::kComplete;
  return !had_head && sink.meta() ? Event::kHead : Event::kNone;
}

void SnapshotReceiver::add_gauges(std::vector<Gauge>& gauges) const {
  if (!is_staging()) return;
  constexpr size_t kImageBytesMax = storage::kSnapshotKeyBytesMax + storage::kSnapshotValueBytesMax;
  // One chunk may complete an image that is as large as one can be.
  constexpr size_t kPendingBytesMax =
      kStagedBytesMax + Checkpoints::kHeadBytesMax + kImageBytesMax + wire::kFrameBytesMax;
  gauges.push_back({"snapshot_staged", stream_->sink->bytes_pending(), kPendingBytesMax});
  const size_t unread_max = stream_->sink->meta() ? kImageBytesMax : storage::kSnapshotHeadBytesMax;
  gauges.push_back({"snapshot_unread", stream_->sink->bytes_unread(), unread_max + wire::kFrameBytesMax});
}

void SnapshotReceiver::maintain(Instant now) {
  if (!is_staging()) return;
  if (stream_->owes_reply && stream_->sink->bytes_pending() <= storage::Checkpointer::kBytesPendingMax) {
    stream_->fed_at = now;
    reply();
  }
  if (stream_->phase != Phase::kReceiving) return;
  if (!stream_->owes_reply && now - stream_->fed_at >= options_.stall_max) stream_.reset();
}

consensus::SnapshotHead SnapshotReceiver::head() const {
  CHECK(is_staging() && stream_->sink->meta());
  const storage::CheckpointMeta& meta = *stream_->sink->meta();
  return {stream_->from, stream_->term, meta.index, meta.term, meta.configuration};
}

void SnapshotReceiver::write(std::function<void(Status)> done) {
  CHECK(is_staging() && stream_->sink->is_complete());
  stream_->phase = Phase::kWriting;
  stream_->sink->stage(std::move(done));
}

void SnapshotReceiver::refuse() {
  CHECK(stream_ && stream_->phase == Phase::kWriting);
  wire::SnapshotReply reply;
  reply.group = options_.group;
  reply.from = options_.self;
  reply.to = stream_->from;
  reply.stream = stream_->name;
  reply.progress = SnapshotProgress::kRefused;
  stream_.reset();
  send_(reply);
}

std::unique_ptr<storage::SnapshotSink> SnapshotReceiver::take_for_install() {
  CHECK(is_staging() && stream_->sink->is_complete());
  stream_->phase = Phase::kInstalling;
  return std::move(stream_->sink);
}

void SnapshotReceiver::finish() {
  CHECK(stream_);
  stream_->phase = Phase::kDone;
  stream_->sink.reset();
  reply();
}

void SnapshotReceiver::reply() {
  stream_->owes_reply = false;
  wire::SnapshotReply reply;
  reply.group = options_.group;
  reply.from = options_.self;
  reply.to = stream_->from;
  reply.stream = stream_->name;
  reply.next_offset = stream_->offset;
  reply.progress = stream_->phase == Phase::kDone ? SnapshotProgress::kDone : SnapshotProgress::kReceiving;
  send_(reply);
}

void SnapshotReceiver::reply_to(const wire::SnapshotChunk& chunk, uint64_t next_offset, SnapshotProgress progress) {
  wire::SnapshotReply reply;
  reply.group = options_.group;
  reply.from = options_.self;
  reply.to = chunk.from;
  reply.stream = chunk.stream;
  reply.next_offset = next_offset;
  reply.progress = progress;
  send_(reply);
}

}  // namespace torc::node
