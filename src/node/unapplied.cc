#include "node/unapplied.h"

#include <utility>

#include "base/check.h"

namespace torc::node {

void Unapplied::append(std::vector<consensus::Entry> entries) {
  while (!entries_.empty() && entries_.back().index >= entries.front().index) {
    bytes_ -= entries_.back().size();
    entries_.pop_back();
  }
  for (consensus::Entry& entry : entries) {
    const bool follows = entries_.empty() || entries_.back().index + 1 == entry.index;
    if (!follows || bytes_ >= kKeptBytesMax) return;
    bytes_ += entry.size();
    entries_.push_back(std::move(entry));
  }
}

void Unapplied::put_in_front(const std::vector<consensus::Entry>& entries) {
  size_t bytes = 0;
  for (const consensus::Entry& entry : entries) bytes += entry.size();
  const bool fits =
      bytes_ + bytes <= kBytesMax && !entries_.empty() && entries.back().index + 1 == entries_.front().index;
  if (!fits) clear();
  entries_.insert(entries_.begin(), entries.begin(), entries.end());
  bytes_ += bytes;
}

consensus::Entry Unapplied::take_front() {
  CHECK(!entries_.empty());
  consensus::Entry entry = std::move(entries_.front());
  entries_.pop_front();
  bytes_ -= entry.size();
  return entry;
}

void Unapplied::clear() {
  entries_.clear();
  bytes_ = 0;
}

}  // namespace torc::node
