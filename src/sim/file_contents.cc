#include "sim/file_contents.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace torc::sim {

void FileContents::resize(uint64_t size) {
  if (size < size_) clear_range(size, size_);
  size_ = size;
}

void FileContents::write(uint64_t offset, const Bytes& bytes) {
  if (bytes.empty()) return;
  const uint64_t end = offset + bytes.size();
  clear_range(offset, end);
  pieces_.emplace(offset, bytes);
  size_ = std::max(size_, end);
}

void FileContents::clear_range(uint64_t begin, uint64_t end) {
  auto at = pieces_.lower_bound(begin);
  if (at != pieces_.begin()) {
    const auto before = std::prev(at);
    const uint64_t before_end = before->first + before->second.size();
    if (before_end > begin) {
      const Bytes whole = before->second;
      before->second = whole.slice(0, begin - before->first);
      if (before_end > end) pieces_.emplace_hint(at, end, whole.slice(end - before->first));
    }
  }
  while (at != pieces_.end() && at->first < end) {
    const uint64_t piece_end = at->first + at->second.size();
    if (piece_end > end) pieces_.emplace_hint(std::next(at), end, at->second.slice(end - at->first));
    at = pieces_.erase(at);
  }
}

void FileContents::copy_range(const FileContents& other, uint64_t begin, uint64_t end) {
  CHECK(this != &other && begin <= end);
  end = std::min({end, size_, other.size_});
  if (begin >= end) return;
  clear_range(begin, end);
  auto from = other.pieces_.upper_bound(begin);
  if (from != other.pieces_.begin()) --from;
  for (; from != other.pieces_.end() && from->first < end; ++from) {
    const uint64_t first = std::max(begin, from->first);
    const uint64_t last = std::min(end, from->first + from->second.size());
    if (first < last) pieces_.emplace(first, from->second.slice(first - from->first, last - first));
  }
}

std::string FileContents::read(uint64_t offset, uint64_t count) const {
  if (offset >= size_) return "";
  const uint64_t end = offset + std::min(count, size_ - offset);
  std::string text(end - offset, '\0');
  auto at = pieces_.upper_bound(offset);
  if (at != pieces_.begin()) --at;
  for (; at != pieces_.end() && at->first < end; ++at) {
    const uint64_t first = std::max(offset, at->first);
    const uint64_t last = std::min(end, at->first + at->second.size());
    if (first < last)
      at->second.view().substr(first - at->first, last - first).copy(&text[first - offset], last - first);
  }
  return text;
}

}  // namespace torc::sim
