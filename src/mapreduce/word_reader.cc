#include "mapreduce/word_reader.h"

#include <algorithm>

namespace torc::mapreduce {
namespace {

constexpr size_t kPadding = 2 * kMaskBytes;  // behind the buffer's end: masks and keys are read in whole pieces
constexpr uint64_t kLookBack = 4;            // the longest letter: one may reach into the split from before it

}  // namespace

WordReader::WordReader(SplitFile& file)
    : file_(file),
      buffer_(kBlockBytes + kPadding),
      buffer_at_(file.split().begin - std::min(file.split().begin, kLookBack)) {}

void WordReader::read_more() {
  if (is_at_end_) return;
  if (bytes_ + kBlockBytes / 2 + kPadding > buffer_.size()) buffer_.resize(2 * buffer_.size());
  const size_t room = buffer_.size() - kPadding - bytes_;
  const size_t count = file_.read_at(buffer_at_ + bytes_, buffer_.data() + bytes_, room);
  is_at_end_ = count < room;
  bytes_ += count;
}

void WordReader::unmark(size_t begin, size_t end) {
  for (size_t i = begin; i < end;) {
    const size_t bit = i % kMaskBytes;
    const size_t count = std::min(kMaskBytes - bit, end - i);
    const uint64_t bits = count == kMaskBytes ? ~uint64_t{0} : ((uint64_t{1} << count) - 1) << bit;
    masks_[i / kMaskBytes] &= ~bits;
    i += count;
  }
}

size_t WordReader::end_of_word(size_t i) const {
  while (i < bytes_ && is_marked(i)) ++i;
  return i;
}

size_t WordReader::whole_words() {
  size_t from = 0;  // what lies before is not given
  if (!has_begun_) {
    has_begun_ = true;
    from = static_cast<size_t>(file_.split().begin - buffer_at_);
    is_skipping_ = from > 0 && from < bytes_ && is_marked(from - 1) && is_marked(from);
    unmark(0, std::min(from, bytes_));
  }
  // A word that goes on behind the buffer stays for the next call, with a letter that is cut off.
  const size_t known = is_at_end_ ? bytes_ : bytes_ - cut_off_bytes({buffer_.data(), bytes_});
  if (is_skipping_) {
    const size_t end = std::min(end_of_word(from), known);
    unmark(from, end);
    if (end < known || is_at_end_) is_skipping_ = false;
    if (is_skipping_) return known;
  }
  size_t whole = known;
  const uint64_t split_end = file_.split().end - std::min(file_.split().end, buffer_at_);
  if (split_end < known) {
    const auto limit = static_cast<size_t>(split_end);
    whole = limit > 0 && is_marked(limit - 1) ? std::min(end_of_word(limit), known) : limit;
    is_over_ = whole < known || is_at_end_;
    if (is_over_) return whole;
  }
  if (is_at_end_) return whole;
  while (whole > 0 && is_marked(whole - 1)) --whole;
  return whole;
}

bool WordReader::fill() {
  for (;;) {
    buffer_at_ += usable_;
    bytes_ -= usable_;
    std::memmove(buffer_.data(), buffer_.data() + usable_, bytes_);
    usable_ = 0;
    if (is_over_) return false;
    read_more();
    at_ = buffer_at_;
    masks_.resize(bytes_ / kMaskBytes + 2);
    mark_letters({buffer_.data(), bytes_}, masks_.data());
    usable_ = whole_words();
    is_over_ = is_over_ || is_at_end_;
    if (usable_ > 0) break;
    if (is_over_) return false;
    if (bytes_ > kWordBytesMax) {
      is_skipping_ = true;
      throw BadRecordError{at_, "a word of more than " + std::to_string(kWordBytesMax) + " bytes"};
    }
  }
  unmark(usable_, std::min((usable_ + kMaskBytes - 1) / kMaskBytes * kMaskBytes, masks_.size() * kMaskBytes));
  return true;
}

}  // namespace torc::mapreduce
