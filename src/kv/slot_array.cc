#include "kv/slot_array.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdlib>

#include "base/check.h"
#include "kv/position.h"

namespace torc::kv {
namespace {

uint64_t seeded_hash(std::string_view key, uint64_t seed) { return XXH3_64bits_withSeed(key.data(), key.size(), seed); }

struct KeyProbe {
  uint64_t hash;
  std::string_view key;
};

/// Finds an entry by its address, without comparing keys.
struct AddressProbe {
  uint64_t hash;
  const Entry* entry;
};

struct EntryHash {
  using is_transparent = void;
  using is_avalanching = void;
  uint64_t seed;
  size_t operator()(const Entry* entry) const { return seeded_hash(entry->key(), seed); }
  size_t operator()(const KeyProbe& probe) const { return probe.hash; }
  size_t operator()(const AddressProbe& probe) const { return probe.hash; }
};

struct EntryEqual {
  using is_transparent = void;
  bool operator()(const Entry* a, const Entry* b) const { return a->key() == b->key(); }
  bool operator()(const KeyProbe& probe, const Entry* entry) const { return probe.key == entry->key(); }
  bool operator()(const Entry* entry, const KeyProbe& probe) const { return probe.key == entry->key(); }
  bool operator()(const AddressProbe& probe, const Entry* entry) const { return probe.entry == entry; }
  bool operator()(const Entry* entry, const AddressProbe& probe) const { return probe.entry == entry; }
};

using EntrySet = boost::unordered_flat_set<Entry*, EntryHash, EntryEqual>;

}  // namespace

struct SlotArray::Slot {
  EntrySet entries;
  uint32_t changed = 0;         // generation of the last change
  uint32_t changed_before = 0;  // last generation with a change that is older than `changed`
};

SlotArray::SlotArray(uint64_t hash_seed)
    : hash_seed_(hash_seed), occupied_(kSlotCount, false), slots_(std::make_unique<Slot[]>(kSlotCount)) {
  for (size_t i = 0; i < kSlotCount; ++i) slots_[i].entries = EntrySet(0, EntryHash{hash_seed});
}

SlotArray::~SlotArray() {
  std::vector<Entry*> entries;
  for (size_t i = 0; i < kSlotCount; ++i) {
    take(static_cast<uint16_t>(i), entries);
    for (Entry* entry : entries) std::free(entry);
    entries.clear();
  }
}

uint64_t SlotArray::hash_of(std::string_view key) const { return seeded_hash(key, hash_seed_); }

Entry* SlotArray::find(uint16_t slot, uint64_t hash, std::string_view key) const {
  const EntrySet& entries = slots_[slot].entries;
  const auto it = entries.find(KeyProbe{hash, key});
  return it == entries.end() ? nullptr : *it;
}

void SlotArray::insert(uint16_t slot, Entry* entry) {
  const bool is_new = slots_[slot].entries.insert(entry).second;
  CHECK(is_new);
  occupied_[slot] = true;
}

Entry*& SlotArray::cell_of(uint16_t slot, uint64_t hash, const Entry* entry) {
  EntrySet& entries = slots_[slot].entries;
  const auto it = entries.find(AddressProbe{hash, entry});
  CHECK(it != entries.end());
  return const_cast<Entry*&>(*it);  // the caller keeps the key, so hash and order stay
}

void SlotArray::remove(uint16_t slot, uint64_t hash, const Entry* entry) {
  EntrySet& entries = slots_[slot].entries;
  const auto it = entries.find(AddressProbe{hash, entry});
  CHECK(it != entries.end());
  entries.erase(it);
  occupied_[slot] = !entries.empty();
}

void SlotArray::list(uint16_t slot, std::vector<Entry*>& out) const {
  out.clear();
  if (!occupied_[slot]) return;
  const EntrySet& entries = slots_[slot].entries;
  out.assign(entries.begin(), entries.end());
}

void SlotArray::take(uint16_t slot, std::vector<Entry*>& out) {
  EntrySet& entries = slots_[slot].entries;
  if (entries.bucket_count() == 0) return;
  out.insert(out.end(), entries.begin(), entries.end());
  entries = EntrySet(0, EntryHash{hash_seed_});
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
