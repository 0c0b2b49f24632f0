// Where a key stands on the circle: the top 14 bits are its Redis Cluster slot, the lower 50 a stable hash of the key.
#pragma once

#include <cstdint>
#include <string_view>

namespace torc::kv {

constexpr uint32_t kSlotCount = 16384;

/// CRC16 (XMODEM) of the key, or of its non-empty {hash tag}, modulo 16384. Source: Redis Cluster specification.
uint16_t slot_of(std::string_view key);
/// slot << 50 | low 50 bits of XXH3_64(key). Stands in checkpoint keys: never change.
uint64_t position_of(std::string_view key);

}  // namespace torc::kv
