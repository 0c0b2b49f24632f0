// The files of a running log: segments still needed, files ready for the next one, files to give back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/lifetime.h"
#include "env/clock.h"
#include "env/disk.h"
#include "storage/log.h"
#include "storage/log_recovery.h"
#include "storage/reserve.h"

namespace torc::storage {

class SegmentSet {
 public:
  /// Starts preparing the next segment at once, and the reserve before it. `on_reserve_changed` runs on the loop when
  /// reserve().is_lacking() changes, `on_fatal` if a prepared file could not be synced.
  SegmentSet(env::Disk& disk, env::Clock& clock, const LogOptions& options, RecoveredLog& recovered,
             std::function<void()> on_reserve_changed, std::function<void(const Error&)> on_fatal);
  ~SegmentSet();
  SegmentSet(const SegmentSet&) = delete;
  SegmentSet& operator=(const SegmentSet&) = delete;

  const Segment& current() const { return segments_.rbegin()->second; }
  /// The current segment is the small file that a start wrote, not a zero-filled one: overwriting is faster than
  /// appending.
  bool current_is_short() const { return current_is_short_; }
  bool has_spare() const { return !spare_names_.empty(); }
  /// Makes a spare file the current segment, to be written from its header on.
  /// Requires: has_spare(). Errors: of opening the file; the spare is given up then.
  Status begin_next(LogPosition base);
  /// Has a file zero-filled in the background unless one is ready or on its way, or there is no space even for the
  /// reserve.
  void prepare_spare();
  /// The segment that holds a position. Requires: not released.
  const Segment& holding(LogPosition position) const;
  const Segment& oldest() const { return segments_.begin()->second; }
  /// Recycles or removes all segments older than `first_sequence_needed`, except the current one.
  void release_before(uint64_t first_sequence_needed);
  /// For what is urgent on a full disk: the reserve goes, and then spare files one by one. A spare that was on its way
  /// when the reserve went has taken from it. False if there is nothing left to give.
  bool give_space();
  const Reserve& reserve() const { return reserve_; }

 private:
  void on_prepared(const std::string& name, const Status& status);
  void give_back(const std::string& name, bool is_full_size);

  env::Disk& disk_;
  env::Clock& clock_;
  const LogOptions& options_;
  std::function<void(const Error&)> on_fatal_;
  Reserve reserve_;
  Lifetime lifetime_;
  std::map<uint64_t, Segment> segments_;  // by sequence
  std::vector<std::string> spare_names_;
  uint64_t next_file_number_;
  bool current_is_short_ = true;
  bool is_preparing_ = false;
  env::TimerId retry_timer_ = 0;
};

}  // namespace torc::storage
