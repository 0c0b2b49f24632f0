// When a group has nothing to do, and what is said meanwhile: heartbeats, their answers, and nothing else.
#include <algorithm>
#include <chrono>

#include "node/group.h"

namespace torc::node {
namespace {

/// Deadlines of keys are by the clocks of nodes, which may be set: a group whose next key is due later looks again.
constexpr Duration kLookAtKeysAgain = 10s;

}  // namespace

Instant Group::next_deadline() const {
  if (!is_resting_ && has_backlog()) return clock_.now();
  return std::min(replica_->next_deadline(), rests_until_);
}

// What is asked for here is what maintain() looks after, and what a turn would go on with. Whatever else comes to the
// group wakes it.
bool Group::try_rest() {
  const bool is_busy = wants_turn() || proposals_.bytes_in_flight() > 0 || reads_.bytes() > 0 || !undurable_.empty() ||
                       installation_.is_expected() || installation_.is_under_way() || state().flushed_bytes() > 0 ||
                       (was_leader_ && !replacement_.is_idle()) || !disk_watch_.is_calm() ||
                       !snapshot_sender_.is_idle() || snapshot_receiver_.is_staging() ||
                       own_checkpoints_.is_under_way();
  if (is_busy) return false;
  is_resting_ = true;
  rests_until_ = next_purge_due();
  rests_at_ = replica_->replicated_to_all();
  return true;
}

Instant Group::next_purge_due() const {
  const std::optional<WallMs> due = was_leader_ ? state().next_due() : std::nullopt;
  if (!due) return Instant::never();
  const Instant now = clock_.now();
  const Duration wait = std::chrono::milliseconds(std::max<int64_t>(due->ms - stamp_now(now).ms, 0));
  return std::max(next_purge_, now + std::min<Duration>(wait, kLookAtKeysAgain));
}

bool Group::rest_on(std::vector<consensus::Message>& said) {
  const bool is_as_it_was = replica_->role() == told_.role && replica_->term() == told_.term &&
                            replica_->leader() == told_.leader && replica_->replicated_to_all() == rests_at_;
  return is_as_it_was && replica_->take_messages(said);
}

}  // namespace torc::node
