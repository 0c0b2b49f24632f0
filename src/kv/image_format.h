// Keys and values of the checkpoint store.
//
// Key of a data image:   u8 keyspace (1 = linearizable) | u8 database (0) | u64 position, big-endian | the user's key,
//                        each byte 0x00 of it followed by 0xFF | 0x00 0x00 | subkey (of strings: empty)
//                        So byte order is the order of (position, key, subkey), and all subkeys of a key stand
//                        together, whatever bytes keys are made of.
// Value of a data image: u8 format version (1) | u8 type (0 = string) | u64 version of the key | i64 deadline, Unix ms,
//                        0 = none | the value's bytes
// The header (captured_header) is no image; the caller stores it where it likes, in the same atomic unit:
//                        u8 format version (3) | u64 operation counter | i64 last stamp, ms | sessions (see sessions.h)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/arc.h"
#include "base/result.h"
#include "kv/entry.h"

namespace torc::kv {

constexpr uint8_t kKeyspaceLinearizable = 1;
constexpr uint8_t kImageFormatVersion = 1;
constexpr uint8_t kHeaderFormatVersion = 3;
constexpr uint8_t kOnlyDatabase = 0;
constexpr size_t kImageKeyPrefixBytes = 10;
constexpr size_t kImageKeyBytesMax = kImageKeyPrefixBytes + kEscapedKeyBytesMax;
constexpr size_t kImageValuePrefixBytes = 18;

/// Image keys from `begin` up to `end`, which is none of them.
struct ImageRange {
  std::string begin;
  std::string end;

  bool contains(std::string_view image_key) const { return image_key >= begin && image_key < end; }
};
/// Where all images of an arc lie, and no others. Requires: arc.is_valid().
ImageRange images_of(Arc arc);

struct Image {
  std::string key;
  uint64_t position = 0;
  ValueType type = ValueType::kString;
  uint64_t version = 0;
  int64_t deadline_ms = kNoDeadline;
  std::string_view value;
};

/// Appends the image key; returns nothing else. `position` is position_of(key).
void put_image_key(std::string& out, uint64_t position, std::string_view key);
void put_image_value(std::string& out, const Entry& entry);
/// The user's key out of an image key that put_image_key() made.
std::string key_of_image(std::string_view image_key);
/// Image::value points into the argument. Errors: kCorrupt, kVersion.
Result<Image> parse_image(std::string_view image_key, std::string_view image_value);

}  // namespace torc::kv
