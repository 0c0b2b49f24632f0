#include "storage/log_groups.h"

#include <optional>
#include <utility>

#include "storage/tail_copies.h"

namespace torc::storage {

LogGroups::LogGroups(LogReplay::Outcome recovered) {
  for (const auto& [id, log] : recovered.groups) {
    LogGroup& group = groups_[id];
    group.appended = {log.hard_state, log.start_index, log.start_term, log.last_index, log.replica};
    group.written = group.appended;
    group.is_known = true;
    group.index = std::move(recovered.indexes[id]);
    note_retention(id, group);
  }
}

LogGroup* LogGroups::find(GroupId group) {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second;
}

const LogGroup* LogGroups::find(GroupId group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : &found->second;
}

uint64_t LogGroups::oldest_sequence_needed(const SegmentSet& segments) const {
  return pins().empty() ? segments.current().sequence : segments.holding(pins().begin()->first).sequence;
}

std::vector<Pin> LogGroups::pins_beyond(uint64_t bytes, size_t count_max, const SegmentSet& segments,
                                        LogPosition end) const {
  std::vector<Pin> found;
  for (const auto& [position, id] : pins()) {
    const uint64_t pinned = end - segments.holding(position).base;
    if (pinned <= bytes || found.size() == count_max) break;
    found.push_back({id, pinned, find(id)->index.bytes()});
  }
  return found;
}

void LogGroups::write_states(BatchEncoder& encoder) const {
  for (const auto& [id, group] : groups_) {
    if (!group.is_known) continue;  // its first record is in this batch
    encoder.add(RecordKind::kGroupState, id, encode_group_state(group.written));
  }
}

void LogGroups::note_written(const std::vector<GroupId>& spoken_of) {
  for (const GroupId id : spoken_of) {
    const auto found = groups_.find(id);
    if (found == groups_.end()) continue;
    note_retention(id, found->second);
    if (!found->second.is_known) groups_.erase(found);  // its last record says that it is gone
  }
}

void LogGroups::note_durable(const std::vector<GroupId>& spoken_of, const std::vector<TailCopy>& copies,
                             uint64_t batch_end) {
  for (const GroupId id : spoken_of) {
    if (LogGroup* group = find(id)) group->forget_synced(batch_end);
  }
  for (const TailCopy& copy : copies) {
    LogGroup* group = find(copy.group);
    if (group == nullptr) continue;
    copy.take_effect(*group);
    // Not where the index begins now: a cut that still gathers is not durable.
    retention_.note(copy.group, copy.to.front());
  }
}

void LogGroups::note_retention(GroupId id, const LogGroup& group) {
  retention_.note(id, group.index.empty() ? std::nullopt : std::optional(group.index.oldest_record()));
}

}  // namespace torc::storage
