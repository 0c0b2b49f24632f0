#include "storage/batch_encoder.h"

#include <utility>

#include "base/check.h"
#include "base/crc32c.h"

namespace torc::storage {

BatchEncoder::BatchEncoder(const RecordSeal& seal, LogPosition begin, LogPosition synced_through)
    : seal_(seal), synced_through_(synced_through), end_(begin) {}

void BatchEncoder::add_block(std::string_view block) {
  CHECK(block.size() % kRecordAlignment == 0) << block.size();
  small_ += block;
  end_ = end_ + block.size();
}

LogPosition BatchEncoder::add(RecordKind kind, GroupId group, std::string_view payload) {
  const LogPosition record = start_record(kind, group, payload);
  small_ += payload;
  pad();
  return record;
}

LogPosition BatchEncoder::add_entry(RecordKind kind, GroupId group, const consensus::Entry& entry) {
  const LogPosition record = start_record(kind, group, entry.encoded.view());
  shared_.push_back({small_.size(), entry.encoded});
  pad();
  return record;
}

LogPosition BatchEncoder::start_record(RecordKind kind, GroupId group, std::string_view payload) {
  CHECK(payload.size() <= kRecordPayloadBytesMax) << payload.size();
  const LogPosition record = end_;
  RecordHeader header;
  header.kind = kind;
  header.group = group;
  header.payload_bytes = static_cast<uint32_t>(payload.size());
  header.payload_crc = crc32c(payload);
  header.synced_through = synced_through_;
  seal_.put_header(small_, header);
  end_ = end_ + (kRecordHeaderBytes + payload.size());
  return record;
}

void BatchEncoder::pad() {
  const uint64_t padding = -end_.value % kRecordAlignment;
  small_.append(padding, '\0');
  end_ = end_ + padding;
}

std::vector<Bytes> BatchEncoder::take_chunks() && {
  std::vector<Bytes> chunks;
  const Bytes small{std::move(small_)};
  size_t small_begin = 0;
  const auto add_small_up_to = [&](size_t small_end) {
    if (small_end > small_begin) chunks.push_back(small.slice(small_begin, small_end - small_begin));
    small_begin = small_end;
  };
  for (Shared& shared : shared_) {
    add_small_up_to(shared.small_end);
    chunks.push_back(std::move(shared.bytes));
  }
  add_small_up_to(small.size());
  return chunks;
}

}  // namespace torc::storage
