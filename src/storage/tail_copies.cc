#include "storage/tail_copies.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "storage/entry_reader.h"

namespace torc::storage {
namespace {

/// One byte may be copied for so many that are written otherwise.
constexpr int64_t kWrittenPerCopied = 4;
/// Tails' worth that may be copied at once after a time without copies.
constexpr int64_t kCreditTails = 4;
/// A tail that is more than this part of what it pins is most of the log itself: its copy would free little.
constexpr uint64_t kPinnedPerCopied = 8;
/// Of the groups that lag furthest; those with large tails among them wait for their checkpoints.
constexpr size_t kPinsLookedAtMax = 64;

}  // namespace

void TailCopy::write(BatchEncoder& encoder) {
  for (const consensus::Entry& entry : entries) to.push_back(encoder.add_entry(RecordKind::kCopy, group, entry));
}

void TailCopy::take_effect(LogGroup& held) const {
  for (size_t i = 0; i < entries.size(); ++i) held.index.move_copied(entries[i].index, from[i], to[i]);
}

TailCopies::TailCopies(const LogOptions& options)
    : options_(options), credit_bytes_(static_cast<int64_t>(options.copy_tail_bytes_max)) {}

void TailCopies::note_written(uint64_t bytes) {
  const int64_t credit_max = kCreditTails * static_cast<int64_t>(options_.copy_tail_bytes_max);
  credit_bytes_ = std::min(credit_max, credit_bytes_ + static_cast<int64_t>(bytes) / kWrittenPerCopied);
}

Result<std::vector<TailCopy>> TailCopies::due(const LogGroups& groups, const SegmentSet& segments, uint64_t salt,
                                              LogPosition end) {
  std::vector<TailCopy> copies;
  uint64_t bytes = 0;
  size_t looked_at = 0;
  for (const auto& [position, id] : groups.pins()) {
    if (position >= segments.current().base || credit_bytes_ <= 0 || ++looked_at > kPinsLookedAtMax) break;
    const uint64_t pinned = end - segments.holding(position).base;
    if (pinned <= options_.copy_beyond_bytes) break;
    const LogGroup& group = *groups.find(id);
    const auto tail = group.settled_tail();
    // What gathers may free it already.
    if (!tail || group.index.oldest_record() >= segments.current().base) continue;
    const uint64_t tail_bytes = group.index.record_bytes_sum();
    if (tail_bytes > options_.copy_tail_bytes_max || tail_bytes * kPinnedPerCopied > pinned)
      continue;  // see pins_beyond
    bytes += tail_bytes;
    if (!copies.empty() && bytes > options_.copy_tail_bytes_max) break;  // reading blocks the loop
    auto entries = read_entries(group, segments, salt, tail->first, tail->last, SIZE_MAX);
    if (!entries.ok()) return entries.error();
    CHECK(entries->size() == tail->last - tail->first + 1) << "group=" << id << " first=" << tail->first;
    TailCopy copy{id, std::move(entries).value(), {}, {}};
    for (const consensus::Entry& entry : copy.entries) copy.from.push_back(group.index.find(entry.index)->record);
    copies.push_back(std::move(copy));
    credit_bytes_ -= static_cast<int64_t>(tail_bytes);
  }
  return copies;
}

}  // namespace torc::storage
