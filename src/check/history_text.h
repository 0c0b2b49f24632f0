// Histories for tests, written as they happened. For tests only.
#pragma once

#include <string>

#include "check/history.h"

namespace torc::check::testing {

/// Builds one operation: get(0, 10, 20, "a").returns("1"). Times in nanoseconds.
struct Op : Operation {
  Op(uint32_t by, OperationKind what, int64_t from, int64_t to, std::string written = "", std::string wanted = "") {
    client = by;
    kind = what;
    key = "a";
    start_ns = from;
    end_ns = to;
    value = std::move(written);
    expected = std::move(wanted);
  }
  Op returns(const char* text) && { return with(Outcome::of_text(text)); }
  Op returns(int64_t number) && { return with(Outcome::of_integer(number)); }
  Op returns_nil() && { return with(Outcome::nil()); }
  Op ok() && { return with(Outcome::ok()); }
  Op fails(const char* error) && { return with(Outcome::error(error)); }
  Op unanswered() && {
    end_ns.reset();
    return with(Outcome::unknown());
  }
  Op on(const char* other_key) && {
    key = other_key;
    return *this;
  }

 private:
  Op with(Outcome told) {
    outcome = std::move(told);
    return *this;
  }
};

inline Op get(uint32_t client, int64_t from, int64_t to) { return {client, OperationKind::kGet, from, to}; }
inline Op del(uint32_t client, int64_t from, int64_t to) { return {client, OperationKind::kDel, from, to}; }
inline Op incr(uint32_t client, int64_t from, int64_t to) { return {client, OperationKind::kIncr, from, to}; }
inline Op set(uint32_t client, int64_t from, int64_t to, std::string value) {
  return {client, OperationKind::kSet, from, to, std::move(value)};
}
inline Op append(uint32_t client, int64_t from, int64_t to, std::string piece) {
  return {client, OperationKind::kAppend, from, to, std::move(piece)};
}
inline Op cas(uint32_t client, int64_t from, int64_t to, std::string expected, std::string value) {
  return {client, OperationKind::kCas, from, to, std::move(value), std::move(expected)};
}

}  // namespace torc::check::testing
