#include "storage/pending_appends.h"

#include <utility>

namespace torc::storage {

void PendingAppends::add(RecordKind kind, GroupId group, std::string payload) {
  appends_.push_back({kind, group, {}, std::move(payload)});
  has_urgent_ = true;
}

void PendingAppends::add_entry(GroupId group, const consensus::Entry& entry, bool is_urgent) {
  bytes_ += record_bytes(entry.size());
  appends_.push_back({RecordKind::kEntry, group, entry, {}});
  has_urgent_ |= is_urgent;
}

std::vector<GroupId> PendingAppends::write(BatchEncoder& encoder, LogGroups& groups) {
  std::vector<GroupId> spoken_of;
  for (const Append& append : appends_) {
    LogGroup& group = groups.of(append.group);
    if (append.kind == RecordKind::kEntry) {
      group.note_entry_written(append.entry.index, encoder.add_entry(append.kind, append.group, append.entry));
    } else {
      encoder.add(append.kind, append.group, append.payload);
      group.note_written(append.kind, append.payload);
    }
    if (spoken_of.empty() || spoken_of.back() != append.group) spoken_of.push_back(append.group);
  }
  appends_.clear();
  bytes_ = 0;
  has_urgent_ = false;
  return spoken_of;
}

}  // namespace torc::storage
