#include "storage/segment_set.h"

#include <utility>

#include "base/check.h"

namespace torc::storage {

SegmentSet::SegmentSet(env::Disk& disk, env::Clock& clock, const LogOptions& options, RecoveredLog& recovered,
                       std::function<void()> on_reserve_changed, std::function<void(const Error&)> on_fatal)
    : disk_(disk),
      clock_(clock),
      options_(options),
      on_fatal_(std::move(on_fatal)),
      reserve_(
          disk, clock, options.reserve_bytes,
          [this, changed = std::move(on_reserve_changed)] {
            prepare_spare();
            changed();
          },
          on_fatal_),
      spare_names_(std::move(recovered.spare_names)),
      next_file_number_(recovered.next_file_number) {
  CHECK(!recovered.segments.empty());
  for (Segment& segment : recovered.segments) segments_.emplace(segment.sequence, std::move(segment));
  // A file that cannot be removed costs space only: the next start finds it stale again.
  for (const std::string& name : recovered.surplus_names) (void)disk_.remove(name);
  reserve_.make();
  prepare_spare();
}

SegmentSet::~SegmentSet() { clock_.cancel(retry_timer_); }

Status SegmentSet::begin_next(LogPosition base) {
  CHECK(has_spare());
  const std::string name = std::move(spare_names_.back());
  spare_names_.pop_back();
  auto file = disk_.open(name);
  if (!file.ok()) return file.error();
  const uint64_t sequence = current().sequence + 1;
  segments_.emplace(sequence, Segment{sequence, base, name, std::move(file).value()});
  current_is_short_ = false;
  return {};
}

bool SegmentSet::give_space() {
  if (reserve_.is_held()) {
    reserve_.release();
    return true;
  }
  if (!has_spare()) return false;
  (void)disk_.remove(spare_names_.back());  // what needs the space finds out
  spare_names_.pop_back();
  return true;
}

const Segment& SegmentSet::holding(LogPosition position) const {
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    if (segment->second.base <= position) return segment->second;
  }
  CHECK(false) << "position " << position << " was released";
}

void SegmentSet::release_before(uint64_t first_sequence_needed) {
  while (segments_.begin()->first < first_sequence_needed && segments_.size() > 1) {
    const Segment oldest = std::move(segments_.begin()->second);
    segments_.erase(segments_.begin());
    const auto bytes = oldest.file->size();
    give_back(oldest.name, bytes.ok() && *bytes == options_.segment_bytes);
  }
}

void SegmentSet::give_back(const std::string& name, bool is_full_size) {
  if (is_full_size && spare_names_.size() < options_.recycled_segments_max) {
    spare_names_.push_back(name);
  } else {
    (void)disk_.remove(name);  // costs space only if it fails
  }
}

void SegmentSet::prepare_spare() {
  if (has_spare() || is_preparing_ || reserve_.is_lacking()) return;
  is_preparing_ = true;
  const std::string name = segment_file_name(next_file_number_++);
  disk_.prepare(name, options_.segment_bytes,
                lifetime_.bind([this, name](const Status& status) { on_prepared(name, status); }));
}

void SegmentSet::on_prepared(const std::string& name, const Status& status) {
  is_preparing_ = false;
  if (status.ok()) {
    spare_names_.push_back(name);
    return;
  }
  (void)disk_.remove(name);
  if (status.error().code != ErrorCode::kDiskFull) return on_fatal_(status.error());
  // The running segment goes on, longer than planned if need be.
  retry_timer_ = clock_.call_at(clock_.now() + kDiskFullRetryDelay, [this] { prepare_spare(); });
}

}  // namespace torc::storage
