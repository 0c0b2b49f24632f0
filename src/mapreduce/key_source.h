// Torc's own keys as an input.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace torc::mapreduce {

struct StoredKey {
  std::string key;
  std::string value;
  int64_t deadline_ms = 0;  // 0: none
};

struct KeyPage {
  std::vector<StoredKey> keys;
  std::string next;  // cursor; "0": nothing is left
};

class KeySource {
 public:
  virtual ~KeySource() = default;
  /// Keys of the slots [first, last] that begin with `prefix`, from `cursor` on ("0": from the first). Errors:
  /// kUnavailable.
  virtual Result<KeyPage> page(uint64_t first, uint64_t last, std::string_view prefix, const std::string& cursor) = 0;
};

/// Makes one for an attempt of its own.
using KeySourceOf = std::function<std::unique_ptr<KeySource>()>;

}  // namespace torc::mapreduce
