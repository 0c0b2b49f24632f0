// Sums per key, in memory: an open-addressing table in which keys of up to 15 bytes stand themselves.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "mapreduce/partition.h"

namespace torc::mapreduce {

/// One per thread. Grows up to the memory it was given; then it is full and has to be drained.
class CountTable {
 public:
  static constexpr size_t kInlineBytesMax = 15;
  static constexpr size_t kReadAhead = 16;  // bytes that add_inline() may read, from the key's first on

  /// `seed` is secret: with it nobody can write a text whose words all meet in one place of the table. No output
  /// depends on it.
  CountTable(size_t bytes_max, uint64_t seed);

  bool is_empty() const { return count_ == 0 && later_next_ == 0; }
  /// False: there may be no room for one more key of so many bytes; drain it.
  bool fits(size_t key_bytes) { return count_ < limit_ && key_bytes <= kInlineBytesMax ? true : make_room(key_bytes); }
  /// Requires: fits(key.size()). Throws std::overflow_error if the sum leaves 64 bits.
  void add(std::string_view key, int64_t value);
  /// Adds 1, a little later: the cell is asked for now, and used when it has arrived from memory. Waiting for it would
  /// be most of the work otherwise. Requires: fits(bytes), bytes <= kInlineBytesMax, and kReadAhead bytes can be read
  /// from `key` on.
  void count_inline(const char* key, size_t bytes) {
    const Packed packed = pack(key, bytes);
    const size_t home = home_of(packed.a, packed.b);
    const char* cell = reinterpret_cast<const char*>(&cells_[home]);
    __builtin_prefetch(cell);
    __builtin_prefetch(cell + sizeof(Cell) - 1);
    Later& later = later_[later_next_++ % kLater];
    if (later.key.b != 0) add_packed(later.key, later.home, 1);
    later = Later{packed, home};
  }
  /// Calls take(partition, key, sum) for all keys in the order of (partition, key); it is empty then.
  template <typename Take>
  void drain(const Partitioner& partitioner, Take take) {
    sort(partitioner);
    for (size_t partition = 0, at = 0; partition < by_partition_.size(); ++partition) {
      for (size_t left = by_partition_[partition]; left > 0; --left, ++at) {
        char room[16];
        const std::string_view key = unpacked(cells_[at], room);
        const int64_t sum = is_long(cells_[at]) ? cells_[at].long_key->sum : cells_[at].sum;
        take(static_cast<uint32_t>(partition), key, sum);
      }
    }
    clear();
  }

 private:
  struct LongKey {
    int64_t sum;
    size_t bytes;
    std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), bytes}; }
  };
  /// An inline key: its bytes in memory order in `a` and `b`, and in the highest byte of `b` their number plus one. A
  /// long one: its hash in `a`, kLong in `b`. While the table is sorted, `a` and `b` are turned round (see turned()).
  struct Cell {
    uint64_t a = 0;
    uint64_t b = 0;  // 0: empty
    union {
      int64_t sum = 0;
      LongKey* long_key;
    };
  };
  struct Packed {
    uint64_t a = 0;
    uint64_t b = 0;  // 0: none
  };
  struct Later {
    Packed key;
    size_t home = 0;
  };
  static constexpr size_t kLater = 16;
  static constexpr uint64_t kLong = uint64_t{0xff} << 56;
  static constexpr uint64_t kLowBytes[16] = {0,
                                             0xff,
                                             0xffff,
                                             0xffffff,
                                             0xffffffff,
                                             0xffffffffff,
                                             0xffffffffffff,
                                             0xffffffffffffff,
                                             ~uint64_t{0},
                                             ~uint64_t{0},
                                             ~uint64_t{0},
                                             ~uint64_t{0},
                                             ~uint64_t{0},
                                             ~uint64_t{0},
                                             ~uint64_t{0},
                                             ~uint64_t{0}};
  static constexpr uint64_t kHighBytes[16] = {
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffffffffff, 0xffffffffffff, 0xffffffffffffff};

  static Packed pack(const char* key, size_t bytes) {
    Packed packed;
    std::memcpy(&packed.a, key, 8);
    std::memcpy(&packed.b, key + 8, 8);
    packed.a &= kLowBytes[bytes];
    packed.b = (packed.b & kHighBytes[bytes]) | (uint64_t{bytes} + 1) << 56;
    return packed;
  }
  size_t home_of(uint64_t a, uint64_t b) const {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a ^ seed_) * (b ^ 0xe7037ed1a0b428dbu);
    const uint64_t mixed =
        (static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64)) * 0x9e3779b97f4a7c15u;
    return static_cast<size_t>((static_cast<Wide>(mixed) * capacity_) >> 64);
  }
  void add_packed(Packed key, size_t at, int64_t value) {
    for (;;) {
      Cell& cell = cells_[at];
      if (cell.a == key.a && cell.b == key.b) {
        if (__builtin_add_overflow(cell.sum, value, &cell.sum)) throw_overflow();
        return;
      }
      if (cell.b == 0) break;
      if (++at == capacity_) at = 0;
    }
    cells_[at].a = key.a;
    cells_[at].b = key.b;
    cells_[at].sum = value;
    ++count_;
  }
  [[noreturn]] static void throw_overflow();
  static bool is_long(const Cell& cell) { return (cell.b & 0xff) == 0xff; }  // once turned
  static std::string_view unpacked(const Cell& turned, char* room);
  static Cell turned(const Cell& cell);
  void add_long(std::string_view key, int64_t value);
  void add_all_later();
  LongKey* keep(std::string_view key, int64_t value);
  bool make_room(size_t key_bytes);
  void grow(size_t capacity);
  void sort(const Partitioner& partitioner);
  void sort_partition(Cell* begin, Cell* end);
  void clear();

  const size_t bytes_max_;
  const uint64_t seed_;
  size_t capacity_ = 0;
  size_t limit_ = 0;  // keys; at it the table grows, or is full
  size_t count_ = 0;
  std::unique_ptr<Cell[], void (*)(void*)> cells_;
  Later later_[kLater];  // keys whose cells have been asked for; a ring
  size_t later_next_ = 0;
  std::vector<std::unique_ptr<char[]>> long_keys_;  // blocks
  size_t long_bytes_ = 0;                           // in all blocks
  char* long_end_ = nullptr;                        // of what is kept in the last block
  size_t long_left_ = 0;                            // bytes behind it
  std::vector<size_t> by_partition_;                // how many keys, once sorted
};

}  // namespace torc::mapreduce
