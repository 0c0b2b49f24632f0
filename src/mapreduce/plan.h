// What the planner found: the splits of a job's inputs, in order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace torc::mapreduce {

/// What a file looked like when the job was planned. One that differs later has been changed under the job's hands.
struct FileState {
  uint64_t bytes = 0;
  uint64_t modified_ns = 0;
  uint64_t inode = 0;

  bool operator==(const FileState&) const = default;
};

struct Split {
  enum class Kind : uint8_t { kFile, kKeys };
  Kind kind = Kind::kFile;
  std::string name;    // path; of keys: the prefix that they have
  uint64_t begin = 0;  // [begin, end): bytes, or slots; the records that begin there
  uint64_t end = 0;
  FileState state;

  bool operator==(const Split&) const = default;
  uint64_t input_bytes() const { return kind == Kind::kFile ? end - begin : 0; }
};

struct Plan {
  std::vector<Split> splits;
  /// Of a job that sorts: the first keys of partitions 1, 2, ... Empty: partitions by hash.
  std::vector<std::string> borders;

  bool operator==(const Plan&) const = default;
};

/// The plan as values of keys, kSplitsPerPage splits in each; at least one.
std::vector<std::string> encode_pages(const Plan& plan);
/// Errors: kCorrupt.
Status parse_page(std::string_view page, Plan& plan);
size_t page_count(size_t splits);

}  // namespace torc::mapreduce
