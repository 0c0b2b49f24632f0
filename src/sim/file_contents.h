// The bytes of a simulated file as pieces of shared buffers: a copy of a file, or of a range of it, copies no bytes.
// Values of 32 MiB pass through a world in dozens of places, several of them on each disk.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace torc::sim {

class FileContents {
 public:
  FileContents() = default;
  explicit FileContents(std::string text) { write(0, Bytes(std::move(text))); }

  uint64_t size() const { return size_; }
  /// Cut off, or grown by zeros.
  void resize(uint64_t size);
  /// Shares `bytes`. Grows the file if need be; a gap before them reads as zeros.
  void write(uint64_t offset, const Bytes& bytes);
  /// Takes [begin, end) from `other`, as far as both files reach; no size changes.
  void copy_range(const FileContents& other, uint64_t begin, uint64_t end);
  /// Up to `count` bytes, fewer at the end of the file.
  std::string read(uint64_t offset, uint64_t count) const;
  std::string text() const { return read(0, size_); }

 private:
  void clear_range(uint64_t begin, uint64_t end);

  std::map<uint64_t, Bytes> pieces_;  // by offset; they do not overlap, and what lies between them is zero
  uint64_t size_ = 0;
};

}  // namespace torc::sim
