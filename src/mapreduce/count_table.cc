#include "mapreduce/count_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <boost/sort/pdqsort/pdqsort.hpp>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <utility>

#include "base/check.h"
#include "mapreduce/record_format.h"

namespace torc::mapreduce {
namespace {

constexpr size_t kCapacityMin = 256;  // far above the keys that wait to be added
constexpr size_t kCapacityFirst = 4096;
constexpr size_t kHugePageBytes = 2u << 20;  // one of them needs one entry of the TLB instead of 512
constexpr size_t kGrowth = 4;
constexpr size_t kLongBlockBytes = 256u << 10;

size_t limit_of(size_t capacity) { return capacity / 10 * 6; }  // linear probing gets slow above

uint64_t hash_of(std::string_view key, uint64_t seed) {
  __extension__ using Wide = unsigned __int128;
  uint64_t hash = seed ^ key.size();
  while (!key.empty()) {
    uint64_t word = 0;
    const size_t bytes = std::min<size_t>(8, key.size());
    std::memcpy(&word, key.data(), bytes);
    key.remove_prefix(bytes);
    const Wide product = static_cast<Wide>(hash ^ word) * 0x9e3779b97f4a7c15u;
    hash = static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64) ^ seed;
  }
  return hash;
}

/// Zeros.
void* allocate(size_t bytes) {
  if (bytes < 2 * kHugePageBytes) {
    void* small = std::calloc(1, bytes);
    if (small == nullptr) throw std::bad_alloc();
    return small;
  }
  const size_t rounded = (bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  void* large = std::aligned_alloc(kHugePageBytes, rounded);
  if (large == nullptr) throw std::bad_alloc();
  ::madvise(large, rounded, MADV_HUGEPAGE);
  std::memset(large, 0, bytes);
  return large;
}

}  // namespace

CountTable::CountTable(size_t bytes_max, uint64_t seed)
    : bytes_max_(bytes_max), seed_(seed | 1), cells_(nullptr, std::free) {
  grow(std::clamp(bytes_max / sizeof(Cell) / 2, kCapacityMin, kCapacityFirst));
}

void CountTable::add(std::string_view key, int64_t value) {
  if (key.size() > kInlineBytesMax) return add_long(key, value);
  char copy[kReadAhead] = {};
  std::memcpy(copy, key.data(), key.size());
  const Packed packed = pack(copy, key.size());
  add_packed(packed, home_of(packed.a, packed.b), value);
}

void CountTable::throw_overflow() { throw std::overflow_error("a sum does not fit 64 bits"); }

void CountTable::add_long(std::string_view key, int64_t value) {
  const uint64_t hash = hash_of(key, seed_);
  size_t at = home_of(hash, kLong);
  for (; cells_[at].b != 0; at = at + 1 == capacity_ ? 0 : at + 1) {
    const Cell& cell = cells_[at];
    if (cell.a != hash || cell.b != kLong || cell.long_key->key() != key) continue;
    if (__builtin_add_overflow(cell.long_key->sum, value, &cell.long_key->sum)) throw_overflow();
    return;
  }
  cells_[at].a = hash;
  cells_[at].b = kLong;
  cells_[at].long_key = keep(key, value);
  ++count_;
}

CountTable::LongKey* CountTable::keep(std::string_view key, int64_t value) {
  const size_t bytes = (sizeof(LongKey) + key.size() + 7) / 8 * 8;
  if (bytes > long_left_) {
    const size_t block_bytes = std::max(bytes, std::min(kLongBlockBytes, bytes_max_ / 8 / 8 * 8));
    long_keys_.emplace_back(new char[block_bytes]);
    long_bytes_ += block_bytes;
    long_left_ = block_bytes;
    long_end_ = long_keys_.back().get();
  }
  auto* kept = new (long_end_) LongKey{value, key.size()};
  std::memcpy(reinterpret_cast<char*>(kept + 1), key.data(), key.size());
  long_end_ += bytes;
  long_left_ -= bytes;
  return kept;
}

void CountTable::add_all_later() {
  for (Later& later : later_) {
    if (later.key.b != 0) add_packed(later.key, later.home, 1);
    later = Later{};
  }
  later_next_ = 0;
}

bool CountTable::make_room(size_t key_bytes) {
  add_all_later();  // they know where they go in the table as it is
  if (count_ >= limit_) {
    // Both tables are there while one becomes the other.
    const size_t room = bytes_max_ > long_bytes_ ? (bytes_max_ - long_bytes_) / sizeof(Cell) : 0;
    const size_t capacity = std::min(capacity_ * kGrowth, room > capacity_ ? room - capacity_ : 0);
    if (capacity < capacity_ + capacity_ / 4) return false;
    grow(capacity);
  }
  if (key_bytes <= kInlineBytesMax) return true;
  const size_t needed = sizeof(LongKey) + key_bytes + 8;
  return needed <= long_left_ || is_empty() ||
         capacity_ * sizeof(Cell) + long_bytes_ + std::max(needed, kLongBlockBytes) <= bytes_max_;
}

void CountTable::grow(size_t capacity) {
  std::unique_ptr<Cell[], void (*)(void*)> old(static_cast<Cell*>(allocate(capacity * sizeof(Cell))), std::free);
  old.swap(cells_);
  const size_t old_capacity = std::exchange(capacity_, capacity);
  limit_ = limit_of(capacity);
  for (size_t i = 0; i < old_capacity; ++i) {
    if (old[i].b == 0) continue;
    size_t at = home_of(old[i].a, old[i].b);
    while (cells_[at].b != 0) at = at + 1 == capacity_ ? 0 : at + 1;
    cells_[at] = old[i];
  }
}

/// For sorting: `a`, then `b`, compare as numbers like the first 15 bytes of the keys, and where those are equal the
/// shorter key comes first, long ones last.
CountTable::Cell CountTable::turned(const Cell& cell) {
  Cell out = cell;
  if (cell.b == kLong) {
    const std::string_view key = cell.long_key->key();
    out.a = prefix_of(key);
    out.b = prefix_of(key, 8) | 0xff;  // the 16th byte is left to the comparison of whole keys
  } else {
    out.a = __builtin_bswap64(cell.a);
    out.b = __builtin_bswap64(cell.b);
  }
  return out;
}

std::string_view CountTable::unpacked(const Cell& turned, char* room) {
  if (is_long(turned)) return turned.long_key->key();
  const uint64_t a = __builtin_bswap64(turned.a);
  const uint64_t b = __builtin_bswap64(turned.b);
  std::memcpy(room, &a, 8);
  std::memcpy(room + 8, &b, 8);
  return {room, (turned.b & 0xff) - 1};
}

void CountTable::sort(const Partitioner& partitioner) {
  add_all_later();
  size_t count = 0;
  for (size_t i = 0; i < capacity_; ++i) {
    if (cells_[i].b != 0) cells_[count++] = turned(cells_[i]);
  }
  CHECK(count == count_);
  by_partition_.assign(partitioner.count(), 0);
  const auto partition_of = [&](const Cell& cell) {
    char room[16];
    return partitioner.of(unpacked(cell, room));
  };
  if (partitioner.count() == 1) {
    by_partition_[0] = count;
  } else {
    for (size_t i = 0; i < count; ++i) ++by_partition_[partition_of(cells_[i])];
    std::vector<size_t> next(by_partition_.size());
    for (size_t i = 1; i < next.size(); ++i) next[i] = next[i - 1] + by_partition_[i - 1];
    // Cycles of an American flag sort (McIlroy, Bostic, McIlroy 1993): each key to its partition, in place.
    for (size_t i = 0, end = 0; i < next.size(); ++i) {
      end += by_partition_[i];
      while (next[i] < end) {
        const uint32_t home = partition_of(cells_[next[i]]);
        if (home == i) {
          ++next[i];
        } else {
          std::swap(cells_[next[i]], cells_[next[home]++]);
        }
      }
    }
  }
  Cell* begin = cells_.get();
  for (const size_t keys : by_partition_) {
    sort_partition(begin, begin + keys);
    begin += keys;
  }
}

void CountTable::sort_partition(Cell* begin, Cell* end) {
  boost::sort::pdqsort_branchless(begin, end, [](const Cell& x, const Cell& y) {
    __extension__ using Wide = unsigned __int128;
    return (static_cast<Wide>(x.a) << 64 | x.b) < (static_cast<Wide>(y.a) << 64 | y.b);
  });
  for (Cell* from = begin; from < end;) {
    Cell* to = from + 1;
    while (to < end && to->a == from->a && to->b == from->b) ++to;
    // Only long keys can be alike so far.
    if (to - from > 1) {
      std::sort(from, to, [](const Cell& x, const Cell& y) { return x.long_key->key() < y.long_key->key(); });
    }
    from = to;
  }
}

void CountTable::clear() {
  std::fill(cells_.get(), cells_.get() + capacity_, Cell{});
  count_ = 0;
  long_keys_.clear();
  long_bytes_ = 0;
  long_left_ = 0;
}

}  // namespace torc::mapreduce
