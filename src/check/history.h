// What clients did and what they were told: the input of the linearizability checker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace torc::check {

enum class OperationKind : uint8_t { kGet, kSet, kSetNx, kGetSet, kGetDel, kDel, kAppend, kCas, kIncr };

/// What the client was told.
///   kUnknown  nothing, or an answer that says nothing: the operation may take effect at any time after its start, or
///   never kNil      the key was absent (get, getset, getdel) kText     "OK" of a set, or the value of a get, getset,
///   getdel kInteger  0 or 1 (del, setnx, cas), the new length (append), the new number (incr) kError    refused: the
///   operation had no effect. Left out of the search, except for the two errors by which an incr
///             tells something about the value (kNotAnInteger, kWouldOverflow)
struct Outcome {
  enum class Kind : uint8_t { kUnknown, kNil, kText, kInteger, kError };
  Kind kind = Kind::kUnknown;
  std::string text;  // of kText and kError
  int64_t integer = 0;

  static Outcome unknown() { return {}; }
  static Outcome nil() { return {Kind::kNil, {}, 0}; }
  static Outcome of_text(std::string value) { return {Kind::kText, std::move(value), 0}; }
  static Outcome ok() { return of_text("OK"); }
  static Outcome of_integer(int64_t value) { return {Kind::kInteger, {}, value}; }
  static Outcome error(std::string message) { return {Kind::kError, std::move(message), 0}; }
  bool operator==(const Outcome&) const = default;
};

/// Beginnings of the errors with which Redis, and Torc, answer an INCR that read a value it cannot count with.
constexpr const char* kNotAnInteger = "ERR value is not an integer";
constexpr const char* kWouldOverflow = "ERR increment or decrement would overflow";
/// Beginning of the error that means "outcome unknown" (node/service.h).
constexpr const char* kUnknownOutcome = "UNKNOWN";

struct Operation {
  uint32_t client = 0;
  OperationKind kind = OperationKind::kGet;
  std::string key;
  std::string value;     // set, setnx, getset: the value; append: the piece; cas: the new value
  std::string expected;  // cas
  int64_t delta = 1;     // incr
  Outcome outcome;
  int64_t start_ns = 0;           // before the first byte was sent
  std::optional<int64_t> end_ns;  // after the answer was read; none exactly if the outcome is unknown

  bool operator==(const Operation&) const = default;
};

/// In any order. A client does one thing at a time, but may go on after an operation with unknown outcome.
using History = std::vector<Operation>;

/// "get", "set", ...
const char* name_of(OperationKind kind);
std::optional<OperationKind> kind_of(std::string_view name);

}  // namespace torc::check
