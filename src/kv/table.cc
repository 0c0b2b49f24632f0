#include "kv/table.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

#include "base/check.h"
#include "kv/position.h"

namespace torc::kv {
namespace {

constexpr size_t kMallocHeaderBytes = 8;
constexpr size_t kFreeingCost = 256;  // of an entry or an empty slot, in bytes of reclaim()
constexpr uint32_t kNeverChanged = 0;

size_t bytes_needed(size_t key_bytes, size_t value_bytes, int64_t deadline_ms) {
  return sizeof(Entry) + key_bytes + value_bytes + (deadline_ms != kNoDeadline ? sizeof(int64_t) : 0);
}

/// The whole of what malloc would hand out anyway (16-byte classes less its 8-byte header).
size_t block_bytes_for(size_t needed, Growth growth) {
  if (growth == Growth::kAmortised) needed += std::min(needed, kGrowthBytesMax);
  return ((needed + kMallocHeaderBytes + 15) & ~size_t{15}) - kMallocHeaderBytes;
}

/// Room that a value may leave unused before its block is made smaller.
bool wastes(size_t block_bytes, size_t needed) { return block_bytes > 2 * needed + 64; }

void store_deadline(Entry& entry, int64_t deadline_ms) {
  if (deadline_ms == kNoDeadline) {
    entry.flags &= static_cast<uint8_t>(~Entry::kHasDeadline);
    return;
  }
  entry.flags |= Entry::kHasDeadline;
  std::memcpy(reinterpret_cast<char*>(&entry) + entry.block_bytes - sizeof deadline_ms, &deadline_ms,
              sizeof deadline_ms);
}

}  // namespace

Table::Table(uint64_t hash_seed, Arc arc)
    : hash_seed_(hash_seed),
      arc_(arc),
      slots_(std::make_unique<SlotArray>(hash_seed, arc)),
      keys_by_slot_(arc.slot_count(), 0) {}

Table::~Table() {
  for (Entry* entry : doomed_) std::free(entry);
}

Spot Table::find(std::string_view key) const { return find({slot_of(key), slots_->hash_of(key)}, key); }

Table::Place Table::place_of(std::string_view key) const {
  const Place place{slot_of(key), slots_->hash_of(key)};
  slots_->prefetch(place.slot);
  return place;
}

Spot Table::find(const Place& place, std::string_view key) const {
  return {place.slot, place.hash, slots_->find(place.slot, place.hash, key)};
}

size_t Table::bytes_used() const {
  return live_bytes() + deadlines_.size() * kDeadlineIndexBytesPerKey + changes_.saved_bytes() + retired_bytes_;
}

void Table::before_change(const Spot& spot) {
  Entry& record = *spot.record;
  if (changes_.is_captured(record.generation)) {
    bytes_touched_ += record.block_bytes;
    changes_.save(spot.slot, record);
    record.flags |= Entry::kStored;  // the capture will write it
  }
  if (record.generation == changes_.current()) return;
  record.generation = changes_.current();
  changes_.add_dirty_bytes(record.block_bytes);
  slots_->note_change(spot.slot, changes_.current());
}

Entry* Table::create(Spot& spot, std::string_view key, size_t value_bytes, int64_t deadline_ms) {
  CHECK(key.size() <= kKeyBytesMax && value_bytes <= kValueBytesMax);
  const size_t block_bytes = block_bytes_for(bytes_needed(key.size(), value_bytes, deadline_ms), Growth::kExact);
  void* memory = std::malloc(block_bytes);
  CHECK(memory != nullptr) << "out of memory";
  Entry* entry = new (memory) Entry{};
  entry->block_bytes = static_cast<uint32_t>(block_bytes);
  entry->key_bytes = static_cast<uint16_t>(key.size());
  entry->type = ValueType::kString;
  entry->generation = kNeverChanged;
  if (!key.empty()) std::memcpy(entry->bytes(), key.data(), key.size());
  entry_bytes_ += block_bytes + kMallocHeaderBytes;
  bytes_touched_ += block_bytes;
  ++record_count_;
  slots_->insert(spot.slot, entry);
  spot.record = entry;
  return entry;
}

void Table::resize_block(Spot& spot, size_t block_bytes) {
  Entry*& cell = slots_->cell_of(spot.slot, spot.hash, spot.record);
  entry_bytes_ += block_bytes - spot.record->block_bytes;
  bytes_touched_ += block_bytes;
  cell = static_cast<Entry*>(std::realloc(static_cast<void*>(spot.record), block_bytes));
  CHECK(cell != nullptr) << "out of memory";
  cell->block_bytes = static_cast<uint32_t>(block_bytes);
  spot.record = cell;
}

char* Table::reshape(Spot& spot, std::string_view key, size_t value_bytes, int64_t deadline_ms, Growth growth,
                     uint64_t version) {
  CHECK(value_bytes <= kValueBytesMax);
  const bool is_new = spot.entry() == nullptr;
  if (spot.record == nullptr) create(spot, key, value_bytes, deadline_ms);
  if (is_new) count_key(spot.slot);  // create() has seen to it that the slot is one of the arc
  before_change(spot);
  const int64_t old_deadline_ms = spot.record->deadline();
  const size_t needed = bytes_needed(key.size(), value_bytes, deadline_ms);
  const bool fits =
      needed <= spot.record->block_bytes && (growth == Growth::kAmortised || !wastes(spot.record->block_bytes, needed));
  const bool reindex = old_deadline_ms != deadline_ms || (!fits && deadline_ms != kNoDeadline);
  if (reindex && old_deadline_ms != kNoDeadline) deadlines_.remove(*spot.record);
  if (!fits) resize_block(spot, block_bytes_for(needed, growth));
  Entry& entry = *spot.record;
  entry.flags &= static_cast<uint8_t>(~Entry::kTombstone);
  entry.value_bytes = static_cast<uint32_t>(value_bytes);
  entry.version = version;
  store_deadline(entry, deadline_ms);
  if (reindex && deadline_ms != kNoDeadline) deadlines_.add(entry);
  return entry.value_begin();
}

void Table::set(Spot& spot, std::string_view key, std::string_view value, int64_t deadline_ms, uint64_t version) {
  char* to = reshape(spot, key, value.size(), deadline_ms, Growth::kExact, version);
  if (!value.empty()) std::memcpy(to, value.data(), value.size());
}

void Table::set_deadline(Spot& spot, int64_t deadline_ms, uint64_t version) {
  const Entry& entry = *spot.entry();
  reshape(spot, entry.key(), entry.value_bytes, deadline_ms, Growth::kExact, version);
}

void Table::pull_deadlines(uint64_t version_min, int64_t deadline_min_ms, int64_t distance_ms) {
  CHECK(distance_ms > 0) << distance_ms;
  deadlines_.for_each_later(deadline_min_ms, [&](const Entry& entry) {
    if (entry.version <= version_min) return;
    Spot spot = find(entry.key());
    set_deadline(spot, std::max<int64_t>(entry.deadline() - distance_ms, 1), entry.version);
  });
}

void Table::release(Entry* entry) {
  entry_bytes_ -= entry->block_bytes + kMallocHeaderBytes;
  --record_count_;
  std::free(entry);
}

void Table::erase(Spot& spot) {
  CHECK(spot.entry() != nullptr);
  before_change(spot);
  if (spot.record->deadline() != kNoDeadline) deadlines_.remove(*spot.record);
  --key_count_;
  --keys_by_slot_[spot.slot - arc_.first_slot];
  if ((spot.record->flags & Entry::kStored) == 0) {
    slots_->remove(spot.slot, spot.hash, spot.record);
    release(std::exchange(spot.record, nullptr));
    return;
  }
  Entry& record = *spot.record;
  record.flags = Entry::kTombstone | Entry::kStored;
  record.value_bytes = 0;
  record.version = 0;
  const size_t block_bytes = block_bytes_for(bytes_needed(record.key_bytes, 0, kNoDeadline), Growth::kExact);
  if (block_bytes < record.block_bytes) resize_block(spot, block_bytes);
}

void Table::flush() {
  auto erased = std::exchange(slots_, std::make_unique<SlotArray>(hash_seed_, arc_));
  if (changes_.capturing() && !frozen_) {
    frozen_ = std::move(erased);
  } else {
    retired_.push_back(std::move(erased));
  }
  deadlines_.clear();
  changes_.note_flush();
  largest_flushed_bytes_ = retired_bytes_ == 0 ? live_bytes() : std::max(largest_flushed_bytes_, live_bytes());
  retired_bytes_ += live_bytes();
  live_bytes_at_reclaim_ = 0;
  key_count_ = 0;
  keys_by_slot_.assign(arc_.slot_count(), 0);
  record_count_ = 0;
  entry_bytes_ = 0;
}

void Table::reclaim(size_t bytes_max) {
  const size_t live_before = std::exchange(live_bytes_at_reclaim_, live_bytes());
  size_t added = live_bytes() - std::min(live_bytes(), live_before);
  for (size_t bytes = 0; bytes < bytes_max || added > 0; bytes += kFreeingCost) {
    if (!doomed_.empty()) {
      Entry* entry = doomed_.back();
      doomed_.pop_back();
      const size_t freed = entry->block_bytes + kMallocHeaderBytes;
      retired_bytes_ -= freed + kSlotBytesPerKey;
      bytes += freed;
      added -= std::min(added, freed);
      std::free(entry);
    } else if (retired_.empty()) {
      return;
    } else if (retired_slots_ < arc_.slot_count()) {
      retired_.front()->take(static_cast<uint16_t>(arc_.first_slot + retired_slots_++), doomed_);
    } else {
      retired_slots_ = 0;
      retired_.erase(retired_.begin());
    }
  }
}

void Table::restore(Spot& spot, std::string_view key, std::string_view value, int64_t deadline_ms, uint64_t version) {
  CHECK(spot.record == nullptr);
  Entry* entry = create(spot, key, value.size(), deadline_ms);
  entry->value_bytes = static_cast<uint32_t>(value.size());
  if (!value.empty()) std::memcpy(entry->value_begin(), value.data(), value.size());
  entry->version = version;
  entry->flags = Entry::kStored;
  store_deadline(*entry, deadline_ms);
  if (deadline_ms != kNoDeadline) deadlines_.add(*entry);
  count_key(spot.slot);
}

void Table::release_frozen() {
  if (frozen_) retired_.push_back(std::move(frozen_));
}

void Table::drop_tombstone(Spot& spot) {
  CHECK(spot.record != nullptr && spot.record->is_tombstone());
  slots_->remove(spot.slot, spot.hash, spot.record);
  release(std::exchange(spot.record, nullptr));
}

void Table::note_stored(Spot& spot, std::string_view key) {
  if (spot.record != nullptr) {
    spot.record->flags |= Entry::kStored;
    return;
  }
  create(spot, key, 0, kNoDeadline)->flags = Entry::kTombstone | Entry::kStored;
  before_change(spot);
}

uint64_t Table::digest() const {
  uint64_t sum = 0;
  std::vector<Entry*> entries;
  for (uint32_t slot = arc_.first_slot; slot < arc_.end_slot; ++slot) {
    slots_->list(static_cast<uint16_t>(slot), entries);  // in any order: a sum does not see it
    for (const Entry* entry : entries) {
      if (entry->is_tombstone()) continue;
      const uint64_t parts[] = {XXH3_64bits(entry->key().data(), entry->key_bytes),
                                XXH3_64bits(entry->value().data(), entry->value_bytes),
                                static_cast<uint64_t>(entry->deadline()), entry->version};
      sum += XXH3_64bits(parts, sizeof parts);
    }
  }
  return sum;
}

}  // namespace torc::kv
