// Immutable bytes with shared ownership, so that a payload is written once and then only referred to.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace torc {

/// A slice of an immutable buffer. Copying shares the buffer (one atomic count per copy, so: per entry, never per
/// command).
class Bytes {
 public:
  Bytes() = default;
  /// Takes ownership of `text`; no copy.
  explicit Bytes(std::string text) : owner_(std::make_shared<const std::string>(std::move(text))), view_(*owner_) {}
  static Bytes copy_of(std::string_view view) { return Bytes(std::string(view)); }

  std::string_view view() const { return view_; }
  size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  /// Bytes [offset, offset + count) of this slice, clipped to its end; shares the buffer.
  Bytes slice(size_t offset, size_t count = std::string_view::npos) const {
    Bytes part;
    part.owner_ = owner_;
    part.view_ = view_.substr(offset, count);
    return part;
  }
  friend bool operator==(const Bytes& a, const Bytes& b) { return a.view_ == b.view_; }

 private:
  std::shared_ptr<const std::string> owner_;
  std::string_view view_;
};

/// Bytes to be sent or written one after the other without being joined: a small head and shared payloads.
struct ByteChain {
  std::string head;
  std::vector<Bytes> tail;

  size_t size() const {
    size_t total = head.size();
    for (const Bytes& part : tail) total += part.size();
    return total;
  }
  std::string joined() const {
    std::string all;
    all.reserve(size());
    all += head;
    for (const Bytes& part : tail) all += part.view();
    return all;
  }
};

}  // namespace torc
