#include "kv/image_format.h"

#include <optional>
#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "base/version.h"
#include "kv/position.h"

namespace torc::kv {

namespace {

constexpr char kEscapedZero = '\xff';  // behind a zero byte of the key
constexpr char kKeyEnd = '\0';         // behind the zero byte that is none of the key

void put_prefix(std::string& out, uint64_t position) {
  put_u8(out, kKeyspaceLinearizable);
  put_u8(out, kOnlyDatabase);
  put_u64_ordered(out, position);
}

/// Takes an escaped key and its end from the front of `rest`; nothing if it is malformed.
std::optional<std::string> take_key(std::string_view& rest) {
  std::string key;
  while (true) {
    const size_t zero = rest.find('\0');
    if (zero == std::string_view::npos || zero + 1 == rest.size()) return std::nullopt;
    const char mark = rest[zero + 1];
    if (mark != kKeyEnd && mark != kEscapedZero) return std::nullopt;
    key.append(rest.substr(0, mark == kKeyEnd ? zero : zero + 1));
    rest.remove_prefix(zero + 2);
    if (mark == kKeyEnd) return key;
  }
}

/// Smallest image key of a slot; of slot kSlotCount: behind the last of the database.
std::string begin_of_slot(uint32_t slot) {
  std::string key;
  if (slot < kSlotCount) {
    put_prefix(key, uint64_t{slot} << kLowPositionBits);
  } else {
    put_u8(key, kKeyspaceLinearizable);
    put_u8(key, kOnlyDatabase + 1);
  }
  return key;
}

}  // namespace

ImageRange images_of(Arc arc) { return {begin_of_slot(arc.first_slot), begin_of_slot(arc.end_slot)}; }

void put_image_key(std::string& out, uint64_t position, std::string_view key) {
  put_prefix(out, position);
  for (size_t zero; (zero = key.find('\0')) != std::string_view::npos; key.remove_prefix(zero + 1)) {
    out.append(key.substr(0, zero + 1));
    out.push_back(kEscapedZero);
  }
  out.append(key);
  out.push_back('\0');
  out.push_back(kKeyEnd);
}

std::string key_of_image(std::string_view image_key) {
  image_key.remove_prefix(kImageKeyPrefixBytes);
  std::optional<std::string> key = take_key(image_key);
  CHECK(key.has_value()) << "not an image key";
  return *std::move(key);
}

void put_image_value(std::string& out, const Entry& entry) {
  put_u8(out, kImageFormatVersion);
  put_u8(out, static_cast<uint8_t>(entry.type));
  put_u64(out, entry.version);
  put_i64(out, entry.deadline());
  out.append(entry.value());
}

Result<Image> parse_image(std::string_view image_key, std::string_view image_value) {
  const auto corrupt = [](const char* what) {
    return Error{ErrorCode::kCorrupt, std::string("checkpoint image: ") + what};
  };
  Image image;
  Reader key(image_key);
  const uint8_t keyspace = key.u8();
  const uint8_t database = key.u8();
  image.position = key.u64_ordered();
  std::string_view rest = key.rest();
  std::optional<std::string> user_key = take_key(rest);
  if (!key.ok() || keyspace != kKeyspaceLinearizable || database != kOnlyDatabase || !user_key) {
    return corrupt("malformed key");
  }
  image.key = *std::move(user_key);
  if (image.key.size() > kKeyBytesMax) return corrupt("key too long");
  if (image.position != position_of(image.key)) return corrupt("key at a wrong position");

  Reader value(image_value);
  const uint8_t format = value.u8();
  const uint8_t type = value.u8();
  image.version = value.u64();
  image.deadline_ms = value.i64();
  image.value = value.rest();
  if (image_value.empty()) return corrupt("value too short");
  if (format != kImageFormatVersion)
    return unknown_version("the checkpoint's image of a key", format, kImageFormatVersion);
  if (!value.ok()) return corrupt("value too short");
  if (type != static_cast<uint8_t>(ValueType::kString)) return unknown_kind("the value of a key", type);
  if (!rest.empty()) return corrupt("a string with a subkey");
  if (image.deadline_ms < 0) return corrupt("negative deadline");
  if (image.value.size() > kValueBytesMax) return corrupt("value too long");
  return image;
}

}  // namespace torc::kv
