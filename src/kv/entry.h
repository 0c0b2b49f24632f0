// One key with everything that belongs to it, in one heap block.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "kv/limits.h"

namespace torc::kv {

constexpr int64_t kNoDeadline = 0;  // real deadlines are above zero: stamps never are below it

/// Types of values; stands in images: never renumber.
enum class ValueType : uint8_t { kString = 0 };

/// Block: this header | key | value | room to grow | [i64 deadline, ms, in the block's last 8 bytes].
/// The deadline stands at the end so that key and value never move when it comes or goes.
struct Entry {
  enum Flag : uint8_t {
    kHasDeadline = 1,
    kTombstone = 2,  // deleted, kept until a capture has told the checkpoint store
    kStored = 4,     // the checkpoint store may hold this key, so deleting it needs a tombstone
  };

  uint64_t version;      // rules.md#versions
  uint32_t generation;   // of the last change, see change_set.h
  uint32_t block_bytes;  // of the whole block
  uint32_t value_bytes;
  uint16_t key_bytes;
  uint8_t flags;
  ValueType type;

  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  std::string_view key() const { return {bytes(), key_bytes}; }
  std::string_view value() const { return {bytes() + key_bytes, value_bytes}; }
  char* value_begin() { return bytes() + key_bytes; }
  bool is_tombstone() const { return (flags & kTombstone) != 0; }
  int64_t deadline() const {
    if ((flags & kHasDeadline) == 0) return kNoDeadline;
    int64_t ms;
    std::memcpy(&ms, reinterpret_cast<const char*>(this) + block_bytes - sizeof ms, sizeof ms);
    return ms;
  }
  bool is_expired(int64_t now_ms) const { return (flags & kHasDeadline) != 0 && deadline() <= now_ms; }
};
static_assert(sizeof(Entry) == 24);

}  // namespace torc::kv
