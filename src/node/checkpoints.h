// How a group writes its checkpoint, and what of its log may go behind it. When: node/checkpoint_queue.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "consensus/replica.h"
#include "env/checkpoint_store.h"
#include "env/clock.h"
#include "kv/image_format.h"
#include "kv/limits.h"
#include "kv/sessions.h"
#include "kv/state_machine.h"
#include "storage/checkpointer.h"
#include "storage/log.h"

namespace torc::node {

struct CheckpointOptions {
  GroupId group;
  /// A log beyond this is cut at the checkpoint even if a member lacks entries: it will be sent a snapshot.
  uint64_t log_bytes_max = 320u << 20;
  uint64_t segment_bytes = 64u << 20;  // of the log that all groups share
};

/// Behind the checkpoint nobody here needs the log; behind what every member has, nobody elsewhere does either. In
/// between the log is kept up to log_bytes_max, so that a member slightly behind costs no snapshot and one that is away
/// for good no disk.
class Checkpoints {
 public:
  /// Of a checkpoint per maintenance round (10 ms): at most about 400 MB/s of images, some percent of the loop's time.
  static constexpr size_t kSliceBytes = 4u << 20;

  /// All must outlive it. `on_fatal`: the store can no longer be written.
  Checkpoints(const CheckpointOptions& options, env::CheckpointStore& store, storage::Log& log, env::Clock& clock,
              std::function<void(const Error&)> on_fatal);

  /// From here on `state` is what is written. The store holds it as of `checkpoint` (0: not at all), the log starts
  /// after `log_start`. Requires: !is_writing(); `state` outlives this or the next call.
  void begin(kv::StateMachine& state, LogIndex checkpoint, LogIndex log_start);

  /// Every few milliseconds: starts or goes on with a checkpoint, and cuts the log. `may_start`: nobody else writes
  /// the group's checkpoint. `streamed`: the oldest snapshot on its way to a member, which will need the log behind it.
  void maintain(consensus::Replica& replica, bool may_start, std::optional<LogIndex> streamed);

  /// A checkpoint begins at the next maintain(), unless none may begin then.
  void ask() { is_asked_ = true; }
  /// Written to the log since the last one began; 0 if none could begin now.
  uint64_t log_growth() const;
  /// Asked for, demanded or being written.
  bool is_under_way() const { return is_writing() || is_demanded() || is_asked_; }

  /// The node's log needs its room: what is applied now is checkpointed however little the log has grown, and the log
  /// is cut there whoever lacks entries. A snapshot on its way still holds it, as far as it usually does.
  void demand();
  /// Until then, or until the checkpoint has failed.
  bool is_demanded() const { return demanded_.has_value(); }

  bool is_writing() const { return checkpointer_->is_running(); }
  /// Of what waits for the store's background task: the head, one slice and one image pass what a step waits for.
  size_t bytes_pending() const { return checkpointer_->bytes_pending(); }
  static constexpr size_t kHeadBytesMax = kv::kSessionsEncodedBytesMax + (64u << 10);  // and members, counters
  static constexpr size_t kBytesPendingMax = storage::Checkpointer::kBytesPendingMax + kHeadBytesMax + kSliceBytes +
                                             kv::kImageKeyPrefixBytes + kv::kKeyBytesMax + kv::kImageValuePrefixBytes +
                                             kv::kValueBytesMax;
  /// Of the last durable checkpoint.
  LogIndex index() const { return index_; }

 private:
  void write(const consensus::Replica& replica, bool may_start);
  void on_outcome(const storage::Checkpointer::Outcome& outcome);
  void cut_log(consensus::Replica& replica, std::optional<LogIndex> streamed);

  const CheckpointOptions options_;
  env::CheckpointStore& store_;
  storage::Log& log_;
  env::Clock& clock_;
  std::function<void(const Error&)> on_fatal_;
  kv::StateMachine* state_ = nullptr;
  std::unique_ptr<storage::Checkpointer> checkpointer_;
  LogIndex index_;
  LogIndex cut_index_;
  bool is_asked_ = false;
  bool may_start_ = false;            // at the last maintain()
  std::optional<LogIndex> demanded_;  // the log is to be cut here or behind
  /// Not known after a restart: zero, so that a node restarted again and again still takes its checkpoints.
  uint64_t log_bytes_at_checkpoint_ = 0;
  Instant next_;
};

}  // namespace torc::node
