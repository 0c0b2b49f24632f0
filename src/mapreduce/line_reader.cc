#include "mapreduce/line_reader.h"

#include <cstring>
#include <utility>

namespace torc::mapreduce {

LineReader::LineReader(SplitFile& file, size_t block_bytes)
    : file_(file),
      buffer_bytes_(block_bytes),
      buffer_(new char[block_bytes]),
      here_(buffer_.get()),
      end_(here_),
      read_at_(file.split().begin) {
  if (read_at_ == 0) return;
  // The line in which the split begins is another one's, unless it begins exactly there.
  --read_at_;
  skip_line();
}

/// False: the file ends before the line does.
bool LineReader::skip_line() {
  for (;;) {
    if (char* newline = static_cast<char*>(std::memchr(here_, '\n', static_cast<size_t>(end_ - here_)))) {
      here_ = newline + 1;
      return true;
    }
    here_ = end_;
    if (!refill()) return false;
  }
}

bool LineReader::refill() {
  const auto kept = static_cast<size_t>(end_ - here_);
  if (kept == buffer_bytes_) {
    std::unique_ptr<char[]> larger(new char[2 * buffer_bytes_]);
    std::memcpy(larger.get(), here_, kept);
    buffer_ = std::move(larger);
    buffer_bytes_ *= 2;
  } else {
    std::memmove(buffer_.get(), here_, kept);
  }
  here_ = buffer_.get();
  const size_t count = file_.read_at(read_at_, here_ + kept, buffer_bytes_ - kept);
  read_at_ += count;
  end_ = here_ + kept + count;
  return count > 0;
}

bool LineReader::next(std::string_view& line) {
  at_ = read_at_ - static_cast<uint64_t>(end_ - here_);
  if (at_ >= file_.split().end) return false;
  for (size_t scanned = 0;;) {
    char* from = here_ + scanned;
    if (char* newline = static_cast<char*>(std::memchr(from, '\n', static_cast<size_t>(end_ - from)))) {
      line = {here_, static_cast<size_t>(newline - here_)};
      here_ = newline + 1;
      return true;
    }
    scanned = static_cast<size_t>(end_ - here_);
    if (scanned > kLineBytesMax) {
      skip_line();
      throw BadRecordError{at_, "a line of more than " + std::to_string(kLineBytesMax) + " bytes"};
    }
    if (refill()) continue;
    line = {here_, static_cast<size_t>(end_ - here_)};
    here_ = end_;
    return !line.empty();
  }
}

}  // namespace torc::mapreduce
