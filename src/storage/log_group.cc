#include "storage/log_group.h"

#include "base/check.h"

namespace torc::storage {

void LogGroup::append(const consensus::Entry& entry, uint64_t batch) {
  CHECK(entry.index > appended.start_index && entry.index <= appended.last_index + 1)
      << "index=" << entry.index << " start=" << appended.start_index << " last=" << appended.last_index;
  appended.last_index = entry.index;
  index.append(entry.index, {LogPosition(), static_cast<uint32_t>(entry.size())});
  while (!unsynced.empty() && unsynced.back().entry.index >= entry.index) unsynced.pop_back();
  unsynced.push_back({entry, batch});
}

void LogGroup::cut(LogIndex at, Term term) {
  CHECK(at <= appended.last_index) << "index=" << at << " last=" << appended.last_index;
  appended.start_index = at;
  appended.start_term = term;
  index.cut(at);
}

void LogGroup::reset(LogIndex at, Term term) {
  appended.start_index = appended.last_index = at;
  appended.start_term = term;
  index.clear();
  unsynced.clear();
}

void LogGroup::remove() {
  appended = {};
  index.clear();
  unsynced.clear();
}

std::optional<LogGroup::Tail> LogGroup::settled_tail() const {
  if (index.empty()) return std::nullopt;
  const LogIndex end = unsynced.empty() ? index.last_index() + 1 : unsynced.front().entry.index;
  // Replay takes copies as a whole tail, which ends where the group's log ended when they were written.
  if (end <= index.first_index() || end != written.last_index + 1) return std::nullopt;
  return Tail{index.first_index(), end - 1};
}

void LogGroup::note_entry_written(LogIndex entry, LogPosition record) {
  is_known = true;
  written.last_index = entry;
  index.move(entry, record);
}

void LogGroup::note_written(RecordKind kind, std::string_view payload) {
  is_known = kind != RecordKind::kGone;
  if (kind == RecordKind::kGone) {
    written = {};
    return;
  }
  if (kind == RecordKind::kReplica) {
    written.replica = *decode_replica(payload);
    return;
  }
  if (kind == RecordKind::kHardState) {
    written.hard_state = *decode_hard_state(payload);
    return;
  }
  const LogPoint point = *decode_point(payload);
  written.start_index = point.index;
  written.start_term = point.term;
  if (kind == RecordKind::kReset) written.last_index = point.index;
}

void LogGroup::forget_synced(uint64_t batch_end) {
  while (!unsynced.empty() && unsynced.front().batch < batch_end) unsynced.pop_front();
}

}  // namespace torc::storage
