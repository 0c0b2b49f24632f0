#include "sim/observer.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <sstream>
#include <string>
#include <utility>

#include "node/clock_watch.h"

namespace torc::sim {
namespace {

// A replica that lags further behind than this is compared again when it has caught up.
constexpr size_t kDigestsKept = 20'000;
// A digest walks the whole state: states are compared at every n-th index, and all of them at the end. Each doubling of
// a large state halves how often: indexes of the longer step are indexes of the shorter ones, so replicas that disagree
// on what is large still meet.
constexpr uint64_t kDigestEvery = 16;
constexpr uint64_t kLargeStateBytes = 256u << 10;

int64_t world_ms(Instant now) { return now.ns / 1'000'000; }

uint64_t digest_step(uint64_t state_bytes) { return kDigestEvery * std::bit_ceil(1 + state_bytes / kLargeStateBytes); }

template <typename... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

char letter_of(consensus::Role role) {
  switch (role) {
    case consensus::Role::kFollower:
      return 'F';
    case consensus::Role::kPreCandidate:
      return 'P';
    case consensus::Role::kCandidate:
      return 'C';
    case consensus::Role::kLeader:
      return 'L';
  }
  return '?';
}

/// A node in one column of the trace.
std::string column_of(const node::NodeStatus& status) {
  if (status.groups.empty()) return status.membership == node::Membership::kMeeting ? "meeting" : "stranger";
  const consensus::ReplicaStatus& replica = status.groups.front().replica;
  std::string column =
      text(letter_of(replica.role), replica.has_lease ? "* " : "  ", replica.term, ":", replica.commit);
  if (replica.last_index > replica.commit) column += text("+", replica.last_index - replica.commit);
  return column;
}

}  // namespace

Observer::Observer(World& world) : world_(world) {}

void Observer::after_turn(NodeId id) {
  const node::NodeStatus& status = world_.status_after_turn(id);
  if (world_.trace().is_read()) world_.trace().show(id, column_of(status));
  check_memory(id, status);
  look_at_clocks();
  for (const node::GroupStatus& group : status.groups) {
    Group& record = groups_[group.group];
    Seen& seen = seen_of(record, id, group.self);
    check_core(id, record, seen, group.group);
    check_leader(id, record, seen, group);
    check_lease(id, record, group);
    check_order(id, seen, group);
    if (group.applied != seen.applied) check_state(id, record, group);
    check_stamp(id, group);
    seen.role = group.replica.role;
    seen.term = group.replica.term;
    seen.commit = group.replica.commit;
    seen.applied = group.applied;
    snapshots_installed_ +=
        group.snapshots_installed - std::exchange(seen.snapshots_installed, group.snapshots_installed);
    highest_applied_ = std::max(highest_applied_, group.applied);
    largest_state_bytes_ = std::max(largest_state_bytes_, group.state_bytes);
    largest_log_bytes_ = std::max(largest_log_bytes_, group.log_bytes);
    highest_checkpoint_ = std::max(highest_checkpoint_, group.checkpoint_index);
  }
}

uint64_t Observer::leaderships() const {
  uint64_t sum = 0;
  for (const auto& [id, group] : groups_) sum += group.leaders.size();
  return sum;
}

uint64_t Observer::leaderships_of(GroupId id) const {
  const auto found = groups_.find(id);
  return found == groups_.end() ? 0 : found->second.leaders.size();
}

Observer::Seen& Observer::seen_of(Group& group, NodeId id, consensus::ReplicaId replica) const {
  Seen& seen = group.seen[id];
  if (seen.life != world_.life(id)) {
    group.invariants.crashed(seen.replica);
    seen = Seen{.life = world_.life(id), .replica = replica};
  }
  return seen;
}

/// Log matching, leader completeness, the committed prefix, and what must hold inside one replica.
void Observer::check_core(NodeId id, Group& record, const Seen& seen, GroupId group) {
  const consensus::Replica* replica = world_.hosted(id)->replica_of(group);
  if (replica == nullptr) return;
  const std::string wrong = record.invariants.observe(seen.replica, *replica);
  if (!wrong.empty()) world_.fail(FailureKind::kSafety, "replica " + wrong);
}

void Observer::check_leader(NodeId id, Group& record, const Seen& seen, const node::GroupStatus& group) {
  const consensus::ReplicaStatus& replica = group.replica;
  if (replica.role != seen.role || replica.term != seen.term) {
    world_.trace().note(world_.queue().now(), id, TraceKind::kRole,
                        replica.term.value << 8 | static_cast<uint64_t>(replica.role), [&] {
                          return text(consensus::to_string(replica.role), " of term ", replica.term, ", commit ",
                                      replica.commit, ", last ", replica.last_index);
                        });
  }
  if (replica.role != consensus::Role::kLeader) return;
  const auto [first, is_new] = record.leaders.emplace(replica.term, id);
  if (first->second != id) {
    world_.fail(FailureKind::kSafety,
                text("two leaders in term ", replica.term, ": nodes ", first->second, " and ", id));
  }
  if (!is_new) return;
  if (record.leaders.rbegin()->first == replica.term) latest_leader_ = id;
  check_leases_of_others(id, group.group, replica.term);
}

// A lease says: at this instant nobody else can have been elected. Stricter than what a stale read needs (the later
// leader must also have committed something), so that a hole shows before it does harm. A lease can only be gained or
// renewed in a turn, so looking at the holder after its turns and at everyone when a leader appears misses none.
void Observer::check_lease(NodeId id, const Group& record, const node::GroupStatus& group) {
  const consensus::ReplicaStatus& replica = group.replica;
  if (!replica.has_lease) return;
  const auto [latest_term, latest] = *record.leaders.rbegin();
  if (latest_term > replica.term) {
    world_.fail(FailureKind::kSafety, text("node ", id, " holds a lease of term ", replica.term, " although node ",
                                           latest, " was elected in term ", latest_term));
  }
}

void Observer::check_leases_of_others(NodeId leader, GroupId group_id, Term term) {
  for (const NodeId id : world_.nodes()) {
    // A stopped process serves nothing now; its lease is looked at when it has continued.
    if (id == leader || world_.hosted(id) == nullptr || world_.is_paused(id)) continue;
    for (const node::GroupStatus& group : world_.hosted(id)->status().groups) {
      if (group.group != group_id || !group.replica.has_lease || group.replica.term >= term) continue;
      world_.fail(FailureKind::kSafety, text("node ", leader, " was elected in term ", term, " while node ", id,
                                             " holds a lease of term ", group.replica.term));
    }
  }
}

void Observer::check_order(NodeId id, const Seen& seen, const node::GroupStatus& group) {
  if (group.replica.term < seen.term || group.replica.commit < seen.commit || group.applied < seen.applied) {
    world_.fail(FailureKind::kSafety,
                text("node ", id, " went back: term ", seen.term, " -> ", group.replica.term, ", commit ", seen.commit,
                     " -> ", group.replica.commit, ", applied ", seen.applied, " -> ", group.applied));
  }
  if (group.replica.commit > group.replica.last_index || group.applied > group.replica.commit) {
    world_.fail(FailureKind::kSafety, text("node ", id, " has applied ", group.applied, ", commit ",
                                           group.replica.commit, ", last index ", group.replica.last_index));
  }
}

void Observer::check_memory(NodeId id, const node::NodeStatus& status) {
  for (const node::Gauge& gauge : status.gauges) {
    if (!gauge.is_over()) continue;
    world_.fail(FailureKind::kSafety, text("node ", id, " holds ", gauge.bytes, " bytes in ", gauge.name,
                                           ", which is bounded by ", gauge.bytes_max));
  }
}

void Observer::look_at_clocks() {
  clocks_.clear();
  for (const NodeId id : world_.nodes()) clocks_.push_back(world_.wall_now(id));
  std::ranges::sort(clocks_, std::greater());
  const int64_t ahead_ms = clocks_[clocks_.size() / 2].ms - world_ms(world_.queue().now());
  majority_ahead_ms_ = std::max(majority_ahead_ms_, ahead_ms);
}

/// Whatever single clocks showed. What a majority has shown once is allowed from then on, and goes on as time does: who
/// heard of a clock and hears no more of it takes it to run on, also where it has been set back since (seed 19).
void Observer::check_stamp(NodeId id, const node::GroupStatus& group) {
  constexpr int64_t kReportsOffMsMax = 2'000;  // clocks that nothing was heard of for a while run fast or slow
  const WallMs latest{world_ms(world_.queue().now()) + majority_ahead_ms_};
  if (group.stamp.ms <= latest.ms + node::ClockWatch::kFarMs + kReportsOffMsMax) return;
  world_.fail(FailureKind::kSafety, text("node ", id, " has a stamp of ", group.stamp,
                                         ", far ahead of the clocks of a majority, which showed ", latest, " at most"));
}

void Observer::check_state(NodeId id, Group& record, const node::GroupStatus& group) {
  const bool is_compared = !group.is_within_entry && group.applied.value % digest_step(group.state_bytes) == 0;
  const node::GroupDigest digest =
      is_compared ? world_.hosted(id)->digest(group.group) : node::GroupDigest{group.applied, 0};
  world_.trace().note(world_.queue().now(), id, TraceKind::kApplied, digest.applied.value ^ digest.value,
                      [&] { return text("through ", digest.applied); });
  if (!is_compared) return;
  auto& digests = record.digests;
  const auto [first, is_new] = digests.emplace(digest.applied, std::pair(digest.value, id));
  if (is_new) {
    if (digests.size() > kDigestsKept) digests.erase(digests.begin());
    return;
  }
  ++digests_compared_;
  if (first->second.first != digest.value) {
    world_.fail(FailureKind::kSafety, text("nodes ", first->second.second, " and ", id,
                                           " differ after applying everything through index ", digest.applied));
  }
}

std::string Observer::difference() const {
  for (const NodeId id : world_.nodes()) {
    if (world_.hosted(id) == nullptr) return text("node ", id, " is not running");
    const node::NodeStatus status = world_.hosted(id)->status();
    if (status.groups.empty() || status.membership != node::Membership::kMember) {
      return text("node ", id, " is no member: ", status.explanation);
    }
  }
  for (const auto& [id, group] : groups_) {
    std::string found = difference_of(id);
    if (!found.empty()) return found;
  }
  return "";
}

std::string Observer::difference_of(GroupId group) const {
  std::map<LogIndex, std::string> by_index;
  for (const NodeId id : world_.nodes()) by_index[world_.hosted(id)->digest(group).applied] += text(" ", id);
  std::string all = text("nodes have applied different entries of group ", group, ":");
  for (const auto& [applied, ids] : by_index) all += text(" [", applied, " by", ids, "]");
  if (by_index.size() > 1) return all;  // whoever is behind will be looked at when it is not
  std::map<uint64_t, std::string> by_state;
  for (const NodeId id : world_.nodes()) by_state[world_.hosted(id)->digest(group).value] += text(" ", id);
  if (by_state.size() == 1) return "";
  const std::string found = text("nodes have applied the same entries of group ", group,
                                 " and differ:", by_state.begin()->second, " against", by_state.rbegin()->second);
  world_.fail(FailureKind::kSafety, found);
  return found;
}

}  // namespace torc::sim
