// The lines that begin in a split.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "mapreduce/split_file.h"

namespace torc::mapreduce {

/// A record that cannot be read, or that a map cannot take.
struct BadRecordError {
  uint64_t at = 0;
  std::string message;
};

/// A line belongs to the split in which its first byte lies; whoever has that split reads it to its end, beyond the
/// split.
class LineReader {
 public:
  static constexpr size_t kLineBytesMax = 32u << 20;
  static constexpr size_t kBlockBytes = 256u << 10;

  /// `block_bytes`: how much to read at a time, at first.
  explicit LineReader(SplitFile& file, size_t block_bytes = kBlockBytes);

  /// The next line, without its end; false if there is none. Valid until the next call.
  /// Throws BadRecordError: the line is longer than kLineBytesMax; the next call goes on behind it.
  bool next(std::string_view& line);
  /// Where the line that next() gave, or complained about, begins.
  uint64_t at() const { return at_; }

 private:
  bool skip_line();
  /// Keeps [here_, end_) and reads more behind it; false at the end of the file.
  bool refill();

  SplitFile& file_;
  size_t buffer_bytes_;
  std::unique_ptr<char[]> buffer_;
  char* here_;
  char* end_;
  uint64_t read_at_;  // in the file: what is read next
  uint64_t at_ = 0;
};

}  // namespace torc::mapreduce
