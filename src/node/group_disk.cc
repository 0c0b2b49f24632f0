// What a replica makes of the state of its own disk and of the others' (rules.md#leader-persists).
#include <algorithm>

#include "consensus/quorum.h"
#include "node/group.h"

namespace torc::node {
namespace {

/// Votes are given once they are durable: the own one, then the others'. Whoever has a slow disk waits accordingly
/// before it tries again, and leaves the first try to those with fast ones.
constexpr int kPatienceWrites = 4;
constexpr Duration kPatienceMax = 10s;  // then it tries nevertheless: perhaps all disks are slow
/// A full disk that is relieved at once is no reason to move.
constexpr Duration kFullMax = 700ms;
constexpr Duration kReportAgeMax = 3500ms;  // they come once a second

}  // namespace

void Group::watch_disk() {
  const Instant now = clock_.now();
  const consensus::ReplicaStatus status = replica_->status(now);
  disk_watch_.observe(status.commit, status.stable_index, log_.disk_progress(), now);
  replica_->set_election_patience(std::min<Duration>(kPatienceWrites * disk_watch_.write_time(now), kPatienceMax));
  if (!log_.disk_full()) {
    disk_full_since_.reset();
  } else if (!disk_full_since_) {
    disk_full_since_ = now;
  }
  is_majority_full_ = was_leader_ && has_full_majority();
  if (!was_leader_) return;
  if (disk_watch_.behind_quorum(now) > DiskWatch::kBehindMax) return hand_over();
  if (!disk_full_since_ || now - *disk_full_since_ < kFullMax) return;
  const std::vector<consensus::ReplicaId>& voters = configuration().voters;
  const bool has_better = std::ranges::any_of(voters, [&](consensus::ReplicaId voter) {
    const auto report = disk_reports_.find(voter.node);
    const bool is_fresh = report != disk_reports_.end() && now - report->second.at <= kReportAgeMax;
    return voter != options_.replica.self && is_fresh && !report->second.is_full;
  });
  if (has_better) hand_over();
}

/// As far as it is known.
bool Group::has_full_disk(NodeId node) const {
  if (node == options_.replica.self.node) return log_.disk_full();
  const auto report = disk_reports_.find(node);
  return report != disk_reports_.end() && report->second.is_full && clock_.now() - report->second.at <= kReportAgeMax;
}

/// Then nothing that is written now would be committed before there is space.
bool Group::has_full_majority() const {
  std::map<consensus::ReplicaId, bool> has_space;
  for (const consensus::ReplicaId member : configuration().members()) has_space[member] = !has_full_disk(member.node);
  return consensus::count_votes(configuration(), has_space) == consensus::VoteResult::kLost;
}

}  // namespace torc::node
