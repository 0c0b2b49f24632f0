#include "kv/entry_shelf.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "base/check.h"
#include "kv/position.h"

namespace torc::kv {
namespace {

/// Which sixteenth of a shelf's positions, at this depth of cuts.
size_t part_of(uint64_t low_position, int depth) {
  return static_cast<size_t>(low_position >> (kLowPositionBits - EntryShelf::kCutBits * (depth + 1))) &
         ((size_t{1} << EntryShelf::kCutBits) - 1);
}
static_assert(EntryShelf::kCutBits * EntryShelf::kDepthMax <= kLowPositionBits);

}  // namespace

uint64_t EntryShelf::hash_of(std::string_view key, uint64_t hash_seed) {
  return XXH3_64bits_withSeed(key.data(), key.size(), hash_seed);
}

size_t EntryShelf::Hash::operator()(const Entry* entry) const { return hash_of(entry->key(), seed); }

EntryShelf::EntryShelf(uint64_t hash_seed) : entries_(0, Hash{hash_seed}) {}
EntryShelf::EntryShelf(EntryShelf&&) noexcept = default;
EntryShelf& EntryShelf::operator=(EntryShelf&&) noexcept = default;
EntryShelf::~EntryShelf() = default;

const EntryShelf& EntryShelf::shelf_of(std::string_view key) const {
  const EntryShelf* shelf = this;
  if (cut_ == nullptr) return *shelf;  // nearly always
  const uint64_t low_position = low_position_of(key);
  for (int depth = 0; shelf->cut_ != nullptr; ++depth) shelf = &shelf->cut_->shelves[part_of(low_position, depth)];
  return *shelf;
}

Entry* EntryShelf::find(uint64_t hash, std::string_view key) const {
  const EntrySet& entries = shelf_of(key).entries_;
  const auto it = entries.find(KeyProbe{hash, key});
  return it == entries.end() ? nullptr : *it;
}

void EntryShelf::insert(Entry* entry) { insert_at(entry, cut_ == nullptr ? 0 : low_position_of(entry->key()), 0); }

/// `low_position`: used only if the shelf is cut.
void EntryShelf::insert_at(Entry* entry, uint64_t low_position, int depth) {
  if (cut_ == nullptr && entries_.size() >= kKeysMax && depth < kDepthMax) {
    cut_up(depth);
    low_position = low_position_of(entry->key());
  }
  if (cut_ != nullptr) {
    ++cut_->count;
    return cut_->shelves[part_of(low_position, depth)].insert_at(entry, low_position, depth + 1);
  }
  const bool is_new = entries_.insert(entry).second;
  CHECK(is_new);
}

void EntryShelf::cut_up(int depth) {
  const Hash hash = entries_.hash_function();
  auto cut = std::make_unique<Cut>();
  for (EntryShelf& shelf : cut->shelves) shelf = EntryShelf(hash.seed);
  for (Entry* entry : entries_) cut->shelves[part_of(low_position_of(entry->key()), depth)].entries_.insert(entry);
  cut->count = entries_.size();
  entries_ = EntrySet(0, hash);
  cut_ = std::move(cut);
}

Entry*& EntryShelf::cell_of(uint64_t hash, const Entry* entry) {
  EntrySet& entries = shelf_of(entry->key()).entries_;
  const auto it = entries.find(AddressProbe{hash, entry});
  CHECK(it != entries.end());
  return const_cast<Entry*&>(*it);  // the caller keeps the key, so hash and order stay
}

void EntryShelf::remove(uint64_t hash, const Entry* entry) {
  if (cut_ != nullptr) {
    const uint64_t low_position = low_position_of(entry->key());
    EntryShelf* shelf = this;
    for (int depth = 0; shelf->cut_ != nullptr; ++depth) {
      --shelf->cut_->count;
      shelf = &shelf->cut_->shelves[part_of(low_position, depth)];
    }
    shelf->remove(hash, entry);
    if (cut_->count == 0) cut_.reset();
    return;
  }
  const auto it = entries_.find(AddressProbe{hash, entry});
  CHECK(it != entries_.end());
  entries_.erase(it);
}

void EntryShelf::list(std::vector<Entry*>& out) const {
  if (cut_ == nullptr) {
    out.insert(out.end(), entries_.begin(), entries_.end());
    return;
  }
  for (const EntryShelf& shelf : cut_->shelves) shelf.list(out);
}

std::optional<uint64_t> EntryShelf::list_from(uint64_t from, size_t count_max,
                                              std::vector<PositionedEntry>& out) const {
  return list_part(0, 0, from, count_max, out);
}

std::optional<uint64_t> EntryShelf::list_part(uint64_t begin, int depth, uint64_t from, size_t count_max,
                                              std::vector<PositionedEntry>& out) const {
  if (cut_ != nullptr) {
    const uint64_t part = uint64_t{1} << (kLowPositionBits - kCutBits * (depth + 1));
    for (size_t i = 0; i < cut_->shelves.size(); ++i) {
      const uint64_t part_begin = begin + i * part;
      if (part_begin + part <= from) continue;
      if (out.size() >= count_max) return std::max(from, part_begin);
      if (const auto next = cut_->shelves[i].list_part(part_begin, depth + 1, from, count_max, out)) return next;
    }
    return std::nullopt;
  }
  // In the order of positions, which is not that of the table: all of a shelf at once.
  const size_t first = out.size();
  for (Entry* entry : entries_) {
    const uint64_t low_position = low_position_of(entry->key());
    if (low_position >= from) out.push_back({low_position, entry});
  }
  std::sort(out.begin() + static_cast<ptrdiff_t>(first), out.end(),
            [](const PositionedEntry& a, const PositionedEntry& b) {
              return a.position != b.position ? a.position < b.position : a.entry->key() < b.entry->key();
            });
  return std::nullopt;
}

}  // namespace torc::kv
