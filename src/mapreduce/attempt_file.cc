#include "mapreduce/attempt_file.h"

#include <utility>

#include "base/check.h"
#include "base/crc32c.h"

namespace torc::mapreduce {

Result<AttemptFile> AttemptFile::create(FileSystem& files, const JobRecord& job, const Attempt& attempt) {
  AttemptFile created(files, job.scratch(), attempt.file_name(), job.spec.is_synced);
  Result<std::unique_ptr<WritableFile>> file = files.create(created.path());
  if (!file) return file.error();
  created.file_ = std::move(file).value();
  return created;
}

AttemptFile::~AttemptFile() {
  if (!file_) return;
  file_.reset();
  (void)files_->remove(path());
}

void AttemptFile::flush() {
  if (status_.ok() && !buffer_.empty()) {
    crc_ = crc32c(buffer_, crc_);
    status_ = file_->append(buffer_);
  }
  buffer_.clear();
}

Result<Output> AttemptFile::finish() {
  CHECK(file_ != nullptr);
  flush();
  if (!status_) return status_.error();
  if (is_synced_) {
    if (Status status = file_->sync(); !status) return status.error();
    if (Status status = files_->sync_directory(directory_); !status) return status.error();
  }
  file_.reset();
  Output output;
  output.file = name_;
  output.bytes = bytes_;
  output.crc = crc_;
  return output;
}

}  // namespace torc::mapreduce
