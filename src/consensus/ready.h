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

/// The core no longer holds these entries and wants them back, to send them to `peer` (RULES 6). They are durable in
/// the own log. Always answer with Replica::entries_loaded, also when leadership has ended meanwhile: at most one
/// request per peer is outstanding, and the next waits for the answer.
struct EntriesWanted {
  ReplicaId peer;
  LogIndex first;
  LogIndex last;
  size_t bytes_max = 0;  // stop after the entry that reaches this
};

/// The contract, numbered so that tests and crash points can name a line:
///  1. Append `hard_state` (if any) and `entries` (if any) to the log, in that order, after everything of earlier
///  Readys.
///     entries.front().index at or below the log's last index replaces the log from there on.
///  2. `send_now` may leave at once, before any of it is durable.
///  3. `send_when_durable` leaves only when everything of 1, of this and of all earlier Readys, is durable.
///  4. When it is durable call Replica::persisted(sequence). Readys may be pipelined; sequences become durable in
///  order.
///  5. Apply entries up to `commit` in order; each exactly once.
///  6. After a crash between 1 and 4 any prefix of the unsynced records may be there: all are valid states.
struct Ready {
  uint64_t sequence = 0;  // increases by one per Ready
  std::optional<HardState> hard_state;
  std::vector<Entry> entries;
  std::vector<Message> send_now;
  std::vector<Message> send_when_durable;
  LogIndex commit;
  std::vector<ReadOutcome> reads;
  std::vector<EntriesWanted> entries_wanted;

  bool must_persist() const { return hard_state.has_value() || !entries.empty(); }
};

}  // namespace torc::consensus
