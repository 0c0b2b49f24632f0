#include "node/disk_watch.h"

#include <algorithm>

namespace torc::node {
namespace {

/// Between two of the commits that are kept: with a disk that hangs for an hour they are some ten thousand.
constexpr Duration kCommitInterval = 50ms;

}  // namespace

void DiskWatch::observe(LogIndex commit, LogIndex stable, const storage::DiskProgress& disk, Instant now) {
  disk_ = disk;
  while (!ahead_.empty() && ahead_.front().index <= stable) ahead_.pop_front();
  if (commit <= stable) return;
  const bool is_new = ahead_.empty() || commit > ahead_.back().index;
  if (is_new && (ahead_.empty() || now - ahead_.back().at >= kCommitInterval)) ahead_.push_back({commit, now});
}

Duration DiskWatch::behind_quorum(Instant now) const {
  return ahead_.empty() ? Duration(0) : now - ahead_.front().at;
}

Duration DiskWatch::write_time(Instant now) const {
  const Duration under_way = disk_.writing_since ? now - *disk_.writing_since : Duration(0);
  const bool is_recent = now - disk_.last_done <= kMeasurementAgeMax;
  return std::max(under_way, is_recent ? disk_.last_took : Duration(0));
}

}  // namespace torc::node
