// The map slot -> slot table (rules.md#state-by-slot): owns the entries' memory, knows nothing of what they mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/arc.h"
#include "kv/entry.h"
#include "kv/entry_shelf.h"

namespace torc::kv {

/// Hash tables of pointers to entries, one per slot of an arc. Their order depends on the secret seed: whatever leaves
/// this class as a list must be sorted or summed up by the caller. A slot given to it belongs to the arc, unless find()
/// is asked, which knows no entry elsewhere.
class SlotArray {
 public:
  /// Requires: arc.is_valid().
  SlotArray(uint64_t hash_seed, Arc arc);
  ~SlotArray();
  SlotArray(const SlotArray&) = delete;
  SlotArray& operator=(const SlotArray&) = delete;

  uint64_t hash_of(std::string_view key) const;
  /// The slot will be looked at soon: has the processor fetch what find() begins with.
  void prefetch(uint16_t slot) const;
  Entry* find(uint16_t slot, uint64_t hash, std::string_view key) const;
  /// Requires: no entry of this key.
  void insert(uint16_t slot, Entry* entry);
  /// Where the table keeps the address of this entry, so that its block may move. Valid until the slot's next change.
  /// Requires: the entry is in the table.
  Entry*& cell_of(uint16_t slot, uint64_t hash, const Entry* entry);
  /// Takes the entry out; its memory is the caller's.
  void remove(uint16_t slot, uint64_t hash, const Entry* entry);
  /// All entries of a slot, in no meaningful order. Replaces the content of `out`.
  void list(uint16_t slot, std::vector<Entry*>& out) const;
  Arc arc() const { return arc_; }
  /// Moves a slot's entries to the end of `out`, whose they are now, and frees its table.
  void take(uint16_t slot, std::vector<Entry*>& out);
  /// The arc's entries at positions [from, last], in the order of (position, key), until there are `count_max` or more
  /// in `out` (whose content is replaced); at most EntryShelf::kKeysMax more than that, and never up to one of several
  /// keys of one position only. Returns the position to go on from; nothing if there is nothing behind. Slots are taken
  /// whole: what is listed beyond `last` is the caller's to leave out.
  std::optional<uint64_t> list_positions(uint64_t from, uint64_t last, size_t count_max,
                                         std::vector<PositionedEntry>& out) const;

  /// Notes that an entry of the slot changed in `generation` (see change_set.h); generations never decrease.
  void note_change(uint16_t slot, uint32_t generation);
  /// Whether entries of the slot may have changed in a generation of (after, through].
  /// Requires: `through` is the newest noted generation or the one before.
  bool may_have_changed(uint16_t slot, uint32_t after, uint32_t through) const;

 private:
  struct Slot;
  size_t place_of(uint32_t slot) const;

  uint64_t hash_seed_;
  Arc arc_;
  std::vector<bool> occupied_;     // by place; a walk over all slots need not touch the empty ones
  std::unique_ptr<Slot[]> slots_;  // those of the arc: a node holds hundreds of groups, each with a few slots
};

}  // namespace torc::kv
