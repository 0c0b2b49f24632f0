// What one replica wants done after inputs: the only way out of the consensus core.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/strong_id.h"
#include "consensus/message.h"
#include "consensus/types.h"

namespace torc::consensus {

/// Names a read that waits for leadership to be confirmed; chosen by the caller, never reused while pending.
using ReadToken = uint64_t;

/// The read may be served from a state machine that has applied at least `index`; without an index leadership was lost
/// before it could be confirmed and nothing is known.
struct ReadOutcome {
  ReadToken token = 0;
  std::optional<LogIndex> index;
};

/// The core no longer holds these entries and wants them back, to send them to `peer` (rules.md#bounded-core). They are
/// durable in the own log. Always answer with Replica::entries_loaded, also when leadership has ended meanwhile: at
/// most one request per peer is outstanding, and the next waits for the answer.
struct EntriesWanted {
  ReplicaId peer;
  LogIndex first;
  LogIndex last;
  size_t bytes_max = 0;  // stop after the entry that reaches this
};

/// The log starts behind what `peer` needs next: send it a snapshot of a committed index not below `index_min`, in
/// chunks over the bulk channel, with our current term. Always end it with Replica::snapshot_finished, whatever became
/// of it; at most one per peer is outstanding, also across leaderships.
struct SnapshotWanted {
  ReplicaId peer;
  LogIndex index_min;
};

/// What a complete and validated snapshot says about itself.
struct SnapshotHead {
  ReplicaId from;
  Term sender_term;             // the sender's current term when it began to send: it knew `index` to be committed
  LogIndex index;               // exactly the entries up to here are in it
  Term term;                    // of the entry at index
  Configuration configuration;  // in force at index
};

/// The contract, numbered so that tests and crash points can name a line:
///  1. Append `hard_state` (if any) and `entries` (if any) to the log, in that order, after everything of earlier
///  Readys.
///     With `install`, between the two: make the staged snapshot the checkpoint in one atomic switch, then reset the
///     log to (index, term): it holds nothing else. The state machine goes on from there. entries.front().index at or
///     below the log's last index replaces the log from there on.
///  2. `send_now` may leave at once, before any of it is durable.
///  3. `send_when_durable` leaves only when everything of 1, of this and of all earlier Readys, is durable.
///  4. When it is durable call Replica::persisted(sequence). Readys may be pipelined; sequences become durable in
///  order.
///  5. Apply entries up to `commit` in order; each exactly once.
///  6. After a crash between 1 and 4 any prefix of the unsynced records may be there: all are valid states.
struct Ready {
  uint64_t sequence = 0;  // increases by one per Ready
  std::optional<HardState> hard_state;
  std::optional<SnapshotHead> install;
  std::vector<Entry> entries;
  std::vector<Message> send_now;
  std::vector<Message> send_when_durable;
  LogIndex commit;
  std::vector<ReadOutcome> reads;
  std::vector<EntriesWanted> entries_wanted;
  std::vector<SnapshotWanted> snapshots_wanted;

  bool must_persist() const { return hard_state.has_value() || install.has_value() || !entries.empty(); }
};

}  // namespace torc::consensus
