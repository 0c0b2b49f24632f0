#include "storage/segment_header.h"

#include "base/codec.h"
#include "base/crc32c.h"
#include "base/version.h"

namespace torc::storage {
namespace {

constexpr std::string_view kMagic = "TORCLOG1";
constexpr uint32_t kSegmentVersion = 3;  // 2: no replica had a number of its own
constexpr size_t kCrcOffset = 8;
constexpr size_t kFieldsEnd = 64;  // of every version
constexpr size_t kOwnerCrcOffset = 72;
constexpr size_t kHeaderEnd = 76;

uint32_t checksum(std::string_view block) { return crc32c(block.substr(kCrcOffset + 4, kFieldsEnd - kCrcOffset - 4)); }
uint32_t whole_checksum(std::string_view block) { return crc32c(block.substr(0, kOwnerCrcOffset)); }

}  // namespace

std::string encode_segment_header(const SegmentHeader& header) {
  std::string block(kMagic);
  put_u32(block, 0);
  put_u32(block, kSegmentVersion);
  put_u64(block, header.sequence);
  put_u64(block, header.base.value);
  put_u64(block, header.synced_through.value);
  put_u64(block, header.first_sequence_needed);
  put_u64(block, header.salt);
  put_u64(block, header.previous_sequence);
  put_u64(block, header.owner);
  block.resize(kSegmentHeaderBytes);
  store_u32(block.data() + kCrcOffset, checksum(block));
  store_u32(block.data() + kOwnerCrcOffset, whole_checksum(block));
  return block;
}

Result<SegmentHeader> decode_segment_header(std::string_view block) {
  const Error damaged{ErrorCode::kCorrupt, "damaged segment header"};
  if (block.size() < kFieldsEnd || block.substr(0, kMagic.size()) != kMagic) return damaged;
  if (load_u32(block.data() + kCrcOffset) != checksum(block)) return damaged;
  Reader reader(block.substr(kCrcOffset + 4));
  const uint32_t version = reader.u32();
  if (version != kSegmentVersion) return unknown_version("the segment", version, kSegmentVersion);
  if (block.size() < kHeaderEnd || load_u32(block.data() + kOwnerCrcOffset) != whole_checksum(block)) return damaged;
  SegmentHeader header;
  header.sequence = reader.u64();
  header.base = LogPosition(reader.u64());
  header.synced_through = LogPosition(reader.u64());
  header.first_sequence_needed = reader.u64();
  header.salt = reader.u64();
  header.previous_sequence = reader.u64();
  header.owner = reader.u64();
  const bool is_sane = header.sequence != 0 && header.first_sequence_needed <= header.sequence &&
                       header.previous_sequence < header.sequence && header.synced_through >= header.base &&
                       header.base.value % kRecordAlignment == 0;
  if (!is_sane) return damaged;
  return header;
}

}  // namespace torc::storage
