// The core's view of its log: where it starts and ends, which terms it holds, the entries still kept in memory, and how
// much of it is durable. The log itself is written by the driver (Ready, contract 1).
//
//      start          first_held         commit       stable     offered      last
//        |  in the log only | held, committed  | held, uncommitted (always kept)  |
//        +------------------+------------------+-----------+----------+-----------+
//        checkpoint ->      entries_wanted          durable   on its way   next Ready
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "consensus/replica.h"
#include "consensus/types.h"

namespace torc::consensus {

class LogView {
 public:
  /// Requires: check_restored(restored); the CHECKs here only say so again.
  LogView(const RestoredState& restored, size_t held_bytes_max);

  LogIndex start_index() const { return start_index_; }
  LogIndex last_index() const { return last_index_; }
  Term last_term() const { return runs_.empty() ? start_term_ : runs_.back().term; }
  LogIndex commit() const { return commit_; }
  LogIndex stable_index() const { return stable_index_; }
  /// First entry kept in memory; last_index() + 1 if none is.
  LogIndex first_held() const { return last_index_ + 1 - held_.size(); }
  size_t held_bytes() const { return held_bytes_; }

  /// Term of the entry at `index`; nothing below the start or beyond the end.
  std::optional<Term> term_at(LogIndex index) const;
  /// Largest index at or below `index` (and last_index()) whose term is at most `term`, skipping whole terms. Below the
  /// start terms are unknown: the search ends there and returns what it has reached.
  LogIndex last_not_above(LogIndex index, Term term) const;
  /// True if a log that ends in (last_term, last_index) is at least as fresh as this one (Raft 5.4.1).
  bool is_up_to_date(Term last_term, LogIndex last_index) const;

  /// True if `entries` are this log's entries from `first` on. One with the index and term that this log has there is
  /// the same entry (log matching), whenever it was read back.
  bool holds(LogIndex first, const std::vector<Entry>& entries) const;
  /// How many of these consecutive entries, from the front, the log has already. What the checkpoint covers it has.
  size_t count_known(const std::vector<Entry>& entries) const;

  /// Requires: entry.index == last_index() + 1, its term not below last_term(), a well-formed payload if
  /// kConfiguration.
  void append(Entry entry);
  /// Drops everything behind `last_kept`. Requires: last_kept >= commit().
  void truncate_suffix(LogIndex last_kept);
  /// Moves the commit index forward; earlier values are ignored. Requires: index <= last_index().
  void commit_to(LogIndex index);
  /// A snapshot of (index, term) takes the place of the whole log. It becomes stable with the Ready that offers it.
  /// Requires: index > commit(), and the log does not hold (index, term).
  void reset(LogIndex index, Term term, const Configuration& configuration);
  /// Forgets entries up to `index`: only the checkpoint has them now. Requires: index <= commit().
  void cut(LogIndex index);
  /// Every member is known to have the log durably up to `index`: these entries need not be kept in memory.
  void release(LogIndex index);

  /// Copies held entries from `first` on, until the one that reaches `bytes_max`. Returns their bytes.
  /// Requires: first >= first_held().
  size_t collect(LogIndex first, size_t bytes_max, std::vector<Entry>& out) const;

  // ---- durability: what was offered to the driver in which Ready, and what of it is still the log ----
  bool has_unoffered() const { return is_reset_ || offered_index_ < last_index_; }
  /// Entries no Ready has carried yet, which Ready `sequence` will carry.
  std::vector<Entry> offer(uint64_t sequence);
  /// Everything up to Ready `sequence` is durable. Entries that were replaced since do not become stable (ABA: an fsync
  /// of the old entries may end after the new ones took their place).
  void persisted(uint64_t sequence);

  /// The latest configuration in the log, committed or not (Raft 6).
  const Configuration& configuration() const { return configurations_.back().configuration; }
  LogIndex configuration_index() const { return configurations_.back().index; }
  /// The one in force at `index`. Requires: start_index() <= index <= last_index().
  const Configuration& configuration_at(LogIndex index) const;

 private:
  friend struct StateEncoding;  // reads everything, for the model checker
  struct Offer {
    uint64_t sequence;
    LogIndex last_index;  // clipped when a truncation replaces what was offered
  };

  void drop_front();
  void trim_held();

  size_t held_bytes_max_;
  LogIndex start_index_;
  Term start_term_;
  std::vector<TermRun> runs_;
  LogIndex last_index_;
  LogIndex commit_;
  LogIndex stable_index_;
  LogIndex offered_index_;
  LogIndex released_index_;
  std::deque<Entry> held_;  // first_held() .. last_index()
  size_t held_bytes_ = 0;
  std::deque<Offer> offers_;
  bool is_reset_ = false;  // since the last offer
  /// The one in force at the start, as if its entry stood there, then every later one.
  std::vector<PlacedConfiguration> configurations_;
};

}  // namespace torc::consensus
