// Keeps the log that all groups of a node share within its budget: says which of them must checkpoint now, so that old
// segments can go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "base/strong_id.h"
#include "storage/log.h"

namespace torc::node {

/// Small tails the log copies by itself, from half of the budget on (copy_beyond_bytes()). A group that still pins more
/// than three quarters has to checkpoint, whoever lacks its entries and however little it wrote since the last one: a
/// member that lags gets a snapshot.
///
///   0            1/2            3/4           budget
///   |  as usual   | small tails  | checkpoints |
///                   are copied     are asked for
class LogKeeper {
 public:
  /// At most so many groups are asked at once; the others wait until one of these is done.
  static constexpr size_t kCheckpointsAtOnceMax = 4;

  /// For a node whose groups begin a checkpoint when their log grew by `checkpoint_log_bytes` and keep
  /// `log_tail_bytes` behind it for members that lag.
  LogKeeper(uint64_t checkpoint_log_bytes, uint64_t log_tail_bytes)
      : budget_bytes_(2 * (checkpoint_log_bytes + log_tail_bytes)) {}

  uint64_t budget_bytes() const { return budget_bytes_; }
  /// For storage::LogOptions.
  uint64_t copy_beyond_bytes() const { return budget_bytes_ / 2; }
  /// For storage::Log::pins_beyond(). While the log retains no more, there is nothing to ask.
  uint64_t checkpoint_beyond_bytes() const { return budget_bytes_ - budget_bytes_ / 4; }
  /// Pins that due() has to see: the largest, so that those already asked are among them.
  static constexpr size_t kPinsMax = 64;

  /// Groups that must checkpoint, and cut the log there, now; the largest pin first, among equals the longest tail.
  /// They count as asked until told otherwise, and one whose checkpoint freed nothing is asked again only when its pin
  /// has grown by an eighth of the budget. `pins`: as pins_beyond(checkpoint_beyond_bytes(), kPinsMax) gives them.
  std::vector<GroupId> due(std::vector<storage::Pin> pins);
  /// The group's checkpoint has ended, well or not; or the group is gone. Ignored if it was not asked.
  void on_checkpoint_ended(GroupId group);

 private:
  struct Asked {
    bool is_writing = true;
    uint64_t bytes_pinned = 0;  // when it was asked
  };
  const uint64_t budget_bytes_;
  size_t writing_ = 0;
  std::map<GroupId, Asked> asked_;
};

}  // namespace torc::node
