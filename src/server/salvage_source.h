// One data directory that is being salvaged: its log's entries, its checkpoint, and the state that both give.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "consensus/types.h"
#include "env/checkpoint_store.h"
#include "kv/batch.h"
#include "kv/state_machine.h"
#include "storage/salvage_log.h"

namespace torc::server {

using Entries = std::map<LogIndex, consensus::Entry>;

/// [first, last] of the positions of keys (kv/position.h).
struct PositionRange {
  uint64_t first = 0;
  uint64_t last = UINT64_MAX;
};

/// A value that was found; `is_uncertain`: not everything that led to it could be read.
struct SalvagedValue {
  std::string value;
  int64_t deadline_ms = -1;
  bool is_uncertain = false;
};

class SalvageSource {
 public:
  SalvageSource(std::string path, storage::SalvagedLog log) : path_(std::move(path)), log_(std::move(log)) {}

  const std::string& path() const { return path_; }
  const storage::SalvagedLog& log() const { return log_; }
  /// (term, index) of the last entry, as Raft compares logs; zeros for none.
  std::pair<Term, LogIndex> freshness() const;

  /// Takes in what can be read of the checkpoint; nothing: there is a store, and it cannot be opened. To be called
  /// once, before apply().
  void take_checkpoint(env::CheckpointStore* store);
  /// Applies what comes behind the checkpoint. Missing ones are passed over: what is touched later is uncertain.
  void apply(const Entries& entries);

  const std::vector<PositionRange>& unreadable() const { return unreadable_; }
  bool can_read(uint64_t position) const;
  LogIndex applied() const { return applied_; }
  LogIndex checkpoint() const { return checkpoint_; }
  /// Entries that were not in what apply() was given, first and last of each stretch.
  const std::vector<std::pair<LogIndex, LogIndex>>& missing() const { return missing_; }
  const std::set<std::string>& keys() const { return keys_; }
  /// Nothing if it does not exist any more, or has expired.
  std::optional<SalvagedValue> value_of(const std::string& key) const;

 private:
  void take_images(env::CheckpointStore& store);
  uint64_t first_readable_after(env::CheckpointReader& reader, uint64_t position) const;
  void lose_base();
  void note_keys(const consensus::Entry& entry);
  std::string without_sessions(const consensus::Entry& entry);

  const std::string path_;
  const storage::SalvagedLog log_;
  std::unique_ptr<kv::StateMachine> state_ = std::make_unique<kv::StateMachine>(kv::StateMachineOptions{});
  bool has_base_ = true;  // false: nobody knows as of which entry the checkpoint is
  LogIndex checkpoint_;
  LogIndex applied_;
  std::vector<PositionRange> unreadable_;
  std::vector<std::pair<LogIndex, LogIndex>> missing_;
  std::set<std::string> keys_;
  std::set<std::string> touched_after_gap_;
  std::set<std::pair<kv::SessionId, uint64_t>> calls_after_gap_;
};

}  // namespace torc::server
