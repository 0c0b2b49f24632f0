// The node's write-ahead log, shared by its groups: segments of checksummed records, one fsync for everything that
// waits.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/strong_id.h"
#include "consensus/types.h"
#include "env/clock.h"
#include "env/disk.h"

namespace torc::storage {

struct LogOptions {
  uint64_t segment_bytes =
      64u << 20;  // a segment is zero-filled to this and recycled; one oversized batch may exceed it
  Duration marker_delay =
      100ms;  // an idle log writes its marker this long after its last fsync (rules.md#torn-or-damaged)
  /// As many as a checkpoint frees at once with default sizes: fewer were made and zero-filled anew each time.
  size_t recycled_segments_max = 6;
  /// Of a file that keeps space back for votes, the first entries of terms and starts on a full disk; 0: none. It has
  /// to hold what waits for space then as well: a window of the leader's flow control and some batches.
  uint64_t reserve_bytes = 0;
  /// Secret randomness for the checksums of a new log, so that a stored value cannot pose as a record behind damage. An
  /// existing log keeps its own.
  uint64_t salt = 0;
  /// The incarnation of the node whose promises the log keeps; 0: whoever's it is. A log of another one is refused,
  /// unless no group ever said anything in it.
  uint64_t owner = 0;
  /// The owner has made promises: a log that is missing, or does not name it, is refused, and nothing is written.
  bool must_exist = false;
  /// When more than this is retained, the groups that lag furthest have their tails copied to the log's end, if those
  /// are small, so that segments can go. Beyond it large tails need checkpoints (pins_beyond).
  uint64_t copy_beyond_bytes = 320u << 20;
  /// A tail up to this, with its records' headers, is copied; also the most that is read for one batch, so that the
  /// loop is not held.
  uint64_t copy_tail_bytes_max = 1u << 20;
  /// Runs on the loop when disk_full() changes.
  std::function<void(bool is_full)> on_disk_full_changed;
};

constexpr Duration kDiskFullRetryDelay = 200ms;

/// What the log says about one group after recovery.
struct GroupLog {
  ReplicaNumber replica;  // whose log this is; none: nobody said so
  consensus::HardState hard_state;
  LogIndex start_index;  // entries up to here were cut; the checkpoint must cover them
  Term start_term;
  std::vector<consensus::TermRun> term_runs;  // of start_index + 1 .. last_index
  LogIndex last_index;
  std::vector<consensus::PlacedConfiguration> configurations;  // of start_index + 1 .. last_index
};

/// A group whose oldest entry keeps segments from being recycled.
struct Pin {
  GroupId group;
  uint64_t bytes_pinned = 0;  // of the log, from the segment with that entry to the end
  uint64_t tail_bytes = 0;    // of the group's entries
  friend bool operator==(const Pin&, const Pin&) = default;
};

/// What the log knows of its disk.
struct DiskProgress {
  bool is_full = false;                  // an append waits for space
  uint64_t bytes_unsynced = 0;           // appended and not durable; all of it in memory
  std::optional<Instant> writing_since;  // a write with its sync is under way
  Duration last_took{0};                 // the last one, from hand-over to completion
  Instant last_done;
};

/// Requires everything on the loop thread. All appends of a turn go out in one write and one fsync; while that is under
/// way later appends gather for the next.
class Log {
 public:
  /// Reads every segment. Distinguishes a torn tail (cut off) from damage below what was synced. Everything recovered
  /// is durable when this returns. `disk` and `clock` must outlive the log. Errors: kCorrupt with file and offset
  /// (rules.md#torn-or-damaged: the node must not start as if it remembered) or because of its owner, kVersion, kIo,
  /// kDiskFull.
  static Result<std::unique_ptr<Log>> open(env::Disk& disk, env::Clock& clock, const LogOptions& options);
  virtual ~Log() = default;

  /// Groups found, with their state as of recovery. Later appends do not change it.
  virtual const std::map<GroupId, GroupLog>& recovered() const = 0;
  /// Whose log open() found; 0: nobody's yet, or a new one.
  virtual uint64_t owner() const = 0;

  // ---- appends gather in memory until flush() ----
  /// A replica begins: what is appended for the group is its, until remove(). Durable before it says anything, its
  /// number tells it from any that this node had before. Requires: nothing was said of
  /// the group, or nothing but remove() last.
  virtual void begin_replica(GroupId group, ReplicaNumber number) = 0;
  virtual void append_hard_state(GroupId group, const consensus::HardState& state) = 0;
  /// entries.front().index at or below the group's last index replaces the log from there on.
  /// Requires: consecutive indexes; start index < first <= last index + 1.
  virtual void append_entries(GroupId group, const std::vector<consensus::Entry>& entries) = 0;
  /// The group's log now starts after (index, term): a checkpoint covers the rest. Durable with the next flush;
  /// segments nobody needs are recycled after that. Ignored at or below the start index. Requires: index <= the group's
  /// last index.
  virtual void cut(GroupId group, LogIndex index, Term term) = 0;
  /// The group's log is replaced: empty, starting after (index, term). Used when a checkpoint is ahead of the log.
  virtual void reset(GroupId group, LogIndex index, Term term) = 0;
  /// The group has left this node: its entries and its hard state count no more, it is not recovered and needs no
  /// segment. What is appended for it later is of a new life that begins empty. Ignored if nothing is known of it.
  virtual void remove(GroupId group) = 0;

  /// Everything appended so far is on its way; `done` runs on the loop when all of it is durable, at once if it is
  /// already. Callbacks run in order. On a full disk `done` waits: what was appended stays queued in order and is tried
  /// again every kDiskFullRetryDelay; meanwhile disk_full() is true and the caller refuses writes. If something else
  /// than commands of the present term waits too, the reserve is given up for all of it; until there is a reserve
  /// again, commands wait for something more urgent behind them. Errors to `done`: kIo after a failed write or sync
  /// (fatal: the node must stop; every later flush fails too).
  virtual void flush(std::function<void(Status)> done) = 0;

  /// Blocking: entries first..last of a group, stopping after the entry that reaches `bytes_max`.
  /// Errors: kNotFound if `first` was cut; kCorrupt; kIo.
  virtual Result<std::vector<consensus::Entry>> read(GroupId group, LogIndex first, LogIndex last,
                                                     size_t bytes_max) = 0;

  /// Bytes from the oldest segment still needed to the end.
  virtual uint64_t bytes_retained() const = 0;
  /// The groups whose pin is larger than `bytes`, largest first, at most `count_max`. Costs nothing per other group.
  virtual std::vector<Pin> pins_beyond(uint64_t bytes, size_t count_max) const = 0;
  /// Bytes of a group's entries since its start index.
  virtual uint64_t group_bytes(GroupId group) const = 0;
  /// An append waits for space, or there is none for the reserve.
  virtual bool disk_full() const = 0;
  virtual DiskProgress disk_progress() const = 0;
};

}  // namespace torc::storage
