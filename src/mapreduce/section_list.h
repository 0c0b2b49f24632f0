// The sections that a reduce merges, opened when needed; and merges of some of them into one, where there are too many
// to be open at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mapreduce/attempt_context.h"
#include "mapreduce/merge.h"

namespace torc::mapreduce {

class SectionList {
 public:
  /// Reads the indexes of all map outputs. Throws AttemptFault: kLostInput if a map's output is missing or damaged.
  SectionList(AttemptContext& context, const Assignment& assignment);

  uint64_t bytes() const { return bytes_; }
  /// All pairs of the partition in order; merges in several passes if need be. May be called once.
  Merge& merged();
  /// Throws if the merge ended with an error: kLostInput if it is in a map's output.
  void throw_if_failed() const;

 private:
  struct Source {
    std::string path;  // or
    std::shared_ptr<ReadableFile> file;
    Section section;
    uint32_t map = 0;  // of a path
  };
  size_t sources_max() const;
  std::vector<std::unique_ptr<SectionReader>> open(size_t begin, size_t end);
  Source merge_into_one(size_t begin, size_t end);
  [[noreturn]] void throw_lost(uint32_t map, const std::string& why) const;
  void throw_if_failed(const Merge& merge, size_t begin) const;

  AttemptContext& context_;
  const Assignment& assignment_;
  std::string scratch_;
  std::vector<Source> sources_;  // in the order of the splits and of the runs
  std::unique_ptr<Merge> merge_;
  uint64_t bytes_ = 0;
  uint32_t merged_files_ = 0;
};

}  // namespace torc::mapreduce
