// What a replica makes of the state of its own disk and of the others' (rules.md#leader-persists).
#include <algorithm>

#include "node/group.h"

namespace torc::node {
namespace {

constexpr Duration kPatienceMax =
    10s;  // of a replica with a slow disk: then it tries nevertheless: perhaps all disks are slow

}  // namespace

void Group::watch_disk() {
  const Instant now = clock_.now();
  disk_watch_.observe(replica_->status(now), configuration(), log_.disk_progress(), now);
  replica_->set_election_patience(
      std::min<Duration>(DiskWatch::kPatienceWrites * disk_watch_.write_time(now), kPatienceMax));
  if (was_leader_ && disk_watch_.is_worse_than_others(configuration(), now)) hand_over();
}

}  // namespace torc::node
