#include "mapreduce/sort_buffer.h"

#include <algorithm>
#include <boost/sort/pdqsort/pdqsort.hpp>
#include <utility>

#include "base/check.h"

namespace torc::mapreduce {
namespace {

constexpr ptrdiff_t kFew = 12;    // up to so many are compared directly
constexpr size_t kDepthMax = 64;  // keys equal for so long are compared directly: many equal lines of a megabyte would
                                  // otherwise cost a level of the stack for every eight bytes

}  // namespace

SortBuffer::SortBuffer(size_t bytes, uint32_t partitions)
    : bytes_(bytes / sizeof(Entry) * sizeof(Entry)), block_(new char[bytes_]), by_partition_(partitions) {
  CHECK(bytes_ > 0 && bytes_ <= size_t{4} << 30) << bytes;
  clear();
}

void SortBuffer::clear() {
  end_ = block_.get();
  first_ = reinterpret_cast<Entry*>(block_.get() + bytes_);
  count_ = 0;
  std::fill(by_partition_.begin(), by_partition_.end(), 0);
}

void SortBuffer::pair_at(uint32_t at, std::string_view& key, std::string_view& value) const {
  uint32_t key_bytes = 0;
  uint32_t value_bytes = 0;
  const char* from = get_varint32(block_.get() + at, end_, key_bytes);
  from = get_varint32(from, end_, value_bytes);
  key = {from, key_bytes};
  value = {from + key_bytes, value_bytes};
}

void SortBuffer::sort() {
  if (count_ == 0) return;
  group_by_partition();
  Entry* begin = first_;
  for (const uint32_t count : by_partition_) {
    sort_range(begin, begin + count, 0);
    begin += count;
  }
}

/// Each entry goes to its partition's place, in place: cycles of an American flag sort (McIlroy, Bostic, McIlroy 1993).
void SortBuffer::group_by_partition() {
  if (by_partition_.size() == 1) return;
  std::vector<size_t> next(by_partition_.size());
  std::vector<size_t> end(by_partition_.size());
  size_t sum = 0;
  for (size_t i = 0; i < by_partition_.size(); ++i) {
    next[i] = sum;
    sum += by_partition_[i];
    end[i] = sum;
  }
  for (size_t i = 0; i < by_partition_.size(); ++i) {
    while (next[i] < end[i]) {
      const uint32_t home = first_[next[i]].partition;
      if (home == i) {
        ++next[i];
      } else {
        std::swap(first_[next[i]], first_[next[home]++]);
      }
    }
  }
}

/// Sorts by eight bytes of the key at a time, as numbers; only what is equal so far looks at the next eight.
void SortBuffer::sort_range(Entry* begin, Entry* end, size_t depth) {
  if (end - begin <= kFew) return sort_few(begin, end, depth);
  boost::sort::pdqsort_branchless(begin, end, [](const Entry& a, const Entry& b) { return a.prefix < b.prefix; });
  for (Entry* from = begin; from < end;) {
    Entry* to = from + 1;
    while (to < end && to->prefix == from->prefix) ++to;
    if (to - from > 1) sort_ties(from, to, depth);
    from = to;
  }
}

/// These are equal in the eight bytes from `depth` on, a key that ends there counting as followed by zeros. Keys that
/// end come first, the shorter before the longer; the rest goes on behind those bytes.
void SortBuffer::sort_ties(Entry* begin, Entry* end, size_t depth) {
  if (end - begin <= kFew) return sort_few(begin, end, depth);
  if (depth >= kDepthMax) {
    return std::sort(begin, end, [&](const Entry& a, const Entry& b) { return is_before(a, b, depth); });
  }
  Entry* longer = std::partition(begin, end, [&](const Entry& entry) { return key_at(entry.at).size() <= depth + 8; });
  std::sort(begin, longer, [&](const Entry& a, const Entry& b) {
    const size_t a_bytes = key_at(a.at).size();
    const size_t b_bytes = key_at(b.at).size();
    return a_bytes != b_bytes ? a_bytes < b_bytes : a.at < b.at;
  });
  for (Entry* entry = longer; entry < end; ++entry) entry->prefix = prefix_of(key_at(entry->at), depth + 8);
  sort_range(longer, end, depth + 8);
}

/// Their keys are equal before `depth`.
bool SortBuffer::is_before(const Entry& a, const Entry& b, size_t depth) const {
  if (a.prefix != b.prefix) return a.prefix < b.prefix;
  const int order = key_at(a.at).substr(depth).compare(key_at(b.at).substr(depth));
  return order != 0 ? order < 0 : a.at < b.at;
}

void SortBuffer::sort_few(Entry* begin, Entry* end, size_t depth) {
  for (Entry* entry = begin + 1; entry < end; ++entry) {
    const Entry moved = *entry;
    Entry* hole = entry;
    for (; hole > begin && is_before(moved, hole[-1], depth); --hole) *hole = hole[-1];
    *hole = moved;
  }
}

}  // namespace torc::mapreduce
