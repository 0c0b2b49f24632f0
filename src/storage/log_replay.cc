#include "storage/log_replay.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace torc::storage {
namespace {

constexpr const char* kHalfACopy = "the copy of a group's tail is not whole";

Error corrupt(const std::string& what) { return Error{ErrorCode::kCorrupt, what}; }

/// What cannot be parsed although its checksum is right: of a later version, or damaged before it was sealed.
Error unreadable(const Error& error, const std::string& what) {
  const ErrorCode code = error.code == ErrorCode::kVersion ? ErrorCode::kVersion : ErrorCode::kCorrupt;
  return Error{code, what + ": " + error.message};
}

std::string name_of(GroupId group) { return "group " + std::to_string(group.value); }

}  // namespace

Status LogReplay::apply(RecordKind kind, GroupId group, std::string_view payload, LogPosition record) {
  if (kind != RecordKind::kCopy && !copied_.empty()) return corrupt(kHalfACopy);
  switch (kind) {
    case RecordKind::kCopy:
      return apply_copy(group, payload, record);
    case RecordKind::kGone:
      groups_.erase(group);
      return {};
    case RecordKind::kEntry:
      return apply_entry(groups_[group], payload, record);
    case RecordKind::kHardState: {
      const auto state = decode_hard_state(payload);
      if (!state) return corrupt("malformed hard state");
      groups_[group].state.hard_state = *state;
      return {};
    }
    case RecordKind::kReplica: {
      const auto replica = decode_replica(payload);
      if (!replica || groups_[group].state != GroupState()) return corrupt("malformed beginning of a replica");
      groups_[group].state.replica = *replica;
      return {};
    }
    case RecordKind::kCut:
    case RecordKind::kReset: {
      const auto point = decode_point(payload);
      if (!point) return corrupt("malformed cut");
      return apply_start(groups_[group], kind, *point);
    }
    case RecordKind::kGroupState:
      return apply_state(group, payload);
    case RecordKind::kTrim: {
      const auto sequence = decode_trim(payload);
      if (!sequence || *sequence < first_sequence_needed_) return corrupt("malformed trim");
      first_sequence_needed_ = *sequence;
      return {};
    }
    case RecordKind::kMarker:
      return {};
  }
  return corrupt("unknown record kind");
}

Result<LogReplay::ReplayedEntry> LogReplay::parse(std::string_view encoded, LogPosition record) {
  const auto head = decode_entry_head(encoded);
  if (!head.ok()) return head.error();
  ReplayedEntry entry{head->index, head->term, {record, static_cast<uint32_t>(encoded.size())}, std::nullopt};
  if (head->kind == consensus::EntryKind::kConfiguration)
    entry.configuration = encoded.substr(consensus::kEntryHeaderBytes);
  return entry;
}

void LogReplay::Group::take(ReplayedEntry entry) {
  index.append(entry.index, entry.place);
  state.last_index = entry.index;
  while (!runs.empty() && runs.back().first_index >= entry.index) runs.pop_back();
  if (runs.empty() || runs.back().term != entry.term) runs.push_back({entry.index, entry.term});
  while (!configurations.empty() && configurations.back().index >= entry.index) configurations.pop_back();
  if (entry.configuration) configurations.push_back({entry.index, *std::move(entry.configuration)});
}

/// Of an entry that was replayed; nothing of others.
std::optional<Term> LogReplay::Group::term_of(LogIndex entry) const {
  if (!index.find(entry)) return std::nullopt;
  const auto behind = std::ranges::upper_bound(runs, entry, {}, &consensus::TermRun::first_index);
  if (behind == runs.begin()) return std::nullopt;
  return std::prev(behind)->term;
}

Status LogReplay::apply_entry(Group& group, std::string_view encoded, LogPosition record) {
  auto entry = parse(encoded, record);
  if (!entry.ok()) return entry.error();
  const GroupState& state = group.state;
  if (entry->index <= state.start_index || entry->index > state.last_index + 1) {
    return corrupt("entry " + std::to_string(entry->index.value) + " does not follow entry " +
                   std::to_string(state.last_index.value));
  }
  group.take(*std::move(entry));
  return {};
}

