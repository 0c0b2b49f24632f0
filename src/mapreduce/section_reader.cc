#include "mapreduce/section_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace torc::mapreduce {

SectionReader::SectionReader(std::shared_ptr<ReadableFile> file, const Section& section, size_t buffer_bytes)
    : file_(std::move(file)),
      at_(section.begin),
      left_(section.bytes),
      buffer_bytes_(static_cast<size_t>(std::min<uint64_t>(buffer_bytes, section.bytes))) {}

bool SectionReader::fail(Error error) {
  status_ = std::move(error);
  left_ = 0;
  here_ = block_end_ = end_ = nullptr;
  return false;
}

bool SectionReader::have(size_t bytes) {
  const auto kept = static_cast<size_t>(end_ - block_end_);
  if (kept >= bytes) return true;
  if (bytes - kept > left_) return fail({ErrorCode::kCorrupt, "a section ends within a block"});
  if (buffer_ == nullptr || bytes > buffer_bytes_) {
    // As much as is announced, which is no more than the section has.
    buffer_bytes_ = std::max(buffer_bytes_, bytes);
    std::unique_ptr<char[]> larger(new char[buffer_bytes_]);
    if (kept > 0) std::memcpy(larger.get(), block_end_, kept);
    buffer_ = std::move(larger);
  } else if (kept > 0) {
    std::memmove(buffer_.get(), block_end_, kept);
  }
  here_ = block_end_ = buffer_.get();
  end_ = block_end_ + kept;
  const auto wanted = static_cast<size_t>(std::min<uint64_t>(left_, buffer_bytes_ - kept));
  const Result<size_t> count = file_->read_at(at_, buffer_.get() + kept, wanted);
  if (!count) return fail(count.error());
  at_ += *count;
  left_ -= *count;
  end_ += *count;
  if (kept + *count >= bytes) return true;
  return fail({ErrorCode::kCorrupt, "a section is cut short"});
}

bool SectionReader::next_block() {
  if (!status_.ok() || (block_end_ == end_ && left_ == 0)) return false;
  if (!have(kBlockHeadBytes)) return false;
  const size_t bytes = load_u32(block_end_);
  const uint32_t crc = load_u32(block_end_ + 4);
  if (bytes == 0) return fail({ErrorCode::kCorrupt, "a block is empty"});
  if (!have(kBlockHeadBytes + bytes)) return false;
  here_ = block_end_ + kBlockHeadBytes;
  block_end_ = here_ + bytes;
  if (block_crc(place_, {here_, bytes}) != crc) return fail({ErrorCode::kCorrupt, "a block is damaged"});
  place_ += kBlockHeadBytes + bytes;
  return true;
}

}  // namespace torc::mapreduce
