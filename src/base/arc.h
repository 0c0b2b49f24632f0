// An interval of slots: what one group owns of the key space.
#pragma once

#include <cstdint>
#include <string>

namespace torc {

constexpr uint32_t kSlotCount = 16384;  // as in Redis Cluster

/// Half-open: [first_slot, end_slot). Part of a group's replicated state: whatever holds, writes, reads or erases keys
/// of a group touches the slots of its arc and no others. By default the whole circle.
struct Arc {
  uint32_t first_slot = 0;
  uint32_t end_slot = kSlotCount;

  constexpr bool is_valid() const { return first_slot < end_slot && end_slot <= kSlotCount; }
  constexpr bool is_whole_circle() const { return first_slot == 0 && end_slot == kSlotCount; }
  constexpr bool contains(uint32_t slot) const { return slot >= first_slot && slot < end_slot; }
  constexpr uint32_t slot_count() const { return end_slot - first_slot; }
  /// For messages to people, who count as Redis does: both ends belong to it.
  std::string text() const { return "slots " + std::to_string(first_slot) + " to " + std::to_string(end_slot - 1); }

  friend constexpr bool operator==(const Arc&, const Arc&) = default;
};

}  // namespace torc
