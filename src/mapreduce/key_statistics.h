// What can be told about many keys at once.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mapreduce/job.h"
#include "mapreduce/key_source.h"

namespace torc::mapreduce {

class KeyStatistics {
 public:
  /// `now_ms`: Unix time, for how long keys still have.
  void add(const StoredKey& key, uint64_t now_ms);
  void add(const KeyStatistics& other);

  std::string encode() const;
  /// Errors: kCorrupt.
  static Result<KeyStatistics> parse(std::string_view bytes);
  /// Lines of a name and what there is to say.
  void report(Emitter& out) const;

  uint64_t keys() const { return keys_; }
  /// Sum of digest_of() of all keys.
  uint64_t digest() const { return digest_; }

 private:
  struct Share {
    uint64_t keys = 0;
    uint64_t bytes = 0;  // of keys and values
  };
  static constexpr size_t kSizes = 33;            // values of less than 2^i bytes
  static constexpr size_t kPrefixesMax = 10'000;  // in memory; what comes later is counted as others
  static constexpr size_t kPrefixesShown = 20;

  Share& share_of(std::string_view prefix);

  uint64_t keys_ = 0;
  uint64_t key_bytes_ = 0;
  uint64_t value_bytes_ = 0;
  uint64_t digest_ = 0;
  uint64_t largest_bytes_ = 0;
  std::string largest_;
  std::array<uint64_t, kSizes> sizes_{};
  std::array<uint64_t, 5> deadlines_{};  // none, within a minute, an hour, a day, later
  std::map<std::string, Share, std::less<>> prefixes_;
};

/// Of one key with everything that belongs to it.
uint64_t digest_of(const StoredKey& key);

Functions key_statistics_functions();

}  // namespace torc::mapreduce
