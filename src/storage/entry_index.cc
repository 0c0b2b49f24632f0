#include "storage/entry_index.h"

#include "base/check.h"

namespace torc::storage {

void EntryIndex::append(LogIndex index, EntryPlace place) {
  if (!places_.empty() && index >= first_) {
    CHECK(index <= last_index() + 1) << "index=" << index << " last=" << last_index();
    while (!places_.empty() && last_index() >= index) {
      bytes_ -= places_.back().encoded_bytes;
      places_.pop_back();
    }
  } else {
    clear();
  }
  if (places_.empty()) first_ = index;
  places_.push_back(place);
  bytes_ += place.encoded_bytes;
}

void EntryIndex::cut(LogIndex last_index_cut) {
  while (!places_.empty() && first_ <= last_index_cut) {
    bytes_ -= places_.front().encoded_bytes;
    places_.pop_front();
    ++first_;
  }
}

void EntryIndex::clear() {
  places_.clear();
  bytes_ = 0;
}

void EntryIndex::move(LogIndex index, LogPosition record) {
  if (find(index)) places_[index - first_].record = record;
}

void EntryIndex::move_copied(LogIndex index, LogPosition from, LogPosition to) {
  const auto place = find(index);
  if (place && place->record == from) places_[index - first_].record = to;
}

std::optional<EntryPlace> EntryIndex::find(LogIndex index) const {
  if (places_.empty() || index < first_ || index > last_index()) return std::nullopt;
  return places_[index - first_];
}

}  // namespace torc::storage
