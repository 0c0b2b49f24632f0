// From the log to the state machine to the answers, entry by entry: a piece per turn, the rest in the next.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "consensus/types.h"
#include "kv/state_machine.h"
#include "node/clients.h"
#include "node/proposals.h"
#include "node/unapplied.h"
#include "storage/log.h"

namespace torc::node {

class Applier {
 public:
  /// All it is given outlives it.
  Applier(GroupId group, const kv::StateMachineOptions& state, storage::Log& log, Clients& clients);

  kv::StateMachine& state() { return *state_; }
  const kv::StateMachine& state() const { return *state_; }
  LogIndex applied() const { return state_->applied(); }
  /// Another state takes the place of everything up to its index. The former one is the caller's.
  std::unique_ptr<kv::StateMachine> replace(std::unique_ptr<kv::StateMachine> state);

  /// These stand in the log now, in place of what stood there from the first one on. Requires: not empty.
  void appended(std::vector<consensus::Entry> entries) { unapplied_.append(std::move(entries)); }
  /// What lies up to there will be applied.
  void committed(LogIndex index) { commit_ = std::max(commit_, index); }
  bool is_behind() const { return applied() < commit_; }
  /// Applies the next entry and answers those whose commands it holds. `last_index`: of the log. Returns the work it
  /// was (kv::Cost::work). Requires: is_behind(). Errors: the entry cannot be read or understood.
  Result<uint64_t> apply_next(Proposals& proposals, LogIndex last_index);
  /// Answers a read from the state as it is, and returns the work it was; nothing if it must be committed first: then
  /// nothing happened. The answer is not ended (Clients::end).
  std::optional<uint64_t> answer(const Request& read, WallMs now);

  uint64_t applied_bytes() const { return applied_bytes_; }  // since the start
  size_t unapplied_bytes() const { return unapplied_.bytes(); }

 private:
  Status load(LogIndex last_index);

  const GroupId group_;
  storage::Log& log_;
  Clients& clients_;
  std::unique_ptr<kv::StateMachine> state_;
  Unapplied unapplied_;
  LogIndex commit_;  // as consensus said last; applied() follows it
  uint64_t applied_bytes_ = 0;
};

}  // namespace torc::node
