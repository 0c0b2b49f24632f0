// The one file that an attempt writes. Its name carries the attempt's id, so that no other attempt ever writes there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mapreduce/executor.h"
#include "mapreduce/file_system.h"

namespace torc::mapreduce {

/// Gathers small pieces into large writes. The first error stays; everything after it is a no-op.
class AttemptFile {
 public:
  static Result<AttemptFile> create(FileSystem& files, const JobRecord& job, const Attempt& attempt);
  AttemptFile(AttemptFile&&) = default;
  AttemptFile& operator=(AttemptFile&&) = default;
  /// Removes a file that was not finished.
  ~AttemptFile();

  void append(std::string_view bytes) {
    if (buffer_.size() + bytes.size() > kBufferBytes) flush();
    buffer_.append(bytes);
    bytes_ += bytes.size();
  }
  uint64_t bytes() const { return bytes_; }
  Status status() const { return status_; }

  /// Everything is on the disk, and the name too, when this returns: only then may a record name the file. The checksum
  /// is over all of it.
  Result<Output> finish();

 private:
  static constexpr size_t kBufferBytes = 256u << 10;

  AttemptFile(FileSystem& files, std::string directory, std::string name, bool is_synced)
      : files_(&files), directory_(std::move(directory)), name_(std::move(name)), is_synced_(is_synced) {}
  void flush();
  std::string path() const { return directory_ + "/" + name_; }

  FileSystem* files_;
  std::string directory_;
  std::string name_;
  bool is_synced_;
  std::unique_ptr<WritableFile> file_;  // null: finished, or never there
  std::string buffer_;
  uint64_t bytes_ = 0;
  uint32_t crc_ = 0;
  Status status_;
};

}  // namespace torc::mapreduce
