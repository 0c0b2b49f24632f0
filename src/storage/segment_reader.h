// Walks over the records of one segment, reading the file in bounded pieces.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/disk.h"
#include "storage/record_format.h"
#include "storage/segment_header.h"

namespace torc::storage {

struct Record {
  RecordHeader header;
  LogPosition position;
  std::string_view payload;  // valid until the next call on the reader
};

class SegmentReader {
 public:
  /// Reads up to offset `end` of the file. Requires: `file` outlives the reader.
  SegmentReader(env::File& file, uint64_t sequence, uint64_t salt, LogPosition base, uint64_t end);

  enum class Outcome { kRecord, kEnd, kBad };
  /// Fills `record` and moves behind it. kEnd: exactly at the end. kBad: no valid record stands here; the position
  /// stays. Errors: kIo, kVersion.
  Result<Outcome> next(Record& record);
  LogPosition position() const { return base_ + offset_; }
  uint64_t offset() const { return offset_; }
  /// Largest synced_through of any record header from offset `begin` to the end, at every alignment: what damage at the
  /// current position must be compared with. A header proves it even if its own payload was torn.
  /// Errors: kIo, kVersion: what a later version notes there cannot be compared.
  Result<LogPosition> largest_synced_through_from(uint64_t begin);

 private:
  /// At least `count` bytes at `offset`, or fewer at the end.
  Result<std::string_view> window(uint64_t offset, uint64_t count);

  env::File& file_;
  const RecordSeal seal_;
  const LogPosition base_;
  const uint64_t end_;
  uint64_t offset_ = kSegmentHeaderBytes;
  std::string buffer_;
  uint64_t buffer_offset_ = 0;
};

}  // namespace torc::storage
