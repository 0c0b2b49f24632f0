// The sender's end of a snapshot: reads the durable checkpoint and gives it out chunk by chunk.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "env/checkpoint_store.h"
#include "storage/snapshot_format.h"

namespace torc::storage {

/// Holds one consistent view of the store: checkpoints that become durable meanwhile change nothing here. Uses the
/// memory of one chunk, of the head and of one value. Chunks come once each; whoever may need one again keeps it.
class SnapshotSource {
 public:
  struct Chunk {
    uint64_t offset = 0;
    Bytes bytes;
    uint32_t checksum = 0;  // of the stream up to the end of this chunk
    bool is_last = false;

    uint64_t end() const { return offset + bytes.size(); }
  };

  /// Errors: kNotFound if the group has no checkpoint, kCorrupt, kIo.
  static Result<std::unique_ptr<SnapshotSource>> open(env::CheckpointStore& store, GroupId group);

  LogIndex index() const { return index_; }
  bool is_at_end() const { return is_at_end_; }
  /// The next kSnapshotChunkBytes, or what is left. Blocking. Requires: !is_at_end(). Errors: kCorrupt, kIo.
  Result<Chunk> next();

 private:
  SnapshotSource(std::unique_ptr<env::CheckpointReader> reader, const CheckpointMeta& meta);
  bool refill();

  std::unique_ptr<env::CheckpointReader> reader_;
  const LogIndex index_;
  const kv::ImageRange range_;
  // What comes next in the stream: the rest of `prefix_`, then the rest of `value_`, then the next image.
  std::string prefix_;
  size_t prefix_taken_ = 0;
  std::string_view value_;  // of the reader's present key
  bool is_on_image_ = false;
  bool has_ended_ = false;  // the end stands in prefix_
  bool is_at_end_ = false;
  uint64_t images_ = 0;
  uint64_t offset_ = 0;
  uint32_t checksum_ = 0;
};

}  // namespace torc::storage
