#include "kv/slot_array.h"

#include <algorithm>
#include <cstdlib>

#include "base/check.h"
#include "kv/position.h"

namespace torc::kv {

struct SlotArray::Slot {
  EntryShelf entries;
  uint32_t changed = 0;         // generation of the last change
  uint32_t changed_before = 0;  // last generation with a change that is older than `changed`
};

SlotArray::SlotArray(uint64_t hash_seed, Arc arc) : hash_seed_(hash_seed), arc_(arc) {
  CHECK(arc.is_valid()) << arc.text();
  occupied_.resize(arc.slot_count());
  slots_ = std::make_unique<Slot[]>(arc.slot_count());
  for (size_t i = 0; i < arc.slot_count(); ++i) slots_[i].entries = EntryShelf(hash_seed);
}

SlotArray::~SlotArray() {
  std::vector<Entry*> entries;
  for (uint32_t slot = arc_.first_slot; slot < arc_.end_slot; ++slot) {
    take(static_cast<uint16_t>(slot), entries);
    for (Entry* entry : entries) std::free(entry);
    entries.clear();
  }
}

/// A key of another arc here would be lost with the next checkpoint, or appear in two groups.
size_t SlotArray::place_of(uint32_t slot) const {
  CHECK(arc_.contains(slot)) << slot << " is not of " << arc_.text();
  return slot - arc_.first_slot;
}

uint64_t SlotArray::hash_of(std::string_view key) const { return EntryShelf::hash_of(key, hash_seed_); }

void SlotArray::prefetch(uint16_t slot) const {
  if (arc_.contains(slot)) __builtin_prefetch(&slots_[place_of(slot)]);
}

Entry* SlotArray::find(uint16_t slot, uint64_t hash, std::string_view key) const {
  return arc_.contains(slot) ? slots_[place_of(slot)].entries.find(hash, key) : nullptr;
}

void SlotArray::insert(uint16_t slot, Entry* entry) {
  const size_t place = place_of(slot);
  slots_[place].entries.insert(entry);
  occupied_[place] = true;
}

Entry*& SlotArray::cell_of(uint16_t slot, uint64_t hash, const Entry* entry) {
  return slots_[place_of(slot)].entries.cell_of(hash, entry);
}

void SlotArray::remove(uint16_t slot, uint64_t hash, const Entry* entry) {
  const size_t place = place_of(slot);
  EntryShelf& entries = slots_[place].entries;
  entries.remove(hash, entry);
  occupied_[place] = !entries.is_empty();
}

void SlotArray::list(uint16_t slot, std::vector<Entry*>& out) const {
  out.clear();
  const size_t place = place_of(slot);
  if (occupied_[place]) slots_[place].entries.list(out);
}

std::optional<uint64_t> SlotArray::list_positions(uint64_t from, uint64_t last, size_t count_max,
                                                  std::vector<PositionedEntry>& out) const {
  constexpr uint64_t kLowBits = (uint64_t{1} << kLowPositionBits) - 1;
  out.clear();
  const uint64_t end_slot = std::min<uint64_t>((last >> kLowPositionBits) + 1, arc_.end_slot);
  for (uint64_t slot = std::max<uint64_t>(from >> kLowPositionBits, arc_.first_slot); slot < end_slot; ++slot) {
    const size_t place = slot - arc_.first_slot;
    if (!occupied_[place]) continue;
    const uint64_t begin = slot << kLowPositionBits;
    if (out.size() >= count_max) return begin;
    const size_t first = out.size();
    const std::optional<uint64_t> next =
        slots_[place].entries.list_from(from > begin ? from & kLowBits : 0, count_max, out);
    for (size_t i = first; i < out.size(); ++i) out[i].position |= begin;
    if (next) return begin | *next;
  }
  return std::nullopt;
}

void SlotArray::take(uint16_t slot, std::vector<Entry*>& out) {
  const size_t place = place_of(slot);
  EntryShelf& entries = slots_[place].entries;
  if (!entries.has_table()) return;
  std::vector<Entry*> all;
  entries.list(all);
  out.insert(out.end(), all.begin(), all.end());
  entries = EntryShelf(hash_seed_);
  occupied_[place] = false;
}

void SlotArray::note_change(uint16_t slot, uint32_t generation) {
  Slot& s = slots_[place_of(slot)];
  if (s.changed == generation) return;
  s.changed_before = s.changed;
  s.changed = generation;
}

bool SlotArray::may_have_changed(uint16_t slot, uint32_t after, uint32_t through) const {
  const Slot& s = slots_[place_of(slot)];
  const uint32_t last = s.changed <= through ? s.changed : s.changed_before;
  return last > after && last <= through;
}

}  // namespace torc::kv
