// Reads the pairs of one section, in blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mapreduce/file_system.h"
#include "mapreduce/map_file.h"
#include "mapreduce/record_format.h"

namespace torc::mapreduce {

class SectionReader {
 public:
  /// Holds about `buffer_bytes`, more only while a larger pair is read. The file may be shared with other readers.
  SectionReader(std::shared_ptr<ReadableFile> file, const Section& section, size_t buffer_bytes);

  /// Moves on to the next pair; false at the end, or at an error.
  bool next() {
    const char* at = here_;
    uint32_t key_bytes;
    uint32_t value_bytes;
    if ((at = get_varint32(at, end_, key_bytes)) != nullptr && (at = get_varint32(at, end_, value_bytes)) != nullptr &&
        uint64_t{key_bytes} + value_bytes <= static_cast<uint64_t>(end_ - at)) {
      key_ = {at, key_bytes};
      value_ = {at + key_bytes, value_bytes};
      here_ = at + key_bytes + value_bytes;
      return true;
    }
    return refill() && next();
  }
  /// Valid until the next call of next().
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  /// Errors: kCorrupt: the section's bytes are not those that were written. kIo. Known only once next() said false.
  const Status& status() const { return status_; }

 private:
  /// Keeps what is not read yet and reads more behind it; false if there is no more.
  bool refill();
  bool fail(Error error);

  std::shared_ptr<ReadableFile> file_;
  uint64_t at_;    // in the file: what is read next
  uint64_t left_;  // bytes of the section that are not in the buffer yet
  uint32_t crc_ = 0;
  uint32_t crc_expected_;
  std::unique_ptr<char[]> buffer_;
  size_t buffer_bytes_;
  const char* here_ = nullptr;
  const char* end_ = nullptr;
  std::string_view key_;
  std::string_view value_;
  Status status_;
};

}  // namespace torc::mapreduce
