#include "storage/checkpoint_format.h"

#include <utility>

#include "base/codec.h"
#include "base/crc32c.h"
#include "base/version.h"

namespace torc::storage {
namespace {

constexpr size_t kChecksumBytes = 4;

Error corrupt_meta(const std::string& what) {
  return Error{ErrorCode::kCorrupt, "checkpoint record of a group: " + what};
}

}  // namespace

std::string checkpoint_meta_key(GroupId group) {
  std::string key;
  put_u8(key, kMetaKeyspace);
  put_u64_ordered(key, group.value);
  return key;
}

std::string encode_checkpoint_meta(const CheckpointMeta& meta) {
  std::string value;
  put_u32(value, 0);
  put_u8(value, kCheckpointVersion);
  put_u64(value, meta.group.value);
  put_u16(value, static_cast<uint16_t>(meta.arc.first_slot));
  put_u16(value, static_cast<uint16_t>(meta.arc.end_slot));
  put_u64(value, meta.index.value);
  put_u64(value, meta.term.value);
  put_bytes(value, consensus::encode_configuration(meta.configuration));
  put_bytes(value, meta.header);
  store_u32(value.data(), crc32c(std::string_view(value).substr(kChecksumBytes)));
  return value;
}

Result<CheckpointMeta> decode_checkpoint_meta(std::string_view value) {
  Reader reader(value);
  const uint32_t crc = reader.u32();
  if (!reader.ok() || crc != crc32c(reader.rest())) return corrupt_meta("wrong checksum");
  const uint8_t version = reader.u8();
  if (!reader.ok()) return corrupt_meta("malformed");
  if (version != kCheckpointVersion) {
    return unknown_version("the checkpoint's record of a group", version, kCheckpointVersion);
  }
  CheckpointMeta meta;
  meta.group = GroupId(reader.u64());
  meta.arc.first_slot = reader.u16();
  meta.arc.end_slot = reader.u16();
  meta.index = LogIndex(reader.u64());
  meta.term = Term(reader.u64());
  const std::string_view configuration = reader.bytes();
  meta.header = std::string(reader.bytes());
  if (!reader.at_end() || !meta.arc.is_valid()) return corrupt_meta("malformed");
  auto decoded = consensus::decode_configuration(configuration);
  if (!decoded.ok()) {
    return decoded.error().code == ErrorCode::kVersion ? decoded.error() : corrupt_meta(decoded.error().message);
  }
  meta.configuration = std::move(decoded).value();
  return meta;
}

}  // namespace torc::storage
