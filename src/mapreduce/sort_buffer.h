// Pairs in memory until they are sorted into a run. One block: pairs grow from its front, their entries from its back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "mapreduce/map_file.h"
#include "mapreduce/record_format.h"

namespace torc::mapreduce {

/// The order is that of (partition, key, arrival).
class SortBuffer {
 public:
  /// The block is not touched before it is needed. Requires: 0 < bytes <= 4 GiB.
  SortBuffer(size_t bytes, uint32_t partitions);

  bool is_empty() const { return count_ == 0; }
  bool fits(std::string_view key, std::string_view value) const {
    return kPairHeadBytesMax + key.size() + value.size() + sizeof(Entry) <=
           static_cast<size_t>(reinterpret_cast<char*>(first_) - end_);
  }
  /// Requires: fits(), and the partition is below `partitions`.
  void add(uint32_t partition, std::string_view key, std::string_view value) {
    *--first_ = Entry{prefix_of(key), static_cast<uint32_t>(end_ - block_.get()), partition};
    ++count_;
    ++by_partition_[partition];
    end_ = put_varint32(end_, static_cast<uint32_t>(key.size()));
    end_ = put_varint32(end_, static_cast<uint32_t>(value.size()));
    end_ = std::copy(key.begin(), key.end(), end_);
    end_ = std::copy(value.begin(), value.end(), end_);
  }
  /// Calls take(partition, key, value) for all pairs in order, and is empty then.
  template <typename Take>
  void drain(Take take) {
    sort();
    constexpr size_t kAhead = 16;  // pairs lie anywhere in the block: ask for them before they are needed
    for (size_t i = 0; i < count_; ++i) {
      if (i + kAhead < count_) __builtin_prefetch(block_.get() + first_[i + kAhead].at);
      std::string_view key;
      std::string_view value;
      pair_at(first_[i].at, key, value);
      take(first_[i].partition, key, value);
    }
    clear();
  }

 private:
  struct Entry {
    uint64_t prefix;  // of the key, from the depth on that is being sorted
    uint32_t at;      // in the block; grows with arrival
    uint32_t partition;
  };

  void clear();
  void sort();
  void group_by_partition();
  void sort_range(Entry* begin, Entry* end, size_t depth);
  void sort_ties(Entry* begin, Entry* end, size_t depth);
  bool is_before(const Entry& a, const Entry& b, size_t depth) const;
  void sort_few(Entry* begin, Entry* end, size_t depth);
  void pair_at(uint32_t at, std::string_view& key, std::string_view& value) const;
  std::string_view key_at(uint32_t at) const {
    std::string_view key;
    std::string_view value;
    pair_at(at, key, value);
    return key;
  }

  size_t bytes_;
  std::unique_ptr<char[]> block_;
  char* end_ = nullptr;     // of the pairs
  Entry* first_ = nullptr;  // of the entries
  size_t count_ = 0;
  std::vector<uint32_t> by_partition_;  // how many pairs
};

}  // namespace torc::mapreduce
