// All groups of the running log, and what of it they still need.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/strong_id.h"
#include "storage/batch_encoder.h"
#include "storage/log.h"
#include "storage/log_group.h"
#include "storage/log_replay.h"
#include "storage/retention.h"
#include "storage/segment_set.h"

namespace torc::storage {

struct TailCopy;

/// Nothing here walks over groups that nobody spoke of, except at the head of a segment.
class LogGroups {
 public:
  /// As recovered: everything is durable.
  explicit LogGroups(LogReplay::Outcome recovered);

  /// Makes the group if there is none.
  LogGroup& of(GroupId group) { return groups_[group]; }
  /// Null if nothing is known of the group.
  LogGroup* find(GroupId group);
  const LogGroup* find(GroupId group) const;
  /// Groups with entries, by where the oldest one stands: as of what was handed to the disk, except that a copy counts
  /// only once it is durable.
  const Retention::Pins& pins() const { return retention_.pins(); }
  uint64_t oldest_sequence_needed(const SegmentSet& segments) const;
  /// As Log::pins_beyond(); `end`: of the log.
  std::vector<Pin> pins_beyond(uint64_t bytes, size_t count_max, const SegmentSet& segments, LogPosition end) const;

  /// Every group's state as of what was handed to the disk, for a new segment's head.
  void write_states(BatchEncoder& encoder) const;
  /// Everything that was appended for these groups was handed to the disk. Who is gone is forgotten.
  void note_written(const std::vector<GroupId>& spoken_of);
  /// Batches below `batch_end` are durable, the last one of which spoke of these groups and held these copies.
  void note_durable(const std::vector<GroupId>& spoken_of, const std::vector<TailCopy>& copies, uint64_t batch_end);

 private:
  void note_retention(GroupId id, const LogGroup& group);

  std::map<GroupId, LogGroup> groups_;
  Retention retention_;
};

}  // namespace torc::storage
