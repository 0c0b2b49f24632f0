#include "node/disk_watch.h"

#include <algorithm>

#include "consensus/quorum.h"

namespace torc::node {
namespace {

/// Between two of the commits that are kept: with a disk that hangs for an hour they are some ten thousand.
constexpr Duration kCommitInterval = 50ms;

}  // namespace

void DiskWatch::observe(const consensus::ReplicaStatus& replica, const consensus::Configuration& configuration,
                        const storage::DiskProgress& disk, Instant now) {
  disk_ = disk;
  if (!disk.is_full) {
    full_since_.reset();
  } else if (!full_since_) {
    full_since_ = now;
  }
  std::map<consensus::ReplicaId, bool> has_space;
  for (const consensus::ReplicaId member : configuration.members()) has_space[member] = !is_full(member.node, now);
  is_majority_full_ = consensus::count_votes(configuration, has_space) == consensus::VoteResult::kLost;

  while (!ahead_.empty() && ahead_.front().index <= replica.stable_index) ahead_.pop_front();
  if (replica.commit <= replica.stable_index) return;
  const bool is_new = ahead_.empty() || replica.commit > ahead_.back().index;
  if (is_new && (ahead_.empty() || now - ahead_.back().at >= kCommitInterval)) ahead_.push_back({replica.commit, now});
}

Duration DiskWatch::behind_quorum(Instant now) const { return ahead_.empty() ? Duration(0) : now - ahead_.front().at; }

Duration DiskWatch::write_time(Instant now) const {
  const Duration under_way = disk_.writing_since ? now - *disk_.writing_since : Duration(0);
  const bool is_recent = now - disk_.last_done <= kMeasurementAgeMax;
  return std::max(under_way, is_recent ? disk_.last_took : Duration(0));
}

bool DiskWatch::is_full(NodeId node, Instant now) const {
  if (node == self_.node) return full_since_.has_value();
  const auto report = reports_.find(node);
  return report != reports_.end() && report->second.is_full && now - report->second.at <= kReportAgeMax;
}

bool DiskWatch::is_worse_than_others(const consensus::Configuration& configuration, Instant now) const {
  const Duration under_way = disk_.writing_since ? now - *disk_.writing_since : Duration(0);
  if (std::min(under_way, behind_quorum(now)) > kHangMin) return true;
  if (!full_since_ || now - *full_since_ < kFullMax) return false;
  return std::ranges::any_of(configuration.voters, [&](consensus::ReplicaId voter) {
    const auto report = reports_.find(voter.node);
    const bool is_fresh = report != reports_.end() && now - report->second.at <= kReportAgeMax;
    return voter != self_ && is_fresh && !report->second.is_full;
  });
}

}  // namespace torc::node
