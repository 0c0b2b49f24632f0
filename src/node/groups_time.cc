// What a node's groups do by the clock. Those that rest are not looked at: a thousand of them cost what their
// heartbeats cost.
#include <algorithm>
#include <utility>

#include "node/groups.h"

namespace torc::node {
namespace {

/// An older write says nothing about the next one.
constexpr Duration kWriteAgeMax = DiskWatch::kMeasurementAgeMax;

}  // namespace

// ---- deadlines ----

void Groups::on_groups_due() {
  timer_ = 0;
  timer_at_ = Instant::never();
  if (is_stopped_) return;
  // Elections are nearly always put off by a heartbeat before their time comes. Those that are near are brought up to
  // date at the same time as what is due: else each of a thousand groups had the loop wake up for itself.
  const Instant now = clock_.now();
  std::vector<uint32_t> near;
  while (const std::optional<uint32_t> place = deadlines_.take_due(now + options_.heartbeat_interval)) {
    near.push_back(*place);
  }
  for (const uint32_t place : near) {
    HostedGroup& group = *groups_[place];
    if (const std::optional<Instant> next = resting_.on_due(group.id(), now, beaten_)) {
      for (const consensus::SentHeartbeat& heartbeat : beaten_) links_.send(group.id(), heartbeat);
      beaten_.clear();
      deadlines_.set(place, *next);
      continue;
    }
    if (group.next_deadline() <= now) group.on_deadline();
    if (!group.is_awake) deadlines_.set(place, group.next_deadline());  // else at the end of the turn
  }
}

void Groups::arm_timer() {
  const Instant next = deadlines_.next();
  if (next == timer_at_) return;
  clock_.cancel(timer_);
  timer_at_ = next;
  timer_ = 0;
  if (next != Instant::never()) timer_ = clock_.call_at(next, [this] { on_groups_due(); });
}

// ---- maintenance ----

void Groups::attend(HostedGroup& group) {
  if (std::exchange(group.is_attended, true)) return;
  attended_.push_back(&group);
  resting_.remove(group.id());
}

void Groups::attend_all() {
  for (const auto& group : groups_) attend(*group);
}

bool Groups::wants_maintenance() const {
  return !attended_.empty() || !asked_.empty() || log_.bytes_retained() > keeper_.checkpoint_beyond_bytes();
}

void Groups::maintain() {
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
}

/// All groups are concerned then, whether they write or not: who leads hands over, who follows is patient.
bool Groups::is_disk_in_trouble() const {
  const Instant now = clock_.now();
  const storage::DiskProgress disk = log_.disk_progress();
  const Duration under_way = disk.writing_since ? now - *disk.writing_since : Duration(0);
  const Duration last = now - disk.last_done <= kWriteAgeMax ? disk.last_took : Duration(0);
  return disk.is_full || DiskWatch::kPatienceWrites * std::max(under_way, last) > options_.election_timeout_min;
}

void Groups::begin_checkpoints() {
  for (const uint32_t place : checkpoint_queue_.take_due()) {
    groups_[place]->group().take_checkpoint();
    attend(*groups_[place]);
  }
}

/// One group with a long tail would keep the segments of all others.
void Groups::keep_log_short() {
  std::erase_if(asked_, [this](HostedGroup* group) {
    if (group->group().is_checkpoint_demanded()) return false;
    keeper_.on_checkpoint_ended(group->id());
    return true;
  });
  if (log_.bytes_retained() <= keeper_.checkpoint_beyond_bytes()) return;
  for (const GroupId id : keeper_.due(log_.pins_beyond(keeper_.checkpoint_beyond_bytes(), LogKeeper::kPinsMax))) {
    HostedGroup* group = find(id);
    if (group == nullptr) continue;
    group->group().demand_checkpoint();
    attend(*group);
    asked_.push_back(group);
  }
}

}  // namespace torc::node
