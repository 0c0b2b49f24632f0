#include "node/groups.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "kv/limits.h"

namespace torc::node {
namespace {

/// Applied and answered in one turn, in kv::Cost::work: about 5 ms of it. A node that has much to catch up with, or a
/// command that names very many keys, must be heard, and hear, meanwhile.
constexpr uint64_t kWorkPerTurn = 8u << 20;
constexpr uint64_t kWorkPerGroupMin = 128u << 10;

}  // namespace

Groups::Groups(Options options, Links& links, Clients& clients, env::Clock& clock, storage::Log& log)
    : options_(std::move(options)),
      links_(links),
      clients_(clients),
      clock_(clock),
      log_(log),
      checkpoint_queue_(options_.checkpoint_log_bytes),
      keeper_(options_.checkpoint_log_bytes, options_.log_tail_bytes) {}

Groups::~Groups() { clock_.cancel(timer_); }

Status Groups::open(const HostedGroup::Options& hosted, const GroupOptions& options,
                    const consensus::Configuration& birth, env::CheckpointStore& checkpoints) {
  auto group = std::make_unique<HostedGroup>(hosted, *this, links_, forwards_, clients_, clock_);
  const Status opened = group->open(options, birth, log_, checkpoints);
  if (!opened.ok()) return opened;
  groups_.push_back(std::move(group));
  deadlines_.resize(groups_.size());
  checkpoint_queue_.resize(groups_.size());
  resting_.resize(group_of_arc(static_cast<uint32_t>(groups_.size())));
  count_memory(*groups_.back());
  wake(*groups_.back());
  return {};
}

HostedGroup* Groups::find(GroupId group) const {
  const uint64_t arc = group.value - group_of_arc(0).value;
  return arc < groups_.size() ? groups_[arc].get() : nullptr;
}

bool Groups::leads_something() const {
  return std::ranges::any_of(groups_, [](const auto& group) { return group->leads(); });
}

// ---- the turn ----

void Groups::wake(HostedGroup& group) {
  group.is_due = true;
  if (std::exchange(group.is_awake, true)) return;
  awake_.push_back(&group);
  attend(group);
  if (is_turn_ending_) begin_turn_of(group);
}

void Groups::begin_turn(uint64_t memory_outside) {
  memory_outside_ = memory_outside;
  is_turn_ending_ = true;
  for (HostedGroup* group : awake_) begin_turn_of(*group);
}

void Groups::begin_turn_of(HostedGroup& group) {
  const uint64_t work = std::max(kWorkPerTurn / std::max<size_t>(awake_.size(), 1), kWorkPerGroupMin);
  group.begin_turn(memory_outside_ + memory_of_groups_ - group.memory_counted, work);
}

void Groups::advance() {
  for (size_t i = 0; i < awake_.size() && !is_stopped_; ++i) {  // more may wake meanwhile
    HostedGroup& group = *awake_[i];
    if (!group.wants_to_advance()) continue;
    group.is_due = false;
    group.advance();
  }
}

bool Groups::wants_to_advance() const { return std::ranges::any_of(awake_, &HostedGroup::wants_to_advance); }

bool Groups::has_work_left() const { return std::ranges::all_of(awake_, &HostedGroup::has_work_left); }

void Groups::end_turn() {
  for (HostedGroup* group : std::exchange(awake_, {})) {
    group->is_awake = false;
    group->end_turn();
    count_memory(*group);
    deadlines_.set(place_of(*group), group->next_deadline());
  }
  is_turn_ending_ = false;
  flush_log();
  arm_timer();
}

void Groups::flush_log_for(HostedGroup& group) {
  if (!std::exchange(group.has_appended, true)) appended_.push_back(&group);
}

/// Once per turn, for all groups: they share the write and the sync.
void Groups::flush_log() {
  if (appended_.empty()) return;
  struct Appended {
    HostedGroup* group;
    uint64_t sequence;
  };
  std::vector<Appended> appended;
  for (HostedGroup* group : std::exchange(appended_, {})) {
    group->has_appended = false;
    appended.push_back({group, group->group().appended_sequence()});
  }
  log_.flush([this, appended = std::move(appended)](const Status& status) {
    if (is_stopped_) return;
    if (!status.ok()) return fail(status.error());
    for (const auto& [group, sequence] : appended) group->on_durable(sequence);
  });
}

void Groups::tell(const Notice& notice) const {
  if (options_.tell) options_.tell(notice);
}

void Groups::fail(const Error& error) {
  if (!std::exchange(is_stopped_, true) && options_.on_fatal) options_.on_fatal(error);
}

// ---- memory ----

void Groups::count_memory(HostedGroup& group) {
  const uint64_t used = group.memory_used();
  memory_of_groups_ += used - std::exchange(group.memory_counted, used);
}

uint64_t Groups::memory_used() const {
  uint64_t used = 0;
  for (const auto& group : groups_) used += group->memory_used();
  return used;
}

// ---- introspection ----

uint64_t Groups::forwarded_count() const {
  uint64_t count = 0;
  for (const auto& group : groups_) count += group->forwarded_count();
  return count;
}

uint64_t Groups::executed_for_others() const {
  uint64_t count = 0;
  for (const auto& group : groups_) count += group->executed_for_others();
  return count;
}

void Groups::add_gauges(std::vector<Gauge>& gauges) const {
  // The last command that went into it may pass it: its arguments and a view of each.
  constexpr size_t kOneCommandBytesMax = kv::kOperationBytesMax + kv::kArgsMax * sizeof(std::string_view) + 1024;
  gauges.push_back({"forwards_under_way", forwards_.used(), ForwardBudget::kBytesMax + kOneCommandBytesMax});
  for (const auto& group : groups_) group->add_gauges(gauges);
}

}  // namespace torc::node
