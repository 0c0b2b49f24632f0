#include "net/receive_buffer.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace torc::net {
namespace {

constexpr size_t kCapacityMin = 16u << 10;
constexpr size_t kSpaceMin = 4u << 10;  // less is not worth a system call

}  // namespace

void ReceiveBuffer::append(std::string_view bytes) {
  if (capacity_ - end_ < bytes.size()) move_to(std::max(kCapacityMin, end_ - begin_ + bytes.size() + kSpaceMin));
  std::memcpy(bytes_.get() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

std::span<char> ReceiveBuffer::space(size_t bytes_expected) {
  if (capacity_ - end_ < kSpaceMin) {
    const size_t unread = end_ - begin_;
    const size_t expected = std::clamp(bytes_expected, unread + unread / 4, 2 * unread);
    move_to(std::max(kCapacityMin, expected + kSpaceMin));
  }
  return {bytes_.get() + end_, capacity_ - end_};
}

void ReceiveBuffer::consume(size_t count) {
  CHECK(count <= end_ - begin_) << count;
  begin_ += count;
  if (begin_ < end_) return;
  bytes_.reset();
  capacity_ = begin_ = end_ = 0;
}

void ReceiveBuffer::move_to(size_t capacity) {
  const size_t unread = end_ - begin_;
  if (begin_ > 0) std::memmove(bytes_.get(), bytes_.get() + begin_, unread);
  void* larger = std::realloc(bytes_.get(), capacity);
  CHECK(larger != nullptr) << "out of memory";
  static_cast<void>(bytes_.release());
  bytes_.reset(static_cast<char*>(larger));
  capacity_ = capacity;
  begin_ = 0;
  end_ = unread;
}

}  // namespace torc::net
