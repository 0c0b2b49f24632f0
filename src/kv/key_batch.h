// Some keys that are looked up together.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/check.h"
#include "kv/table.h"

namespace torc::kv {

/// In a large table every key that is looked up costs some waits for memory, one after the other. Keys that are looked
/// up in a row, with nothing between them, are waited for together; each is found again at once then. Between the two
/// the table may change: what was fetched is used for nothing but speed.
class KeyBatch {
 public:
  static constexpr size_t kKeysMax = 16;

  explicit KeyBatch(const Table& table) : table_(table) {}

  size_t size() const { return size_; }
  bool is_full() const { return size_ == kKeysMax; }
  /// Views the key. Requires: !is_full().
  void add(std::string_view key) {
    CHECK(!is_full());
    keys_[size_] = key;
    places_[size_++] = table_.place_of(key);
  }
  void fetch() const {
    if (size_ < 2) return;
    for (size_t i = 0; i < size_; ++i) static_cast<void>(find(i));
  }
  /// As the table is now.
  Spot find(size_t i) const { return table_.find(places_[i], keys_[i]); }

 private:
  const Table& table_;
  size_t size_ = 0;
  std::array<std::string_view, kKeysMax> keys_;
  std::array<Table::Place, kKeysMax> places_;
};

}  // namespace torc::kv
