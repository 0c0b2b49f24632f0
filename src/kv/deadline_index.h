// The keys that have a deadline, earliest first. Costs nothing for keys without one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kv/entry.h"

namespace torc::kv {

struct DueKeys {
  std::vector<std::string> keys;
  bool is_all = false;  // no other key is due
};

class DeadlineIndex {
 public:
  /// Requires: entry has a deadline and is not in the index. Its key and block must stay in place until removed.
  void add(const Entry& entry) { items_.insert(Item{entry.deadline(), &entry}); }
  /// Requires: the entry is in the index with its present deadline.
  void remove(const Entry& entry) { items_.erase(Item{entry.deadline(), &entry}); }
  void clear() { items_.clear(); }
  size_t size() const { return items_.size(); }
  /// Of the key that is due first, if any has a deadline.
  std::optional<int64_t> earliest_ms() const {
    if (items_.empty()) return std::nullopt;
    return items_.begin()->deadline_ms;
  }
  /// Keys with deadline <= now, by (deadline, key), until there are `count_max` or they and their values take
  /// `bytes_max`: the one that would pass that is left for the next time unless it is the first.
  DueKeys due(int64_t now_ms, size_t count_max, size_t bytes_max) const {
    DueKeys due;
    size_t bytes = 0;
    for (auto it = items_.begin(); it != items_.end() && it->deadline_ms <= now_ms; ++it) {
      bytes += it->entry->key_bytes + it->entry->value_bytes;
      if (!due.keys.empty() && (due.keys.size() == count_max || bytes > bytes_max)) return due;
      due.keys.emplace_back(it->entry->key());
    }
    due.is_all = true;
    return due;
  }
  /// Calls `visit` with every entry whose deadline is later than `after_ms`, earliest first. It may give the entry it
  /// is called with an earlier deadline, and change nothing else.
  template <typename Visit>
  void for_each_later(int64_t after_ms, Visit visit) const {
    auto it = items_.begin();
    while (it != items_.end() && it->deadline_ms <= after_ms) ++it;
    while (it != items_.end()) {
      const Entry& entry = *it->entry;
      ++it;
      visit(entry);
    }
  }

 private:
  struct Item {
    int64_t deadline_ms;
    const Entry* entry;
    bool operator<(const Item& other) const {
      return deadline_ms != other.deadline_ms ? deadline_ms < other.deadline_ms : entry->key() < other.entry->key();
    }
  };
  std::set<Item> items_;
};

constexpr size_t kDeadlineIndexBytesPerKey = 56;  // a node of the red-black tree with malloc's header

}  // namespace torc::kv
