#include "kv/slot_array.h"

#include <cstdlib>

#include "kv/position.h"

namespace torc::kv {

struct SlotArray::Slot {
  EntryShelf entries;
  uint32_t changed = 0;         // generation of the last change
  uint32_t changed_before = 0;  // last generation with a change that is older than `changed`
};

SlotArray::SlotArray(uint64_t hash_seed)
    : hash_seed_(hash_seed), occupied_(kSlotCount, false), slots_(std::make_unique<Slot[]>(kSlotCount)) {
  for (size_t i = 0; i < kSlotCount; ++i) slots_[i].entries = EntryShelf(hash_seed);
}

SlotArray::~SlotArray() {
  std::vector<Entry*> entries;
  for (size_t i = 0; i < kSlotCount; ++i) {
    take(static_cast<uint16_t>(i), entries);
    for (Entry* entry : entries) std::free(entry);
    entries.clear();
  }
}

uint64_t SlotArray::hash_of(std::string_view key) const { return EntryShelf::hash_of(key, hash_seed_); }

Entry* SlotArray::find(uint16_t slot, uint64_t hash, std::string_view key) const {
  return slots_[slot].entries.find(hash, key);
}

void SlotArray::insert(uint16_t slot, Entry* entry) {
  slots_[slot].entries.insert(entry);
  occupied_[slot] = true;
}

Entry*& SlotArray::cell_of(uint16_t slot, uint64_t hash, const Entry* entry) {
  return slots_[slot].entries.cell_of(hash, entry);
}

void SlotArray::remove(uint16_t slot, uint64_t hash, const Entry* entry) {
  EntryShelf& entries = slots_[slot].entries;
  entries.remove(hash, entry);
  occupied_[slot] = !entries.is_empty();
}

void SlotArray::list(uint16_t slot, std::vector<Entry*>& out) const {
  out.clear();
  if (occupied_[slot]) slots_[slot].entries.list(out);
}

std::optional<uint64_t> SlotArray::list_positions(uint64_t from, uint64_t last, size_t count_max,
                                                  std::vector<PositionedEntry>& out) const {
  constexpr uint64_t kLowBits = (uint64_t{1} << kLowPositionBits) - 1;
  out.clear();
  const uint64_t last_slot = last >> kLowPositionBits;
  for (uint64_t slot = from >> kLowPositionBits; slot <= last_slot; ++slot) {
    if (!occupied_[slot]) continue;
    const uint64_t begin = slot << kLowPositionBits;
    if (out.size() >= count_max) return begin;
    const size_t first = out.size();
    const std::optional<uint64_t> next =
        slots_[slot].entries.list_from(from > begin ? from & kLowBits : 0, count_max, out);
    for (size_t i = first; i < out.size(); ++i) out[i].position |= begin;
    if (next) return begin | *next;
  }
  return std::nullopt;
}

void SlotArray::take(uint16_t slot, std::vector<Entry*>& out) {
  EntryShelf& entries = slots_[slot].entries;
  if (!entries.has_table()) return;
  std::vector<Entry*> all;
  entries.list(all);
  out.insert(out.end(), all.begin(), all.end());
  entries = EntryShelf(hash_seed_);
  occupied_[slot] = false;
}

void SlotArray::note_change(uint16_t slot, uint32_t generation) {
  Slot& s = slots_[slot];
  if (s.changed == generation) return;
  s.changed_before = s.changed;
  s.changed = generation;
}

bool SlotArray::may_have_changed(uint16_t slot, uint32_t after, uint32_t through) const {
  const Slot& s = slots_[slot];
  const uint32_t last = s.changed <= through ? s.changed : s.changed_before;
  return last > after && last <= through;
}

}  // namespace torc::kv
