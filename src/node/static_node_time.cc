// What a node does by the clock. Groups that rest are not looked at: a thousand of them cost what their heartbeats
// cost.
#include <algorithm>
#include <utility>

#include "node/static_node.h"

namespace torc::node {
namespace {

/// Of what is maintained while something goes on: groups that do not rest, the log.
constexpr Duration kMaintainInterval = 10ms;
/// Of what the node looks after when all is quiet.
constexpr Duration kQuietInterval = 500ms;
/// Applied and answered in one turn, in kv::Cost::work: about 5 ms of it. A node that has much to catch up with, or a
/// command that names very many keys, must be heard, and hear, meanwhile.
constexpr uint64_t kWorkPerTurn = 8u << 20;
constexpr uint64_t kWorkPerGroupMin = 128u << 10;
/// An older write says nothing about the next one.
constexpr Duration kWriteAgeMax = DiskWatch::kMeasurementAgeMax;

}  // namespace

// ---- deadlines ----

void StaticNode::on_groups_due() {
  group_timer_ = 0;
  group_timer_at_ = Instant::never();
  if (is_dead_) return;
  // Elections are nearly always put off by a heartbeat before their time comes. Those that are near are brought up to
  // date at the same time as what is due: else each of a thousand groups had the loop wake up for itself.
  const Instant now = clock_.now();
  std::vector<uint32_t> near;
  while (const std::optional<uint32_t> place = deadlines_.take_due(now + options_.heartbeat_interval)) {
    near.push_back(*place);
  }
  for (const uint32_t place : near) {
    HostedGroup& group = hosted(place);
    const GroupId id = group_of_arc(place);
    if (const std::optional<Instant> next = resting_.on_due(id, now, beaten_)) {
      for (const consensus::SentHeartbeat& heartbeat : beaten_) links_.send(id, heartbeat);
      beaten_.clear();
      deadlines_.set(place, *next);
      continue;
    }
    if (group.next_deadline() <= now) group.on_deadline();
    if (!group.is_awake) deadlines_.set(place, group.next_deadline());  // else at the end of the turn
  }
}

void StaticNode::arm_group_timer() {
  const Instant next = deadlines_.next();
  if (next == group_timer_at_) return;
  clock_.cancel(group_timer_);
  group_timer_at_ = next;
  group_timer_ = 0;
  if (next != Instant::never()) group_timer_ = clock_.call_at(next, [this] { on_groups_due(); });
}

// ---- maintenance ----

void StaticNode::attend(HostedGroup& group) {
  if (std::exchange(group.is_attended, true)) return;
  attended_.push_back(&group);
  resting_.remove(group.id());
  if (maintain_at_ > clock_.now() + kMaintainInterval) arm_maintenance();
}

void StaticNode::attend_all() {
  for (const auto& group : groups_) attend(*group);
}

void StaticNode::maintain() {
  if (is_dead_) return;
  if (is_born()) maintain_groups();
  maintain_chapters();
  if (clock_.now() - clocks_compared_at_ >= ClockWatch::kInterval) compare_clocks();
  arm_maintenance();
}

void StaticNode::arm_maintenance() {
  clock_.cancel(maintain_timer_);
  maintain_at_ = clock_.now() + (wants_maintenance_soon() ? kMaintainInterval : kQuietInterval);
  maintain_timer_ = clock_.call_at(maintain_at_, [this] { maintain(); });
}

bool StaticNode::wants_maintenance_soon() const {
  return !is_born() || !attended_.empty() || !asked_.empty() || !is_settled() || !chapters_->is_settled() ||
         chapters_->durable().own != chapter_told_ || log_->bytes_retained() > keeper_.checkpoint_beyond_bytes();
}

void StaticNode::maintain_groups() {
  const bool may_rest = !is_disk_in_trouble();
  if (!may_rest) attend_all();
  for (HostedGroup* group : std::exchange(attended_, {})) {  // whoever is attended meanwhile comes the next time
    if (group->maintain()) wake(*group);
    count_memory(*group);
    checkpoint_queue_.note(place_of(*group), group->group().log_growth(), group->group().is_checkpoint_under_way());
    if (may_rest && group->try_rest()) {
      group->is_attended = false;
      resting_.add(group->id(), group->group().replica(), group->group().rests_until());
      deadlines_.set(place_of(*group), group->next_deadline());
    } else {
      attended_.push_back(group);
    }
  }
  begin_checkpoints();
  keep_log_short();
  if (clock_.now() - balanced_at_ >= LeadershipBalance::kInterval) balance_leadership();
  has_returned_ = has_returned_ || (holds_newcomers() && std::ranges::all_of(groups_, [](const auto& group) {
                                      return group->group().is_established();
                                    }));
}

/// All groups are concerned then, whether they write or not: who leads hands over, who follows is patient.
bool StaticNode::is_disk_in_trouble() const {
  const Instant now = clock_.now();
  const storage::DiskProgress disk = log_->disk_progress();
  const Duration under_way = disk.writing_since ? now - *disk.writing_since : Duration(0);
  const Duration last = now - disk.last_done <= kWriteAgeMax ? disk.last_took : Duration(0);
  return disk.is_full || DiskWatch::kPatienceWrites * std::max(under_way, last) > options_.election_timeout_min;
}

// ---- memory ----

void StaticNode::begin_turn(HostedGroup& group) {
  const uint64_t work = std::max(kWorkPerTurn / std::max<size_t>(awake_.size(), 1), kWorkPerGroupMin);
  group.begin_turn(memory_outside_ + memory_of_groups_ - group.memory_counted, work);
}

void StaticNode::count_memory(HostedGroup& group) {
  const uint64_t used = group.memory_used();
  memory_of_groups_ += used - std::exchange(group.memory_counted, used);
}

// ---- the log, and who leads ----

void StaticNode::begin_checkpoints() {
  for (const uint32_t place : checkpoint_queue_.take_due()) {
    hosted(place).group().take_checkpoint();
    attend(hosted(place));
  }
}

/// One group with a long tail would keep the segments of all others.
void StaticNode::keep_log_short() {
  std::erase_if(asked_, [this](HostedGroup* group) {
    if (group->group().is_checkpoint_demanded()) return false;
    keeper_.on_checkpoint_ended(group->id());
    return true;
  });
  if (log_->bytes_retained() <= keeper_.checkpoint_beyond_bytes()) return;
  for (const GroupId id : keeper_.due(log_->pins_beyond(keeper_.checkpoint_beyond_bytes(), LogKeeper::kPinsMax))) {
    HostedGroup* group = find(id);
    if (group == nullptr) continue;
    group->group().demand_checkpoint();
    attend(*group);
    asked_.push_back(group);
  }
}

void StaticNode::balance_leadership() {
  balanced_at_ = clock_.now();
  if (groups_.size() == 1) return;
  std::vector<NodeId> leaders;
  for (const auto& group : groups_) leaders.push_back(group->known_leader().node);
  const auto may_lead = [this](NodeId node) { return is_reachable(node); };
  for (const auto& move : balance_.next(leaders, options_.id, options_.initial_cluster, may_lead, clock_.now())) {
    wake(*groups_[move.group]);
    groups_[move.group]->group().hand_over_to(move.target);
  }
}

}  // namespace torc::node
