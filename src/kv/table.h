// The keys of a group. Every change of an entry goes through here, so that deadlines, versions, the change set and the
// byte counts stay right whatever the commands do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kv/change_set.h"
#include "kv/deadline_index.h"
#include "kv/entry.h"
#include "kv/slot_array.h"

namespace torc::kv {

constexpr size_t kGrowthBytesMax = 1u << 20;  // as Redis' SDS_MAX_PREALLOC

/// How much room a value gets beside what it needs now.
enum class Growth {
  kExact,
  kAmortised,  // doubles (by at most 1 MiB), for values that grow by appending
};

/// Where a key stands, or would stand.
struct Spot {
  uint16_t slot = 0;
  uint64_t hash = 0;
  Entry* record = nullptr;  // may be a tombstone

  /// The entry, or null if the key does not exist. Whether it has expired is the caller's question.
  Entry* entry() const { return record != nullptr && !record->is_tombstone() ? record : nullptr; }
};

/// Holds keys of one arc: nothing can be set outside of it, and nothing is found there.
class Table {
 public:
  explicit Table(uint64_t hash_seed, Arc arc = {});
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  Arc arc() const { return arc_; }
  Spot find(std::string_view key) const;
  /// find() in two parts, for whoever looks for many keys (KeyBatch). The place of a key is always the same.
  struct Place {
    uint16_t slot = 0;
    uint64_t hash = 0;
  };
  Place place_of(std::string_view key) const;
  Spot find(const Place& place, std::string_view key) const;
  uint64_t key_count() const { return key_count_; }
  /// 0 for a slot of another arc.
  uint64_t key_count_of(uint16_t slot) const { return arc_.contains(slot) ? keys_by_slot_[slot - arc_.first_slot] : 0; }
  /// SlotArray::list_positions(); tombstones are among them.
  std::optional<uint64_t> list_positions(uint64_t from, uint64_t last, size_t count_max,
                                         std::vector<PositionedEntry>& out) const {
    return slots_->list_positions(from, last, count_max, out);
  }
  /// Heap bytes of entries, their slots and deadlines, roughly; with what flush() left and reclaim() has not freed yet.
  size_t bytes_used() const;
  /// Bytes of blocks that were made, moved or copied, since the start: what changes cost beside their arguments.
  uint64_t bytes_touched() const { return bytes_touched_; }
  const DeadlineIndex& deadlines() const { return deadlines_; }

  // ---- changes; the spot must come from find(key) with no change of another key's block since ----

  /// Makes the entry's value `value_bytes` long (keeping as much of the old value as fits; further bytes are whatever
  /// the memory held) and sets deadline and version; creates the entry if there is none. Returns the value's first
  /// byte.
  char* reshape(Spot& spot, std::string_view key, size_t value_bytes, int64_t deadline_ms, Growth growth,
                uint64_t version);
  /// reshape() and fill. `value` must not point into the table.
  void set(Spot& spot, std::string_view key, std::string_view value, int64_t deadline_ms, uint64_t version);
  /// Requires: spot.entry().
  void set_deadline(Spot& spot, int64_t deadline_ms, uint64_t version);
  /// Moves the deadlines of keys that were written after operation `version_min` and lie behind `deadline_min_ms` by
  /// so much towards now. Versions stay: what the keys hold is the same. O(keys with a deadline), at most once in the
  /// life of a wrong clock. Requires: distance_ms > 0.
  void pull_deadlines(uint64_t version_min, int64_t deadline_min_ms, int64_t distance_ms);
  /// Requires: spot.entry().
  void erase(Spot& spot);
  /// Erases everything in O(slots + deadlines); memory comes back through reclaim().
  void flush();
  /// Frees about `bytes_max` of what flush() left behind; small entries count for more than their bytes. But at least
  /// as much as was added since the last call: so state and leftovers together are never more than the state once was,
  /// however often it is filled and flushed.
  void reclaim(size_t bytes_max);
  /// Of what flush() left behind.
  size_t retired_bytes() const { return retired_bytes_; }
  /// What a capture holds on to is not freed meanwhile, so that there may be two states; and what changes within one
  /// entry counts when the next one is applied.
  size_t retired_bytes_max() const { return 2 * largest_flushed_bytes_ + kGrowthOfAnEntryMax; }
  /// An entry that is in the checkpoint store as it is here. Requires: spot has no record.
  void restore(Spot& spot, std::string_view key, std::string_view value, int64_t deadline_ms, uint64_t version);

  // ---- for the capture ----
  ChangeSet& changes() { return changes_; }
  const ChangeSet& changes() const { return changes_; }
  /// The slots as the running capture must see them: flush() puts the captured ones aside.
  const SlotArray& captured_slots() const { return frozen_ ? *frozen_ : *slots_; }
  bool is_frozen() const { return frozen_ != nullptr; }
  void release_frozen();
  /// A tombstone has served. Requires: spot.record is a tombstone.
  void drop_tombstone(Spot& spot);
  /// The store still holds a key whose tombstone was dropped: brings the tombstone back, or marks the entry that has
  /// taken its place.
  void note_stored(Spot& spot, std::string_view key);

  /// Sum over all keys of a hash of everything replicated about them.
  uint64_t digest() const;

 private:
  static constexpr size_t kSlotBytesPerKey = 18;  // pointer, metadata byte and load factor of the flat set, on average
  /// More than the largest value with room to grow.
  static constexpr size_t kGrowthOfAnEntryMax = 64u << 20;
  size_t live_bytes() const { return entry_bytes_ + record_count_ * kSlotBytesPerKey; }
  void before_change(const Spot& spot);
  Entry* create(Spot& spot, std::string_view key, size_t value_bytes, int64_t deadline_ms);
  void resize_block(Spot& spot, size_t block_bytes);
  void release(Entry* entry);
  void count_key(uint16_t slot) {
    ++key_count_;
    ++keys_by_slot_[slot - arc_.first_slot];
  }

  const uint64_t hash_seed_;
  const Arc arc_;
  std::unique_ptr<SlotArray> slots_;
  std::unique_ptr<SlotArray> frozen_;
  std::vector<std::unique_ptr<SlotArray>> retired_;
  uint32_t retired_slots_ = 0;        // so many of the first slots of retired_.front() are empty
  std::vector<Entry*> doomed_;        // of retired_, about to be freed
  size_t retired_bytes_ = 0;          // of frozen_, retired_ and doomed_
  size_t largest_flushed_bytes_ = 0;  // since there was nothing left over
  size_t live_bytes_at_reclaim_ = 0;  // when reclaim() was called last
  DeadlineIndex deadlines_;
  ChangeSet changes_;
  uint64_t key_count_ = 0;
  std::vector<uint32_t> keys_by_slot_;  // of the arc, from its first slot on
  size_t record_count_ = 0;
  size_t entry_bytes_ = 0;
  uint64_t bytes_touched_ = 0;
};

}  // namespace torc::kv
