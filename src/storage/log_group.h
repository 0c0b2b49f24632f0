// What the running log holds of one group in memory.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include "consensus/types.h"
#include "storage/entry_index.h"
#include "storage/group_state.h"
#include "storage/record_format.h"

namespace torc::storage {

/// A group's state runs ahead of the disk in two steps: appended, then written (handed to the disk, not yet durable).
struct LogGroup {
  GroupState appended;
  GroupState written;     // as of the last batch handed to the disk
  bool is_known = false;  // some record of it was handed to the disk
  EntryIndex index;
  struct UnsyncedEntry {
    consensus::Entry entry;
    uint64_t batch;
  };
  std::deque<UnsyncedEntry> unsynced;  // read from memory until their batch is on disk

  /// Replaces what stands at its index and behind it. Requires: start index < index <= last index + 1.
  void append(const consensus::Entry& entry, uint64_t batch);
  /// Requires: index <= last index.
  void cut(LogIndex index, Term term);
  void reset(LogIndex index, Term term);
  /// The group left this node: as if nothing had ever been said about it.
  void remove();
  /// The durable entries, first and last, which a copy may repeat; nothing if there is none, or if what gathers
  /// replaces some of them. Requires: nothing in flight.
  struct Tail {
    LogIndex first;
    LogIndex last;
  };
  std::optional<Tail> settled_tail() const;

  void note_entry_written(LogIndex entry, LogPosition record);
  /// A record of another kind. Requires: a payload that this program encoded.
  void note_written(RecordKind kind, std::string_view payload);
  /// Batches below `batch_end` are on disk.
  void forget_synced(uint64_t batch_end);
};

}  // namespace torc::storage
