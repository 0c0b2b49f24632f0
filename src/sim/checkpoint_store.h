// A checkpoint store in memory: generations become visible and durable when their commit completes, whole or not at
// all.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/lifetime.h"
#include "base/prng.h"
#include "env/checkpoint_store.h"
#include "sim/disk.h"

namespace torc::sim {

/// Enforces the contract of env::CheckpointWriter by CHECK: one writer at a time, strictly ascending keys, nothing put
/// inside a range that the same generation erases later, nothing after commit.
class CheckpointStore : public env::CheckpointStore {
 public:
  /// Without a scheduler a commit completes when run_all() is called.
  /// `meter` is told what its process does, if there is one.
  explicit CheckpointStore(uint64_t seed = 0, Scheduler scheduler = {}, WorkMeter* meter = nullptr);
  ~CheckpointStore() override;

  std::unique_ptr<env::CheckpointWriter> begin() override;
  std::unique_ptr<env::CheckpointReader> read() override;

  /// Completes a pending commit; false if there is none.
  bool run_all();
  /// Readers and writers of before are dead. A commit under way was either done just before, or is lost.
  void crash(Prng& prng);
  void fail_next_commit(ErrorCode code) { next_commit_error_ = code; }
  /// While full, commits fail with kDiskFull and change nothing.
  void set_full(bool is_full) { is_full_ = is_full; }
  /// A block goes bad: readers end before some key from now on and say kCorrupt, as RocksDB does when a block's
  /// checksum is wrong. Returns what it did, empty if nothing is stored.
  std::string damage(Prng& prng);
  /// What is committed; put_back() makes the store what it was then. Requires: crash() came before.
  std::shared_ptr<const void> copy() const { return contents_; }
  void put_back(const std::shared_ptr<const void>& copy) {
    contents_ = std::static_pointer_cast<const Contents>(copy);
    damaged_key_.reset();
  }

 private:
  friend class MemoryCheckpointWriter;
  struct ByText {
    using is_transparent = void;
    static std::string_view text(std::string_view key) { return key; }
    static std::string_view text(const Bytes& key) { return key.view(); }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return text(a) < text(b);
    }
  };
  /// A commit copies the map and shares keys and values: both may be large.
  using Contents = std::map<Bytes, Bytes, ByText>;
  struct Change;
  struct Generation;
  void submit(std::shared_ptr<Generation> generation, bool is_commit, std::function<void(Status)> done);
  void install(const Generation& generation);

  Prng prng_;
  Scheduler scheduler_;
  WorkMeter* meter_;
  uint64_t life_ = 0;
  std::shared_ptr<const Contents> contents_ = std::make_shared<Contents>();
  std::shared_ptr<Generation> committing_;
  bool is_staging_ = false;  // committing_ is only being staged
  std::function<void(Status)> committing_done_;
  std::shared_ptr<char> writer_token_;  // held by the live writer too
  std::optional<ErrorCode> next_commit_error_;
  std::optional<std::string> damaged_key_;
  bool is_full_ = false;
  Lifetime lifetime_;
};

}  // namespace torc::sim
