// What the next operations of an entry are about is fetched from memory before they are executed.
#pragma once

#include <cstddef>

#include "kv/batch.h"
#include "kv/key_batch.h"
#include "kv/table.h"

namespace torc::kv {

/// Waiting for memory, key by key, was a quarter of the time of SETs with a hundred thousand keys. Changes nothing.
class LookAhead {
 public:
  void begin_entry() { fetched_ = 0; }
  /// Before each operation that `reader` yields next.
  void before_operation(const BatchReader& reader, const Table& table) {
    if (fetched_ == 0) fetch(reader, table);
    --fetched_;
  }

 private:
  static constexpr size_t kArgsMax = 8;  // one with more arguments is the last that is looked at
  /// Fewer keys are near the processor anyhow.
  static constexpr size_t kKeysMin = 8192;

  void fetch(const BatchReader& reader, const Table& table);

  size_t fetched_ = 0;  // operations to come that need no more
  Operation scratch_;
};

}  // namespace torc::kv
