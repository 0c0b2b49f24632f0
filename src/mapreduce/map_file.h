// The output of a map: one file of sorted runs, each cut into a section per partition, and an index at its end.
//
//   run 0: section of partition 0 | section of partition 1 | ...      (section_writer.h has their blocks)
//   run 1: ...
//   index: varint sections, then of each: varint run | varint partition | u64 begin | u64 bytes
//
// Sections without pairs are left out. The task's record in Torc has the index's place and checksum.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mapreduce/attempt_file.h"
#include "mapreduce/file_system.h"
#include "mapreduce/section_writer.h"

namespace torc::mapreduce {

struct Section {
  uint32_t run = 0;
  uint32_t partition = 0;
  uint64_t begin = 0;
  uint64_t bytes = 0;
};

class MapFileWriter {
 public:
  explicit MapFileWriter(AttemptFile file) : file_(std::move(file)) {}

  /// In ascending order of (partition, key) between two calls of end_run().
  void add(uint32_t partition, std::string_view key, std::string_view value) {
    if (partition != partition_) turn_page(partition);
    if (section_.add(key, value)) end_block();
  }
  void end_run();
  uint32_t runs() const { return run_; }
  Status status() const { return file_.status(); }
  /// Requires: end_run() was called after the last pair.
  Result<Output> finish();

 private:
  void turn_page(uint32_t partition);
  void end_block();
  void end_section();

  AttemptFile file_;
  SectionWriter section_;
  uint32_t run_ = 0;
  uint32_t partition_ = 0;
  std::vector<Section> sections_;
};

/// The sections of one partition in a map's output, in the order of the runs.
/// Errors: kCorrupt: the file is not what the record says. kNotFound, kIo.
Result<std::vector<Section>> sections_of(ReadableFile& file, const Output& output, uint32_t partition);

}  // namespace torc::mapreduce
