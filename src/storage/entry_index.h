// Where a group's entries stand in the log.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/strong_id.h"
#include "storage/record_format.h"

namespace torc::storage {

/// Of one entry's record.
struct EntryPlace {
  LogPosition record;
  uint32_t encoded_bytes = 0;  // Entry.encoded
};

/// Places of consecutive indexes. Ascending in index and, since a replaced tail is written anew, in position.
class EntryIndex {
 public:
  /// Drops what stands at `index` and behind it, then adds it.
  /// Requires: empty, or index at most one behind the last.
  void append(LogIndex index, EntryPlace place);
  /// Drops everything up to and including `last_index_cut`.
  void cut(LogIndex last_index_cut);
  void clear();
  /// Gives an entry its place once it is written. Ignored if it is gone already.
  void move(LogIndex index, LogPosition record);
  /// The same bytes stand at `to` as well. Ignored if the entry that stood at `from` is gone or was replaced.
  void move_copied(LogIndex index, LogPosition from, LogPosition to);

  bool empty() const { return places_.empty(); }
  /// Requires: !empty().
  LogIndex first_index() const { return first_; }
  LogIndex last_index() const { return first_ + (places_.size() - 1); }
  LogPosition oldest_record() const { return places_.front().record; }
  std::optional<EntryPlace> find(LogIndex index) const;
  /// Of the entries, without record headers.
  uint64_t bytes() const { return bytes_; }
  /// About what their records take in the log.
  uint64_t record_bytes_sum() const { return bytes_ + places_.size() * (kRecordHeaderBytes + kRecordAlignment); }

 private:
  LogIndex first_;
  std::deque<EntryPlace> places_;
  uint64_t bytes_ = 0;
};

}  // namespace torc::storage
