// The store as the protocol sees it: reads, and changes of one key, each of which may have an unknown outcome.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace torc::mapreduce {

enum class Changed {
  kYes,
  kNo,       // it was not as expected; nothing happened
  kUnknown,  // it may have happened, or may still happen, but not after this caller's next change
};

/// Of a key that does not exist yet.
enum class Lifetime {
  kForever,
  kFirstDay,  // a day, unless it is changed before. So what a worker that slept through the job's removal creates does
              // not stay for ever
};

/// Linearizable. Blocks, and waits for a store that is away; the error kUnavailable means that it waited too long.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  virtual Result<std::vector<std::optional<std::string>>> read(std::span<const std::string> keys) = 0;
  /// If the key does not exist.
  virtual Result<Changed> create(const std::string& key, std::string_view value, Lifetime lifetime) = 0;
  /// If the key's value is `expected`. It lives for ever then.
  virtual Result<Changed> replace(const std::string& key, std::string_view expected, std::string_view value) = 0;
  virtual Status erase(std::span<const std::string> keys) = 0;
};

}  // namespace torc::mapreduce
