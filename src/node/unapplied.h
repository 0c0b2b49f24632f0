// Entries that are in the log and not applied yet, as far as they are kept in memory.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "consensus/types.h"

namespace torc::node {

/// The oldest ones, which are next: whoever applies more slowly than it is sent (a state that is dear to change, a
/// member that comes back) does not gather the rest, which is read back from the log when its turn comes.
///
///     applied     front ... back       (in the log only)        last index
///        |  gap?  [  kept, no gap  ]
///
/// A gap in front: entries from before this process started, or dropped with what stood behind them.
class Unapplied {
 public:
  /// Several times what one turn applies of small entries; entries are taken until they pass it.
  static constexpr size_t kKeptBytesMax = 16u << 20;
  static constexpr size_t kBytesMax = kKeptBytesMax + consensus::kEntryBytesMax;
  /// Read back at a time.
  static constexpr size_t kLoadBytesMax = 4u << 20;
  static_assert(kLoadBytesMax <= kKeptBytesMax);

  bool is_empty() const { return entries_.empty(); }
  /// Requires: !is_empty().
  LogIndex front() const { return entries_.front().index; }
  size_t bytes() const { return bytes_; }

  /// These stand in the log now, in place of what stood there from the first one on. Requires: consecutive, not empty.
  void append(std::vector<consensus::Entry> entries);
  /// What was read back, which begins before front(). Requires: consecutive, not empty, at most kLoadBytesMax and one
  /// entry.
  void put_in_front(const std::vector<consensus::Entry>& entries);
  /// Requires: !is_empty().
  consensus::Entry take_front();
  void clear();

 private:
  std::deque<consensus::Entry> entries_;
  size_t bytes_ = 0;
};

}  // namespace torc::node
