// Where a key stands on the circle: the top 14 bits are its Redis Cluster slot, the lower 50 a stable hash of the key.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arc.h"

namespace torc::kv {

/// CRC16 (XMODEM) of the key, or of its non-empty {hash tag}, modulo 16384. Source: Redis Cluster specification.
uint16_t slot_of(std::string_view key);
constexpr int kLowPositionBits = 50;
/// The last position of a slot.
constexpr uint64_t last_position_of(uint16_t slot) {
  return (uint64_t{slot} + 1) * (uint64_t{1} << kLowPositionBits) - 1;
}

/// slot << 50 | low 50 bits of XXH3_64(key). Stands in checkpoint keys: never change.
uint64_t position_of(std::string_view key);
/// The low 50 bits alone.
uint64_t low_position_of(std::string_view key);

}  // namespace torc::kv
