// Outcome of an operation that may fail for reasons outside our code: bytes from elsewhere, disks, peers.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

namespace torc {

enum class ErrorCode {
  kInvalid,      // the input breaks a format or a limit
  kCorrupt,      // durable data that was once good is damaged, or cannot be read any more
  kVersion,      // durable data of a version of this program that this one does not know
  kNotFound,     // a named thing does not exist
  kIo,           // the operating system refused
  kDiskFull,     // no space left: recoverable
  kUnavailable,  // try again later or elsewhere
  kUnknown,      // the operation may or may not have happened
};

struct Error {
  ErrorCode code;
  std::string message;  // one line a person can act on
};

/// Either a value or an Error. Reading the one that is not there is a bug (CHECK).
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  const T& value() const& {
    CHECK(ok()) << error().message;
    return std::get<0>(state_);
  }
  T& value() & {
    CHECK(ok()) << error().message;
    return std::get<0>(state_);
  }
  T&& value() && {
    CHECK(ok()) << error().message;
    return std::get<0>(std::move(state_));
  }
  const Error& error() const {
    CHECK(state_.index() == 1);
    return std::get<1>(state_);
  }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    CHECK(error_.has_value());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

}  // namespace torc
