// Sorted pairs as blocks, each with a checksum of its own: a damaged block is noticed before any pair of it is used.
//
//   block: u32 bytes of the pairs | u32 CRC-32C of (u64 place of the block in its section, pairs) | pairs
//
// A block holds whole pairs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/codec.h"
#include "base/crc32c.h"
#include "mapreduce/record_format.h"

namespace torc::mapreduce {

constexpr size_t kBlockHeadBytes = 8;
constexpr size_t kSectionBlockBytes = 32u << 10;  // more only if one pair has more

/// The place is in it: a block that was read from somewhere else does not pass.
inline uint32_t block_crc(uint64_t place, std::string_view pairs) {
  std::string head;
  put_u64(head, place);
  return crc32c(pairs, crc32c(head));
}

class SectionWriter {
 public:
  SectionWriter() { begin(); }

  /// True: a block is full, take it.
  bool add(std::string_view key, std::string_view value) {
    char head[kPairHeadBytesMax];
    char* end = put_varint32(head, static_cast<uint32_t>(key.size()));
    end = put_varint32(end, static_cast<uint32_t>(value.size()));
    block_.append(head, static_cast<size_t>(end - head));
    block_.append(key);
    block_.append(value);
    return block_.size() >= kSectionBlockBytes;
  }
  /// Gives the block under way to take(bytes), unless it is empty.
  template <typename Take>
  void take_block(Take take) {
    if (block_.size() == kBlockHeadBytes) return;
    const std::string_view pairs = std::string_view(block_).substr(kBlockHeadBytes);
    const auto bytes = static_cast<uint32_t>(pairs.size());
    const uint32_t crc = block_crc(bytes_, pairs);
    store_u32(block_.data(), bytes);
    store_u32(block_.data() + 4, crc);
    bytes_ += block_.size();
    take(std::string_view(block_));
    block_.resize(kBlockHeadBytes);
  }
  /// Of the blocks taken since the last begin().
  uint64_t bytes() const { return bytes_; }
  /// The next section.
  void begin() {
    block_.assign(kBlockHeadBytes, '\0');
    bytes_ = 0;
  }

 private:
  std::string block_;
  uint64_t bytes_ = 0;
};

}  // namespace torc::mapreduce
