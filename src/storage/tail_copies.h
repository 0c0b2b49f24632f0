// Small tails of groups that have fallen behind are written anew, so that they do not keep old segments.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "consensus/types.h"
#include "storage/batch_encoder.h"
#include "storage/log.h"
#include "storage/log_groups.h"
#include "storage/segment_set.h"

namespace torc::storage {

/// A group's whole durable tail, to be written once more. The originals count until the copy is durable.
struct TailCopy {
  GroupId group;
  std::vector<consensus::Entry> entries;
  std::vector<LogPosition> from;
  std::vector<LogPosition> to;  // once it is written

  void write(BatchEncoder& encoder);
  /// The copy is durable: from here on the group's entries are read there.
  void take_effect(LogGroup& group) const;
};

/// Chooses whose tails are copied into the next batch. A tail is copied at most once while the log grows by
/// LogOptions::copy_beyond_bytes, and copies are at most a fifth of what is written, however many groups lag: what they
/// then still pin is for checkpoints (Log::pins_beyond).
class TailCopies {
 public:
  explicit TailCopies(const LogOptions& options);

  /// Bytes that are no copies were written.
  void note_written(uint64_t bytes);
  /// Blocking: reads what it returns. `end`: where the next batch goes. Requires: nothing in flight.
  /// Errors: kCorrupt, kIo: what was acknowledged cannot be read.
  Result<std::vector<TailCopy>> due(const LogGroups& groups, const SegmentSet& segments, uint64_t salt,
                                    LogPosition end);

 private:
  const LogOptions& options_;
  int64_t credit_bytes_;  // below zero: more was copied than what was written allows
};

}  // namespace torc::storage
