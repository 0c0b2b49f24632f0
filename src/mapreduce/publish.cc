#include "mapreduce/publish.h"

#include <algorithm>

#include "base/check.h"
#include "base/crc32c.h"

namespace torc::mapreduce {
namespace {

constexpr size_t kCopyBytes = 1u << 20;

Status publish_one(FileSystem& files, const JobRecord& job, uint32_t partition, const Output& output) {
  const std::string from = job.scratch() + "/" + output.file;
  const std::string to = job.output_path(partition);
  const Result<Moved> moved = files.move(from, to);
  if (!moved) return moved.error();
  switch (*moved) {
    case Moved::kYes:
      return {};
    case Moved::kTargetExists:
      return Error{ErrorCode::kInvalid, to + " exists and is not of this job; nothing was replaced"};
    case Moved::kNoSource:
      break;
  }
  // Moved before, by this worker or another one.
  const Result<bool> is_there = is_output(files, to, output);
  if (is_there && *is_there) return {};
  if (is_there) return Error{ErrorCode::kInvalid, to + " was changed after this job had published it"};
  if (is_there.error().code != ErrorCode::kNotFound) return is_there.error();
  return Error{ErrorCode::kInvalid, to + " is missing, and so is " + from + ": somebody took the output away"};
}

}  // namespace

Result<bool> is_output(FileSystem& files, const std::string& path, const Output& output) {
  const Result<std::unique_ptr<ReadableFile>> file = files.open(path);
  if (!file) return file.error();
  const Result<FileState> state = (*file)->state();
  if (!state) return state.error();
  if (state->bytes != output.bytes) return false;
  std::string block(std::min<uint64_t>(kCopyBytes, output.bytes), '\0');
  uint32_t crc = 0;
  for (uint64_t at = 0; at < output.bytes;) {
    const Result<size_t> count = (*file)->read_at(at, block.data(), block.size());
    if (!count) return count.error();
    if (*count == 0) return false;
    crc = crc32c(std::string_view(block).substr(0, *count), crc);
    at += *count;
  }
  return crc == output.crc;
}

Status publish(FileSystem& files, const JobRecord& job, const TaskList& reduces) {
  CHECK(job.state == JobState::kPublishing && reduces.is_done());
  for (uint32_t partition = 0; partition < reduces.size(); ++partition) {
    if (Status status = publish_one(files, job, partition, reduces.winner(partition)->output); !status) return status;
  }
  return files.sync_directory(job.spec.output);
}

}  // namespace torc::mapreduce
