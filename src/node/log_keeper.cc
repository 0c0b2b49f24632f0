#include "node/log_keeper.h"

#include <algorithm>
#include <set>
#include <utility>

namespace torc::node {

std::vector<GroupId> LogKeeper::due(std::vector<storage::Pin> pins) {
  std::erase_if(pins, [this](const storage::Pin& pin) { return pin.bytes_pinned <= checkpoint_beyond_bytes(); });
  std::ranges::stable_sort(pins, [](const storage::Pin& a, const storage::Pin& b) {
    return std::pair(a.bytes_pinned, a.tail_bytes) > std::pair(b.bytes_pinned, b.tail_bytes);
  });
  std::set<GroupId> pinning;
  for (const storage::Pin& pin : pins) pinning.insert(pin.group);
  std::erase_if(asked_, [&](const auto& asked) { return !asked.second.is_writing && !pinning.contains(asked.first); });

  std::vector<GroupId> due;
  for (const storage::Pin& pin : pins) {
    if (writing_ == kCheckpointsAtOnceMax) break;
    const auto [asked, is_new] = asked_.try_emplace(pin.group);
    const bool has_grown = pin.bytes_pinned >= asked->second.bytes_pinned + budget_bytes_ / 8;
    if (!is_new && (asked->second.is_writing || !has_grown)) continue;
    asked->second = {true, pin.bytes_pinned};
    ++writing_;
    due.push_back(pin.group);
  }
  return due;
}

void LogKeeper::on_checkpoint_ended(GroupId group) {
  const auto asked = asked_.find(group);
  if (asked == asked_.end() || !asked->second.is_writing) return;
  asked->second.is_writing = false;
  --writing_;
}

}  // namespace torc::node
