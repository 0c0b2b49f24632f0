// A group's replicated state: the table, the sessions, the operation counter. Deterministic: equal entries, equal
// state.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/arc.h"
#include "base/result.h"
#include "base/strong_id.h"
#include "base/time.h"
#include "kv/batch.h"
#include "kv/command.h"
#include "kv/cost.h"
#include "kv/deadline_index.h"
#include "kv/progress.h"
#include "kv/reply_sink.h"

namespace torc::kv {

/// Where apply() sends each operation's answer. The n-th operation of the entry is position n, from 0.
class ReplyRouter {
 public:
  virtual ~ReplyRouter() = default;
  /// Called before operation `position` executes; the sink receives exactly one reply before the next call.
  virtual ReplySink& sink_for(size_t position) = 0;
};

enum class ReadResult {
  kAnswered,
  kNeedsCommit,  // would answer "expired": nothing was written to the sink; propose the command itself
                 // (rules.md#leader-time)
  kUnfinished,   // a piece is done, nothing was written to the sink: read_on()
};

/// Receives one generation's changes in ascending key order (rules.md#images-as-of-an-index); storage hands them to the
/// checkpoint store.
class ImageSink {
 public:
  virtual ~ImageSink() = default;
  virtual void put(std::string_view key, std::string_view value) = 0;
  virtual void erase(std::string_view key) = 0;
  virtual void erase_range(std::string_view begin, std::string_view end) = 0;
};

struct StateMachineOptions {
  uint64_t hash_seed = 0;  // secret, against hash flooding; does not influence any reply or image
  Arc arc;                 // the keys it owns
};

class StateMachine {
 public:
  explicit StateMachine(const StateMachineOptions& options);
  ~StateMachine();
  StateMachine(const StateMachine&) = delete;
  StateMachine& operator=(const StateMachine&) = delete;

  /// Applies the payload of a kCommands entry. Effective stamp: max(entry's, last applied). Who owns a key is decided
  /// here, where all replicas decide the same, never when a command is taken in: Refusal::kNotHere. It leaves no trace
  /// in the session: the group that owns the key has to execute the call. Errors: kCorrupt if malformed (nothing after
  /// the malformed operation is applied; the caller stops the node).
  Status apply(LogIndex index, std::string_view payload, ReplyRouter& replies);
  /// The same in pieces. From begin_entry() until apply_on() has returned true the entry is applied in part: applied()
  /// is still that of the one before, and nothing may be read, captured or compared. `payload` stays valid until then.
  /// Requires: !is_within_entry().
  Status begin_entry(LogIndex index, std::string_view payload);
  /// Goes on until the entry is applied (true) or about `work_max` was done (kv::Cost::work). Requires:
  /// is_within_entry(). Errors: as apply().
  Result<bool> apply_on(ReplyRouter& replies, uint64_t work_max);
  bool is_within_entry() const;
  /// Notes that an entry without operations was applied.
  void skip(LogIndex index);
  /// Executes a read-only command now. Time for deadlines: max(now, last applied stamp).
  ReadResult read(const CommandView& command, WallMs now, ReplySink& sink) const;
  /// The same in pieces of about `work_max`, for commands that name very many keys. Between them the state stays as it
  /// is, and so do the command and `now`. `work_max` is reduced by what was done.
  ReadResult read_on(const CommandView& command, WallMs now, Progress& progress, ReplySink& sink,
                     uint64_t& work_max) const;
  /// Whether the command is for read_on().
  static bool is_long_read(const CommandView& command);
  /// Checks what can be checked without state (argument count by the traits, syntax, numbers), so that bad input never
  /// reaches the log. Returns true if fine, else false after writing the error to `sink`.
  static bool check_syntax(const CommandView& command, ReplySink& sink);

  Arc arc() const;
  LogIndex applied() const;
  /// Executed since the group began: what keys' versions count (rules.md#versions).
  uint64_t operation_count() const;
  /// The time that expiry knows: the largest of all entries applied, unless kSetBack has set it back
  /// (rules.md#leader-time).
  WallMs last_stamp() const;
  uint64_t key_count() const;
  /// Approximate heap bytes of keys, values and sessions.
  size_t bytes_used() const;
  /// Of sessions, as bytes_used() counts them: at most kSessionsBytesMax (sessions.h).
  size_t session_bytes() const;
  /// What FLUSHALLs left behind and is not freed yet, and how much that can be.
  size_t flushed_bytes() const;
  size_t flushed_bytes_max() const;
  /// Frees some of what a FLUSHALL left behind; apply() does too. The replicated state stays as it is.
  void reclaim();
  /// What the command may cost, and how much it may add, if it is applied behind commands that add `growth_before`.
  Cost cost_of(const CommandView& command, size_t growth_before) const;
  /// Whether the call would execute if it were applied now: it was not executed before, under its session's eyes.
  bool would_execute(const SessionCall& call) const;
  /// What apply() has done since the start, in the unit of Cost::work: for whoever shares the loop with others.
  uint64_t work_done() const;
  /// Keys whose deadline has passed, for the leader to propose as kPurge; within the limits of DeadlineIndex::due.
  DueKeys due_keys(WallMs now, size_t count_max, size_t bytes_max) const;
  /// When there will be some, if nothing changes.
  std::optional<WallMs> next_due() const;
  /// Order-independent digest of the whole replicated state (keys, values, deadlines, versions, sessions, counters):
  /// equal on all replicas at equal applied index. Cost: O(state); for tests and the simulator.
  uint64_t digest() const;

  // ---- checkpoint (rules.md#images-as-of-an-index) ----
  /// Freezes the set of changes since the last capture, exactly as of applied(). At most one capture at a time.
  void begin_capture();
  /// Emits the next changes in ascending key order until about `bytes_max` were emitted; true when complete.
  /// apply() may run between calls: a value about to change is saved first.
  bool continue_capture(ImageSink& sink, size_t bytes_max);
  /// Ends the capture. `durable`: the generation was committed. Otherwise its changes count as changed again.
  void end_capture(bool durable);
  bool capturing() const;
  /// Bytes of changes a capture would write, roughly.
  size_t bytes_dirty() const;
  /// State that must be in the same atomic unit as the images (sessions, counters, last stamp), as of begin_capture().
  std::string captured_header() const;

  /// Rebuilds from a checkpoint: the header, then every key and value in order. Requires: empty state machine.
  /// Errors: kCorrupt, also for a key outside of the arc; kVersion.
  Status restore_header(std::string_view header, LogIndex applied);
  /// Instead of it where the header cannot be read any more: images of any version are taken, and no session is known.
  void restore_without_header();
  Status restore(std::string_view key, std::string_view value);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace torc::kv
