// The receiver's end of a snapshot: checks what arrives and stages it beside the checkpoint, without touching anything.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/checkpoint_store.h"
#include "kv/state_machine.h"
#include "storage/snapshot_format.h"

namespace torc::storage {

/// Chunks go into a new state machine and into an uncommitted generation of the store as they arrive. Destroying the
/// sink forgets both. Believes nothing: hostile bytes are an Error, and cost the memory of what arrived. Holds the
/// store's only writer: no checkpoint can be written while it lives.
class SnapshotSink {
 public:
  /// Requires: nobody else writes to the store.
  SnapshotSink(env::CheckpointStore& store, GroupId group, KeyRange range, const kv::StateMachineOptions& options);
  ~SnapshotSink();
  SnapshotSink(const SnapshotSink&) = delete;
  SnapshotSink& operator=(const SnapshotSink&) = delete;

  /// The stream's next bytes, from offset() on; `checksum` is of the stream up to their end.
  /// Errors: kInvalid, kVersion, after which the sink is of no more use.
  Status take(std::string_view bytes, uint32_t checksum, bool is_last);
  /// Of the stream, taken so far.
  uint64_t offset() const { return offset_; }
  /// Once the head has arrived.
  const std::optional<CheckpointMeta>& meta() const { return meta_; }
  /// Everything has arrived and is good.
  bool is_complete() const { return is_complete_; }
  /// Waits for the store's background task: take no more while this is large.
  size_t bytes_pending() const { return writer_->bytes_pending(); }
  /// Less than one image, or than the head while that arrives.
  size_t bytes_unread() const { return unread_.size(); }

  /// Brings all of it to the disk; `done` runs on the loop. Requires: is_complete(). Errors: as
  /// CheckpointWriter::stage.
  void stage(std::function<void(Status)> done);
  /// Replaces the checkpoint in one atomic, durable step; `done` runs on the loop. Requires: is_complete().
  /// Errors: as CheckpointWriter::commit.
  void commit(std::function<void(Status)> done);
  /// Requires: is_complete().
  std::unique_ptr<kv::StateMachine> take_state();

 private:
  enum class Expected : uint8_t { kVersion, kHead, kImage, kNothing };
  enum class Step : uint8_t { kTaken, kNeedsMore };

  Result<Step> step(std::string_view& rest);
  Result<Step> take_head(std::string_view& rest);
  Result<Step> take_image(std::string_view& rest);
  Status open(std::string_view head);
  Status add(std::string_view key, std::string_view value);

  const GroupId group_;
  const KeyRange range_;
  std::unique_ptr<kv::StateMachine> state_;
  std::unique_ptr<env::CheckpointWriter> writer_;
  std::optional<CheckpointMeta> meta_;
  Expected expected_ = Expected::kVersion;
  bool is_complete_ = false;
  std::string unread_;  // less than one image, between two chunks
  std::string last_key_;
  uint64_t images_ = 0;
  uint64_t offset_ = 0;
  uint32_t checksum_ = 0;
};

}  // namespace torc::storage
