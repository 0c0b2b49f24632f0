// Keys and values of the checkpoint store.
//
// Key of a data image:   u8 keyspace (1 = linearizable) | u64 position, big-endian | the user's key
// Value of a data image: u8 format version (1) | u8 type (0 = string) | u64 version of the key | i64 deadline, Unix ms,
//                        0 = none | the value's bytes
// The header (captured_header) is no image; the caller stores it where it likes, in the same atomic unit:
//                        u8 format version (2; 1 is read) | u64 operation counter | i64 last stamp, ms | sessions (see
//                        sessions.h)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kv/entry.h"

namespace torc::kv {

constexpr uint8_t kKeyspaceLinearizable = 1;
constexpr uint8_t kImageFormatVersion = 1;
constexpr uint8_t kHeaderFormatVersion = 2;
constexpr size_t kImageKeyPrefixBytes = 9;
constexpr size_t kImageValuePrefixBytes = 18;

struct Image {
  std::string_view key;
  uint64_t position = 0;
  ValueType type = ValueType::kString;
  uint64_t version = 0;
  int64_t deadline_ms = kNoDeadline;
  std::string_view value;
};

/// Appends the image key; returns nothing else. `position` is position_of(key).
void put_image_key(std::string& out, uint64_t position, std::string_view key);
void put_image_value(std::string& out, const Entry& entry);
/// Views point into the arguments. Errors: kCorrupt, kVersion.
Result<Image> parse_image(std::string_view image_key, std::string_view image_value);

}  // namespace torc::kv
