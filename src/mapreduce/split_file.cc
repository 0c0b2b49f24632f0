#include "mapreduce/split_file.h"

#include <utility>

namespace torc::mapreduce {

SplitFile::SplitFile(AttemptContext& context, const JobSpec& spec, const Split& split)
    : context_(context), split_(split) {
  Result<std::unique_ptr<ReadableFile>> file = context.files.open(spec.path_of(split.name));
  if (!file && file.error().code == ErrorCode::kNotFound) {
    throw_fault(Fault::Kind::kFatal, split.name + " is gone: it was there when the job was planned");
  }
  if (!file) throw_fault(Fault::Kind::kFailed, file.error().message);
  file_ = std::move(file).value();
  check_unchanged();
}

size_t SplitFile::read_at(uint64_t offset, char* to, size_t count) {
  throw_if_stopped(context_.steps);
  const Result<size_t> got = file_->read_at(offset, to, count);
  if (!got) throw_fault(Fault::Kind::kFailed, got.error().message);
  return *got;
}

void SplitFile::check_unchanged() {
  const Result<FileState> state = file_->state();
  if (!state) throw_fault(Fault::Kind::kFailed, state.error().message);
  if (*state == split_.state) return;
  std::string what = " changed while the job ran";
  if (state->bytes != split_.state.bytes) {
    what += ": it had " + std::to_string(split_.state.bytes) + " bytes when the job was planned and has " +
            std::to_string(state->bytes) + " now";
  }
  throw_fault(Fault::Kind::kFatal, split_.name + what);
}

}  // namespace torc::mapreduce
