#include "kv/image_format.h"

#include "base/codec.h"
#include "base/version.h"
#include "kv/position.h"

namespace torc::kv {

void put_image_key(std::string& out, uint64_t position, std::string_view key) {
  put_u8(out, kKeyspaceLinearizable);
  put_u64_ordered(out, position);
  out.append(key);
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
  image.position = key.u64_ordered();
  image.key = key.rest();
  if (!key.ok() || keyspace != kKeyspaceLinearizable) return corrupt("malformed key");
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
  if (image.deadline_ms < 0) return corrupt("negative deadline");
  if (image.value.size() > kValueBytesMax) return corrupt("value too long");
  return image;
}

}  // namespace torc::kv
