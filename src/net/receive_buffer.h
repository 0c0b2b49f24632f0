// What one client has sent and the parser has not taken yet: usually the cut-off end of a pipeline, sometimes a big
// value.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>

namespace torc::net {

/// Holds no memory while empty. Grows by a quarter at least and by doubling at most: memory follows what was received,
/// and what was received is not moved again and again. (It once grew to what the parser expected, which is a few bytes
/// more while a command of small arguments arrives: 15 MB of keys were moved by 4 KiB at a time, for seconds.)
class ReceiveBuffer {
 public:
  std::string_view unread() const { return {bytes_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  size_t capacity() const { return capacity_; }

  void append(std::string_view bytes);
  /// Free space behind the unread bytes; never empty. `bytes_expected`: how long the unread bytes will at least become,
  /// so that the last growth does not overshoot.
  std::span<char> space(size_t bytes_expected);
  /// `count` bytes were written to the front of space().
  void received(size_t count) { end_ += count; }
  void consume(size_t count);

 private:
  void move_to(size_t capacity);

  struct Free {
    void operator()(char* bytes) const { std::free(bytes); }
  };
  std::unique_ptr<char[], Free> bytes_;  // malloc's: large blocks grow without a copy
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace torc::net
