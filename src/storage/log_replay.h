// What a log's records, taken in order, say about its groups.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "storage/entry_index.h"
#include "storage/group_state.h"
#include "storage/log.h"
#include "storage/record_format.h"

namespace torc::storage {

/// Replay begins at the oldest segment still needed, whose head states every group. Entries that stood in older
/// segments are then known by last_index only; finish() refuses if one of them was needed after all.
///
/// Copies of a group's tail count once the whole tail is there: they repeat what the log says up to its last entry, so
/// they change nothing but where the entries are read, and supply those whose segments are gone.
class LogReplay {
 public:
  /// Errors: kCorrupt if the record contradicts what came before; kVersion.
  Status apply(RecordKind kind, GroupId group, std::string_view payload, LogPosition record);
  /// Groups as of the records applied so far.
  std::map<GroupId, GroupState> states() const;
  uint64_t first_sequence_needed() const { return first_sequence_needed_; }

  struct Outcome {
    std::map<GroupId, GroupLog> groups;
    std::map<GroupId, EntryIndex> indexes;
  };
  /// Errors: kCorrupt if a needed entry is missing or a configuration cannot be read; kVersion.
  Result<Outcome> finish() &&;

 private:
  struct ReplayedEntry {
    LogIndex index;
    Term term;
    EntryPlace place;
    std::optional<std::string> configuration;  // encoded
  };
  struct Group {
    GroupState state;
    EntryIndex index;
    std::vector<consensus::TermRun> runs;
    struct ConfigurationAt {
      LogIndex index;
      std::string encoded;
    };
    std::vector<ConfigurationAt> configurations;

    /// Replaces what stands at its index and behind it.
    void take(ReplayedEntry entry);
    std::optional<Term> term_of(LogIndex entry) const;
  };
  static Result<ReplayedEntry> parse(std::string_view encoded, LogPosition record);
  static Status apply_entry(Group& group, std::string_view encoded, LogPosition record);
  Status apply_copy(GroupId id, std::string_view encoded, LogPosition record);
  Status apply_start(Group& group, RecordKind kind, const LogPoint& point);
  Status apply_state(GroupId id, std::string_view payload);

  std::map<GroupId, Group> groups_;
  std::vector<ReplayedEntry> copied_;  // the beginning of a copied tail
  GroupId copied_of_;
  uint64_t first_sequence_needed_ = 0;
};

}  // namespace torc::storage
