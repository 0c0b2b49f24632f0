// One RESP reply as a value, RESP2 or RESP3: what clients and tests look at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace torc::wire {

struct RespValue {
  enum class Kind : uint8_t {
    kNil,        // $-1, *-1 and _
    kStatus,     // +text
    kError,      // -text and !n
    kInteger,    // :n
    kBulk,       // $n
    kVerbatim,   // =n; `text` without the format prefix
    kDouble,     // ,text
    kBoolean,    // #t #f; `integer` is 1 or 0
    kBigNumber,  // (text
    kArray,      // *n
    kSet,        // ~n
    kPush,       // >n: not an answer to any command
    kMap,        // %n: `elements` alternate key and value
  };
  Kind kind = Kind::kNil;
  std::string text;                 // status, error, bulk, verbatim; the digits of doubles and big numbers
  int64_t integer = 0;              // integer, boolean
  std::vector<RespValue> elements;  // array, set, push, map

  bool is_nil() const { return kind == Kind::kNil; }
  bool is_error() const { return kind == Kind::kError; }
  /// The value that follows `key` in a map, or in a flat array as RESP2 sends maps; null if there is none.
  const RespValue* find(std::string_view key) const {
    for (size_t i = 0; i + 1 < elements.size(); i += 2) {
      if (elements[i].text == key) return &elements[i + 1];
    }
    return nullptr;
  }
  friend bool operator==(const RespValue&, const RespValue&) = default;
};

}  // namespace torc::wire
