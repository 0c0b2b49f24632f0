// Turns what gathered into one vectored write: small parts share one buffer, entries are referred to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "consensus/types.h"
#include "storage/record_format.h"

namespace torc::storage {

class BatchEncoder {
 public:
  /// The batch goes to position `begin` of the segment that `seal` names.
  BatchEncoder(const RecordSeal& seal, LogPosition begin, LogPosition synced_through);
  /// Bytes that are no record: a segment's header block.
  void add_block(std::string_view block);
  /// Copies the payload. Returns where the record stands.
  LogPosition add(RecordKind kind, GroupId group, std::string_view payload);
  /// Shares the entry's bytes. Requires: kind is kEntry or kCopy.
  LogPosition add_entry(RecordKind kind, GroupId group, const consensus::Entry& entry);
  LogPosition end() const { return end_; }
  std::vector<Bytes> take_chunks() &&;

 private:
  LogPosition start_record(RecordKind kind, GroupId group, std::string_view payload);
  void pad();

  const RecordSeal& seal_;
  const LogPosition synced_through_;
  LogPosition end_;
  std::string small_;
  struct Shared {
    size_t small_end;  // of small_ that comes before
    Bytes bytes;
  };
  std::vector<Shared> shared_;
};

}  // namespace torc::storage
