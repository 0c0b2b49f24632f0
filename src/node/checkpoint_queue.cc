#include "node/checkpoint_queue.h"

#include <algorithm>

#include "base/check.h"

namespace torc::node {

void CheckpointQueue::note(uint32_t place, uint64_t log_growth, bool is_under_way) {
  CHECK(place < groups_.size());
  Growth& group = groups_[place];
  bytes_ += log_growth - group.bytes;
  under_way_ += static_cast<size_t>(is_under_way) - static_cast<size_t>(group.is_under_way);
  group = {log_growth, is_under_way};
}

std::vector<uint32_t> CheckpointQueue::take_due() {
  std::vector<uint32_t> due;
  while (bytes_ >= log_bytes_max_ && under_way_ < kAtOnceMax) {
    const auto growth_to_begin = [](const Growth& group) { return group.is_under_way ? 0 : group.bytes; };
    const auto most = std::ranges::max_element(groups_, {}, growth_to_begin);
    if (growth_to_begin(*most) == 0) break;  // what has grown is under way
    const auto place = static_cast<uint32_t>(most - groups_.begin());
    note(place, 0, true);
    due.push_back(place);
  }
  return due;
}

}  // namespace torc::node
