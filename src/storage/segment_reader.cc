#include "storage/segment_reader.h"

#include <algorithm>

#include "base/crc32c.h"

namespace torc::storage {
namespace {

/// Large enough that the system calls do not show, small enough for any machine.
constexpr uint64_t kReadBytes = 1u << 20;

}  // namespace

SegmentReader::SegmentReader(env::File& file, uint64_t sequence, uint64_t salt, LogPosition base, uint64_t end)
    : file_(file), seal_(sequence, salt), base_(base), end_(end) {}

Result<std::string_view> SegmentReader::window(uint64_t offset, uint64_t count) {
  if (offset >= end_) return std::string_view();
  count = std::min(count, end_ - offset);
  const bool is_inside = offset >= buffer_offset_ && offset + count <= buffer_offset_ + buffer_.size();
  if (!is_inside) {
    Result<std::string> read = file_.read(offset, std::min(std::max(count, kReadBytes), end_ - offset));
    if (!read.ok()) return read.error();
    buffer_ = std::move(read).value();
    buffer_offset_ = offset;
  }
  return std::string_view(buffer_).substr(offset - buffer_offset_);
}

Result<SegmentReader::Outcome> SegmentReader::next(Record& record) {
  if (offset_ == end_) return Outcome::kEnd;
  const auto head = window(offset_, kRecordHeaderBytes);
  if (!head.ok()) return head.error();
  if (head->size() < kRecordHeaderBytes) return Outcome::kBad;
  const auto header = seal_.parse_header(head->data());
  if (!header) return Outcome::kBad;
  if (!header->readable.ok()) return header->readable.error();
  const uint64_t bytes = record_bytes(header->payload_bytes);
  if (bytes > end_ - offset_) return Outcome::kBad;
  const auto whole = window(offset_, bytes);
  if (!whole.ok()) return whole.error();
  if (whole->size() < bytes) return Outcome::kBad;
  const std::string_view payload = whole->substr(kRecordHeaderBytes, header->payload_bytes);
  if (crc32c(payload) != header->payload_crc) return Outcome::kBad;
  record = Record{*header, position(), payload};
  offset_ += bytes;
  return Outcome::kRecord;
}

Result<LogPosition> SegmentReader::largest_synced_through_from(uint64_t begin) {
  LogPosition largest;
  uint64_t offset = (begin + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
  while (offset + kRecordHeaderBytes <= end_) {
    const auto piece = window(offset, kReadBytes);
    if (!piece.ok()) return piece.error();
    if (piece->size() < kRecordHeaderBytes) break;
    uint64_t at = 0;
    for (; at + kRecordHeaderBytes <= piece->size(); at += kRecordAlignment) {
      const auto header = seal_.parse_header(piece->data() + at);
      if (header && !header->readable.ok()) return header->readable.error();
      if (header) largest = std::max(largest, header->synced_through);
    }
    offset += at;
  }
  return largest;
}

}  // namespace torc::storage
