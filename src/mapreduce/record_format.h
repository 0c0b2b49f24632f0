// A pair as it stands in runs: varint bytes of the key, varint bytes of the value, key, value. And the order of keys.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace torc::mapreduce {

constexpr size_t kPairHeadBytesMax = 10;     // two varints of 32 bits
constexpr size_t kPairBytesMax = 64u << 20;  // key and value; what is larger cannot be sorted within any memory
static_assert(std::endian::native == std::endian::little);

inline char* put_varint32(char* to, uint32_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

/// The byte behind the number, or null if `end` comes first or it is malformed.
inline const char* get_varint32(const char* from, const char* end, uint32_t& value) {
  if (from < end && (*from & 0x80) == 0) {
    value = static_cast<uint8_t>(*from);
    return from + 1;
  }
  uint64_t all = 0;
  for (int shift = 0; shift < 35 && from < end; shift += 7) {
    const uint8_t byte = static_cast<uint8_t>(*from++);
    all |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    value = static_cast<uint32_t>(all);
    return all > UINT32_MAX ? nullptr : from;
  }
  return nullptr;
}

/// The first eight bytes from `depth` on as a number whose order is that of the bytes; shorter keys are filled up with
/// zeros.
inline uint64_t prefix_of(std::string_view key, size_t depth = 0) {
  uint64_t bytes = 0;
  if (depth + 8 <= key.size()) {
    std::memcpy(&bytes, key.data() + depth, 8);
  } else if (depth < key.size()) {
    std::memcpy(&bytes, key.data() + depth, key.size() - depth);
  }
  return __builtin_bswap64(bytes);
}

}  // namespace torc::mapreduce
