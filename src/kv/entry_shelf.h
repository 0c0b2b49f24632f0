// The entries of one slot. A slot with many keys is cut by position into smaller and smaller parts, so that a walk in
// the order of positions may stop and go on anywhere at a bounded price (SCAN), however many keys share a hash tag.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/entry.h"

namespace torc::kv {

struct PositionedEntry {
  uint64_t position;
  Entry* entry;
};

/// A hash table of pointers to entries, or sixteen shelves, each with a sixteenth of the positions. The tables take a
/// secret seed (rules.md#exactly-once); which shelf a key lies on does not depend on it.
class EntryShelf {
 public:
  static constexpr size_t kKeysMax = 2048;  // on one shelf; beyond, it is cut. Fewer would cost more memory in tables
  static constexpr int kCutBits = 4;
  static constexpr int kDepthMax = 12;  // of cuts: keys that are equal in 48 bits of their positions stay together

  static uint64_t hash_of(std::string_view key, uint64_t hash_seed);

  explicit EntryShelf(uint64_t hash_seed = 0);
  EntryShelf(EntryShelf&&) noexcept;
  EntryShelf& operator=(EntryShelf&&) noexcept;
  ~EntryShelf();

  bool is_empty() const { return cut_ == nullptr && entries_.empty(); }
  /// Whether it holds memory of its own.
  bool has_table() const { return cut_ != nullptr || entries_.bucket_count() > 0; }
  Entry* find(uint64_t hash, std::string_view key) const;
  /// Requires: no entry of this key.
  void insert(Entry* entry);
  /// Where the table keeps the entry's address. Valid until the next change. Requires: it is here.
  Entry*& cell_of(uint64_t hash, const Entry* entry);
  void remove(uint64_t hash, const Entry* entry);
  /// Appends all entries, in no meaningful order.
  void list(std::vector<Entry*>& out) const;
  /// Appends the entries at positions from `from` on (low 50 bits), in the order of (position, key), until there are
  /// `count_max` or more in `out`, and never stops between two of one position. At most kKeysMax entries are looked at
  /// in vain, unless somebody has chosen keys with equal hashes. Returns where to go on; nothing at the end of the
  /// slot.
  std::optional<uint64_t> list_from(uint64_t from, size_t count_max, std::vector<PositionedEntry>& out) const;

 private:
  struct KeyProbe {
    uint64_t hash;
    std::string_view key;
  };
  /// Finds an entry by its address, without comparing keys.
  struct AddressProbe {
    uint64_t hash;
    const Entry* entry;
  };
  struct Hash {
    using is_transparent = void;
    using is_avalanching = void;
    uint64_t seed = 0;
    size_t operator()(const Entry* entry) const;
    size_t operator()(const KeyProbe& probe) const { return probe.hash; }
    size_t operator()(const AddressProbe& probe) const { return probe.hash; }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const Entry* a, const Entry* b) const { return a->key() == b->key(); }
    bool operator()(const KeyProbe& probe, const Entry* entry) const { return probe.key == entry->key(); }
    bool operator()(const Entry* entry, const KeyProbe& probe) const { return probe.key == entry->key(); }
    bool operator()(const AddressProbe& probe, const Entry* entry) const { return probe.entry == entry; }
    bool operator()(const Entry* entry, const AddressProbe& probe) const { return probe.entry == entry; }
  };
  using EntrySet = boost::unordered_flat_set<Entry*, Hash, Equal>;
  struct Cut;

  /// The shelf that has, or would have, the key.
  const EntryShelf& shelf_of(std::string_view key) const;
  EntryShelf& shelf_of(std::string_view key) { return const_cast<EntryShelf&>(std::as_const(*this).shelf_of(key)); }
  void insert_at(Entry* entry, uint64_t low_position, int depth);
  void cut_up(int depth);
  /// Of the positions that begin at `begin`. Returns as list_from().
  std::optional<uint64_t> list_part(uint64_t begin, int depth, uint64_t from, size_t count_max,
                                    std::vector<PositionedEntry>& out) const;

  EntrySet entries_;
  std::unique_ptr<Cut> cut_;  // if it is there, entries_ is empty
};

struct EntryShelf::Cut {
  std::array<EntryShelf, size_t{1} << kCutBits> shelves;
  size_t count = 0;  // on all of them
};

}  // namespace torc::kv
