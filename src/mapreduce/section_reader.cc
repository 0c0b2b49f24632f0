#include "mapreduce/section_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/crc32c.h"

namespace torc::mapreduce {

SectionReader::SectionReader(std::shared_ptr<ReadableFile> file, const Section& section, size_t buffer_bytes)
    : file_(std::move(file)),
      at_(section.begin),
      left_(section.bytes),
      crc_expected_(section.crc),
      buffer_bytes_(static_cast<size_t>(std::min<uint64_t>(buffer_bytes, section.bytes))) {}

bool SectionReader::fail(Error error) {
  status_ = std::move(error);
  left_ = 0;
  here_ = end_ = nullptr;
  return false;
}

bool SectionReader::refill() {
  if (!status_) return false;
  const auto kept = static_cast<size_t>(end_ - here_);
  if (left_ == 0) {
    if (kept > 0 || crc_ != crc_expected_) return fail({ErrorCode::kCorrupt, "a section is damaged"});
    return false;
  }
  if (buffer_ == nullptr || kept == buffer_bytes_) {
    // A pair that is larger than the buffer: twice the room. What is announced is not believed, only what is there.
    const size_t bytes = buffer_ == nullptr ? buffer_bytes_ : 2 * buffer_bytes_;
    if (bytes > 4 * kPairBytesMax) return fail({ErrorCode::kCorrupt, "a section has a pair larger than any"});
    auto larger = std::make_unique<char[]>(bytes);
    if (kept > 0) std::memcpy(larger.get(), here_, kept);
    buffer_ = std::move(larger);
    buffer_bytes_ = bytes;
  } else if (kept > 0) {
    std::memmove(buffer_.get(), here_, kept);
  }
  const auto wanted = static_cast<size_t>(std::min<uint64_t>(left_, buffer_bytes_ - kept));
  const Result<size_t> count = file_->read_at(at_, buffer_.get() + kept, wanted);
  if (!count) return fail(count.error());
  if (*count == 0) return fail({ErrorCode::kCorrupt, "a section is cut short"});
  crc_ = crc32c({buffer_.get() + kept, *count}, crc_);
  at_ += *count;
  left_ -= *count;
  here_ = buffer_.get();
  end_ = here_ + kept + *count;
  return true;
}

}  // namespace torc::mapreduce
