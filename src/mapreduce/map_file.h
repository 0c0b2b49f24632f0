// The output of a map: one file of sorted runs, each cut into a section per partition, and an index at its end.
//
//   run 0: section of partition 0 | section of partition 1 | ...
//   run 1: ...
//   index: varint sections, then of each: varint run | varint partition | u64 begin | u64 bytes | u32 CRC-32C
//
// Sections without pairs are left out. The task's record in Torc has the index's place and checksum, and so, through the
// index, the checksum of everything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mapreduce/attempt_file.h"
#include "mapreduce/file_system.h"
#include "mapreduce/record_format.h"

namespace torc::mapreduce {

struct Section {
  uint32_t run = 0;
  uint32_t partition = 0;
  uint64_t begin = 0;
  uint64_t bytes = 0;
  uint32_t crc = 0;
};

class MapFileWriter {
 public:
  explicit MapFileWriter(AttemptFile file) : file_(std::move(file)) {}

  /// In ascending order of (partition, key) between two calls of end_run().
  void add(uint32_t partition, std::string_view key, std::string_view value) {
    if (partition != partition_ || buffer_.size() > kBufferBytes) turn_page(partition);
    char head[kPairHeadBytesMax];
    char* end = put_varint32(head, static_cast<uint32_t>(key.size()));
    end = put_varint32(end, static_cast<uint32_t>(value.size()));
    buffer_.append(head, static_cast<size_t>(end - head));
    buffer_.append(key);
    buffer_.append(value);
  }
  void end_run();
  uint32_t runs() const { return run_; }
  Status status() const { return file_.status(); }
  /// Requires: end_run() was called after the last pair.
  Result<Output> finish();

 private:
  static constexpr size_t kBufferBytes = 64u << 10;

  void turn_page(uint32_t partition);
  void flush();
  void end_section();

  AttemptFile file_;
  std::string buffer_;  // of the section under way
  uint32_t run_ = 0;
  uint32_t partition_ = 0;
  Section section_;
  std::vector<Section> sections_;
};

/// The sections of one partition in a map's output, in the order of the runs.
/// Errors: kCorrupt: the file is not what the record says. kNotFound, kIo.
Result<std::vector<Section>> sections_of(ReadableFile& file, const Output& output, uint32_t partition);

}  // namespace torc::mapreduce
