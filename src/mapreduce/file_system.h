// Files as attempts and publication need them. Shared between all workers; a lock, a token or a listing is never asked
// for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mapreduce/plan.h"

namespace torc::mapreduce {

class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  /// Up to `count` bytes from `offset`; fewer only at the end. Errors: kIo.
  virtual Result<size_t> read_at(uint64_t offset, char* to, size_t count) = 0;
  virtual Result<FileState> state() = 0;
};

class WritableFile {
 public:
  virtual ~WritableFile() = default;
  /// Errors: kDiskFull, kIo.
  virtual Status append(std::string_view bytes) = 0;
  /// Until the file's content survives a power loss. Errors: kIo, kDiskFull.
  virtual Status sync() = 0;
};

enum class Moved {
  kYes,
  kNoSource,
  kTargetExists,  // and is another file; nothing was replaced
};

struct InputFile {
  std::string path;
  FileState state;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  /// The files that an input names, in the order of their names: a file; all files of a directory, except those whose
  /// names begin with a dot; or what a pattern (*, ?, [...]) fits. Errors: kNotFound: nothing. kIo.
  virtual Result<std::vector<InputFile>> expand(const std::string& input) = 0;
  /// Errors: kNotFound, kIo.
  virtual Result<std::unique_ptr<ReadableFile>> open(const std::string& path) = 0;
  /// Errors: kInvalid if it exists, kNotFound if its directory does not, kDiskFull, kIo.
  virtual Result<std::unique_ptr<WritableFile>> create(const std::string& path) = 0;
  /// Until names made in the directory survive a power loss. Errors: kNotFound, kIo.
  virtual Status sync_directory(const std::string& path) = 0;
  /// Gives the file its other name in one step, and takes the first one away. Errors: kIo.
  virtual Result<Moved> move(const std::string& from, const std::string& to) = 0;
  /// What is not there is fine.
  virtual Status remove(const std::string& path) = 0;
  /// With parents. What is there is fine.
  virtual Status make_directory(const std::string& path) = 0;
  /// A directory and all it holds. What is not there is fine.
  virtual Status remove_tree(const std::string& path) = 0;
};

}  // namespace torc::mapreduce
