// What a replica makes of the state of its own disk and of the others' (rules.md#leader-persists).
#include <algorithm>

#include "node/group.h"

namespace torc::node {
namespace {

/// Votes are given once they are durable: the own one, then the others'. Whoever has a slow disk waits accordingly
/// before it tries, and leaves the first try to those with fast ones.
constexpr int kPatienceWrites = 2;
constexpr Duration kPatienceMax = 10s;  // then it tries nevertheless: perhaps all disks are slow

}  // namespace

void Group::watch_disk() {
  const Instant now = clock_.now();
  disk_watch_.observe(replica_->status(now), configuration(), log_.disk_progress(), now);
  replica_->set_election_patience(std::min<Duration>(kPatienceWrites * disk_watch_.write_time(now), kPatienceMax));
  if (was_leader_ && disk_watch_.is_worse_than_others(configuration(), now)) hand_over();
}

}  // namespace torc::node