// A batch with copies is durable before its originals go, so half a tail of copies is never all there is: it stands
// only above what is known to be synced, which recovery does not give to replay.
Status LogReplay::apply_copy(GroupId id, std::string_view encoded, LogPosition record) {
  auto entry = parse(encoded, record);
  if (!entry.ok()) return entry.error();
  const auto found = groups_.find(id);
  const std::string name = "the copy of entry " + std::to_string(entry->index.value) + " of " + name_of(id);
  if (found == groups_.end()) return corrupt(name + " speaks of no known group");
  Group& group = found->second;
  const LogIndex last_index = group.state.last_index;
  if (entry->index <= group.state.start_index || entry->index > last_index) {
    return corrupt(name + " lies outside of the log");
  }
  if (!copied_.empty() && (copied_of_ != id || entry->index != copied_.back().index + 1)) return corrupt(kHalfACopy);
  const std::optional<Term> term = group.term_of(entry->index);
  if (term && *term != entry->term) return corrupt(name + " contradicts it");
  copied_of_ = id;
  copied_.push_back(*std::move(entry));
  if (copied_.back().index < last_index) return {};
  for (ReplayedEntry& copy : std::exchange(copied_, {})) group.take(std::move(copy));
  return {};
}

Status LogReplay::apply_start(Group& group, RecordKind kind, const LogPoint& point) {
  GroupState& state = group.state;
  if (kind == RecordKind::kReset) {
    group.index.clear();
    state.last_index = point.index;
  } else if (point.index < state.start_index || point.index > state.last_index) {
    return corrupt("cut at " + std::to_string(point.index.value) + " outside of the log");
  }
  state.start_index = point.index;
  state.start_term = point.term;
  group.index.cut(point.index);
  std::vector<consensus::TermRun>& runs = group.runs;
  while (runs.size() > 1 && runs[1].first_index <= point.index + 1) runs.erase(runs.begin());
  if (state.last_index == state.start_index) runs.clear();
  if (!runs.empty()) runs.front().first_index = std::max(runs.front().first_index, point.index + 1);
  auto& configurations = group.configurations;
  const auto is_gone = [&](const Group::ConfigurationAt& at) {
    return kind == RecordKind::kReset || at.index <= point.index;
  };
  configurations.erase(std::remove_if(configurations.begin(), configurations.end(), is_gone), configurations.end());
  return {};
}

Status LogReplay::apply_state(GroupId id, std::string_view payload) {
  const auto state = decode_group_state(payload);
  if (!state) return corrupt("malformed group state");
  const auto [found, is_new] = groups_.try_emplace(id);
  if (is_new) {
    found->second.state = *state;
  } else if (found->second.state != *state) {
    return corrupt("the segment's head contradicts earlier segments about " + name_of(id));
  }
  return {};
}

std::map<GroupId, GroupState> LogReplay::states() const {
  std::map<GroupId, GroupState> states;
  for (const auto& [id, group] : groups_) states[id] = group.state;
  return states;
}

Result<LogReplay::Outcome> LogReplay::finish() && {
  if (!copied_.empty()) return corrupt(kHalfACopy);
  Outcome outcome;
  for (auto& [id, group] : groups_) {
    const GroupState& state = group.state;
    const bool has_entries = state.last_index > state.start_index;
    if (has_entries && (group.index.empty() || group.index.first_index() > state.start_index + 1)) {
      return corrupt("entry " + std::to_string(state.start_index.value + 1) + " of " + name_of(id) + " is missing");
    }
    GroupLog log;
    log.hard_state = state.hard_state;
    log.start_index = state.start_index;
    log.start_term = state.start_term;
    log.last_index = state.last_index;
    log.replica = state.replica;
    log.term_runs = std::move(group.runs);
    for (const Group::ConfigurationAt& at : group.configurations) {
      auto configuration = consensus::decode_configuration(at.encoded);
      if (!configuration.ok()) return unreadable(configuration.error(), "configuration of " + name_of(id));
      log.configurations.push_back({at.index, std::move(configuration).value()});
    }
    outcome.groups.emplace(id, std::move(log));
    outcome.indexes.emplace(id, std::move(group.index));
  }
  return outcome;
}

}  // namespace torc::storage
