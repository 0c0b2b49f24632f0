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
  /// Holds about `buffer_bytes`, more only while a larger block is read. The file may be shared with other readers.
  SectionReader(std::shared_ptr<ReadableFile> file, const Section& section, size_t buffer_bytes);

  /// Moves on to the next pair; false at the end, or at an error. No pair of a damaged block is ever given.
  bool next() {
    if (here_ == block_end_ && !next_block()) return false;
    uint32_t key_bytes;
    uint32_t value_bytes;
    const char* at = get_varint32(here_, block_end_, key_bytes);
    if (at != nullptr) at = get_varint32(at, block_end_, value_bytes);
    if (at == nullptr || uint64_t{key_bytes} + value_bytes > static_cast<uint64_t>(block_end_ - at)) {
      return fail({ErrorCode::kCorrupt, "a block ends within a pair"});
    }
    key_ = {at, key_bytes};
    value_ = {at + key_bytes, value_bytes};
    here_ = at + key_bytes + value_bytes;
    return true;
  }
  /// Valid until the next call of next().
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  /// Errors: kCorrupt: the section's bytes are not those that were written. kIo. Known once next() said false.
  const Status& status() const { return status_; }

 private:
  bool next_block();
  /// Until so many bytes stand behind block_end_; false at an error, or if the section has not as many.
  bool have(size_t bytes);
  bool fail(Error error);

  std::shared_ptr<ReadableFile> file_;
  uint64_t at_;         // in the file: what is read next
  uint64_t left_;       // bytes of the section that are not in the buffer yet
  uint64_t place_ = 0;  // of the next block in its section
  size_t buffer_bytes_;
  std::unique_ptr<char[]> buffer_;
  const char* here_ = nullptr;       // the next pair of the block
  const char* block_end_ = nullptr;  // and the next block
  const char* end_ = nullptr;        // of what was read
  std::string_view key_;
  std::string_view value_;
  Status status_;
};

}  // namespace torc::mapreduce
