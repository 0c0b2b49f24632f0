#include "storage/snapshot_source.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "base/crc32c.h"

namespace torc::storage {

Result<std::unique_ptr<SnapshotSource>> SnapshotSource::open(env::CheckpointStore& store, GroupId group) {
  std::unique_ptr<env::CheckpointReader> reader = store.read();
  const std::string key = checkpoint_meta_key(group);
  reader->seek(key);
  if (!reader->valid() || reader->key() != key) {
    const Status status = reader->status();
    if (!status.ok()) return status.error();
    return Error{ErrorCode::kNotFound, "the group has no checkpoint to send"};
  }
  const auto meta = decode_checkpoint_meta(reader->value());
  if (!meta.ok()) return meta.error();
  std::unique_ptr<SnapshotSource> source(new SnapshotSource(std::move(reader), *meta));
  put_u8(source->prefix_, kSnapshotVersion);
  put_bytes(source->prefix_, source->reader_->value());
  source->reader_->seek(source->range_.begin);
  return source;
}

SnapshotSource::SnapshotSource(std::unique_ptr<env::CheckpointReader> reader, const CheckpointMeta& meta)
    : reader_(std::move(reader)), index_(meta.index), range_(kv::images_of(meta.arc)) {}

/// Makes the next image what comes next, or the end. False behind the end, or where the store cannot be read.
bool SnapshotSource::refill() {
  if (has_ended_) return false;
  if (is_on_image_) reader_->next();
  prefix_.clear();
  prefix_taken_ = 0;
  value_ = {};
  is_on_image_ = reader_->valid() && reader_->key() < range_.end;
  if (is_on_image_) {
    ++images_;
    value_ = reader_->value();
    put_bytes(prefix_, reader_->key());
    put_varint(prefix_, value_.size());
    return true;
  }
  if (!reader_->status().ok()) return false;
  has_ended_ = true;
  put_u8(prefix_, 0);
  put_u64(prefix_, images_);
  return true;
}

Result<SnapshotSource::Chunk> SnapshotSource::next() {
  CHECK(!is_at_end_);
  std::string bytes;
  bytes.reserve(kSnapshotChunkBytes);
  while (bytes.size() < kSnapshotChunkBytes) {
    const size_t room = kSnapshotChunkBytes - bytes.size();
    if (prefix_taken_ < prefix_.size()) {
      const std::string_view piece = std::string_view(prefix_).substr(prefix_taken_, room);
      bytes += piece;
      prefix_taken_ += piece.size();
    } else if (!value_.empty()) {
      bytes += value_.substr(0, room);
      value_.remove_prefix(std::min(room, value_.size()));
    } else if (!refill()) {
      break;
    }
  }
  if (const Status status = reader_->status(); !status.ok()) return status.error();
  is_at_end_ = has_ended_ && prefix_taken_ == prefix_.size();
  Chunk chunk;
  chunk.offset = offset_;
  chunk.checksum = checksum_ = crc32c(bytes, checksum_);
  chunk.is_last = is_at_end_;
  offset_ += bytes.size();
  chunk.bytes = Bytes(std::move(bytes));
  return chunk;
}

}  // namespace torc::storage
