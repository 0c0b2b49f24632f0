// Writes a group's changed state into the checkpoint store, a slice at a time, and reads it back at start.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "base/lifetime.h"
#include "base/result.h"
#include "env/checkpoint_store.h"
#include "kv/state_machine.h"
#include "storage/checkpoint_format.h"

namespace torc::storage {

/// A checkpoint runs between start() and its outcome:
///   start(): freezes the changes as of the state machine's applied index
///   step(), again and again: hands the next bytes to the store; the caller's pace is its share of CPU
///   (rules.md#cheap-checkpoints) the last step() commits; when that is durable, `on_outcome` runs on the loop and the
///   log may be cut behind it
/// A crash anywhere before leaves the former checkpoint.
class Checkpointer {
 public:
  struct Outcome {
    Status status;   // kDiskFull: the former checkpoint stands and the changes wait for the next; kIo: fatal
    LogIndex index;  // the state up to here is in the store, if ok
    Term term;
  };
  /// `store` and `state` must outlive the checkpointer; their callbacks do not reach it once it is destroyed.
  Checkpointer(env::CheckpointStore& store, GroupId group, kv::StateMachine& state,
               std::function<void(const Outcome&)> on_outcome);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  /// `term` and `configuration` are of the entry at the state machine's applied index.
  /// Requires: !is_running(), and nobody else writes to the store.
  void start(Term term, const consensus::Configuration& configuration);
  /// Hands over about `bytes_max` more, or nothing while kBytesPendingMax wait for the store's background task.
  /// Returns true if there is more to hand over.
  bool step(size_t bytes_max);
  bool is_running() const { return writer_ != nullptr; }
  /// What waits for the store's background task.
  size_t bytes_pending() const { return writer_ ? writer_->bytes_pending() : 0; }

  /// Bounds the memory between the loop and the store's background task.
  static constexpr size_t kBytesPendingMax = 8u << 20;

 private:
  void on_committed(Status status);

  env::CheckpointStore& store_;
  kv::StateMachine& state_;
  const GroupId group_;
  std::function<void(const Outcome&)> on_outcome_;
  std::unique_ptr<env::CheckpointWriter> writer_;
  bool is_committing_ = false;
  LogIndex index_;
  Term term_;
  Lifetime lifetime_;
};

/// What the store knows of a group; nothing if no checkpoint of it was ever durable.
/// Errors: kCorrupt, kIo.
Result<std::optional<CheckpointMeta>> load_checkpoint(env::CheckpointStore& store, GroupId group);

/// Fills the state machine with the checkpoint's contents. Blocking.
/// Requires: an empty state machine. Errors: kCorrupt, kIo.
Status restore_checkpoint(env::CheckpointStore& store, const CheckpointMeta& meta, kv::StateMachine& state);

}  // namespace torc::storage
