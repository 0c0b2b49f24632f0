// Reads and writes the store's keys in bulk.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/client.h"
#include "mapreduce/key_source.h"

namespace torc::mapreduce {

/// How attempts reach the store.
struct StoreAccess {
  std::vector<client::Endpoint> nodes;
  std::chrono::milliseconds patience{300'000};
};

/// Pages by TORC.SCAN: each is what was there at one moment, the whole is not.
class TorcKeySource final : public KeySource {
 public:
  explicit TorcKeySource(const StoreAccess& access);
  Result<KeyPage> page(uint64_t first, uint64_t last, std::string_view prefix, const std::string& cursor) override;

 private:
  StoreAccess access_;
  client::Client client_;
};

/// Writes many keys, and none of them once the attempt has been replaced and its successor has begun.
///
/// Files have the attempt's name in theirs; keys have not. A writer that was stopped for an hour must not write over
/// what an application has done to the keys since. Three things see to that, in this order for every batch:
/// 1. A *permit*: a key of the task that lives for two seconds by the cluster's clock. A successor begins to write when
/// it
///    has gone. Every write carries the end of the permit (CASVERSION ... BEFORE).
/// 2. The versions of the keys are read; each is written on the condition that it still has that version.
/// 3. `is_current` is asked: does the attempt still stand in its task's record?
/// So what an application does after the task was completed meets no late write: the permit under which it was sent had
/// ended when the successor began. (Versions alone would not do: a key that was absent, and was loaded and deleted
/// since, looks as before.)
class KeyWriter {
 public:
  /// `is_current`: Errors: kUnavailable. `on_wait`: called again and again while there is nothing to do but wait; may
  /// throw.
  KeyWriter(const StoreAccess& access, std::string permit_key, std::function<Result<bool>()> is_current,
            std::function<void()> on_wait);

  static constexpr size_t kKeysMax = 500;  // in memory, until write_all()
  static constexpr size_t kBytesMax = 4u << 20;

  void add(StoredKey key);
  bool is_full() const { return keys_.size() >= kKeysMax || bytes_ >= kBytesMax; }
  /// Errors: kInvalid: the attempt has been replaced, or the store refuses a key. kUnavailable.
  Status write_all();
  /// Nothing of this writer is under way any more: a successor need not wait.
  void end();

 private:
  Result<client::Answer> call(const client::Client::Words& words);
  /// Waits for the permits of predecessors to end, once; then makes sure that there is one with time left.
  Status have_permit();
  std::vector<client::Answer> batch(const std::vector<client::Client::Words>& commands);
  Result<std::vector<std::string>> versions_of(const std::vector<size_t>& keys);

  StoreAccess access_;
  std::string permit_key_;
  std::string permit_end_;  // Unix milliseconds by the cluster's clock
  std::chrono::steady_clock::time_point permit_asked_;
  std::function<Result<bool>()> is_current_;
  std::function<void()> on_wait_;
  client::Client client_;
  std::vector<StoredKey> keys_;
  size_t bytes_ = 0;
};

}  // namespace torc::mapreduce
