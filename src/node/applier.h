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
  /// Requires: !is_within_entry().
  std::unique_ptr<kv::StateMachine> replace(std::unique_ptr<kv::StateMachine> state);

  /// These stand in the log now, in place of what stood there from the first one on. Requires: not empty.
  void appended(std::vector<consensus::Entry> entries) { unapplied_.append(std::move(entries)); }
  /// What lies up to there will be applied.
  void committed(LogIndex index) { commit_ = std::max(commit_, index); }
  bool is_behind() const { return applied() < commit_; }
  /// Goes on with the entry under way or begins the next one, until it is applied or about `work_max` was done
  /// (kv::Cost::work), and answers those whose commands were executed. `last_index`: of the log. Returns the work it
  /// was. Requires: is_behind(). Errors: the entry cannot be read or understood.
  Result<uint64_t> apply_on(Proposals& proposals, LogIndex last_index, uint64_t work_max);
  /// An entry is applied in part: nothing may be read, captured or compared.
  bool is_within_entry() const { return under_way_.has_value(); }
  /// Gives up an entry that is applied in part, since the state is: whom it owes an answer.
  std::vector<WriteWaiter> abandon_entry();
  /// Answers a read from the state as it is, and returns the work it was; nothing if it must be committed first: then
  /// nothing happened. The answer is not ended (Clients::end). Requires: !is_within_entry().
  std::optional<uint64_t> answer(const Request& read, WallMs now);
  /// The same in pieces, of a long read: until it returns anything but kUnfinished the state stays as it is, and so
  /// does `now`. `work_max` is reduced by what was done.
  kv::ReadResult answer_on(const Request& read, WallMs now, kv::Progress& progress, uint64_t& work_max);

  uint64_t applied_bytes() const { return applied_bytes_; }  // since the start
  size_t unapplied_bytes() const { return unapplied_.bytes(); }

 private:
  Status begin_next(Proposals& proposals, LogIndex last_index);
  void end_entry();
  Status load(LogIndex last_index);
  struct EntryUnderWay {
    consensus::Entry entry;
    std::vector<WriteWaiter> waiters;
    size_t answered = 0;  // of these, from the front
  };

  const GroupId group_;
  storage::Log& log_;
  Clients& clients_;
  std::unique_ptr<kv::StateMachine> state_;
  Unapplied unapplied_;
  std::optional<EntryUnderWay> under_way_;
  LogIndex commit_;  // as consensus said last; applied() follows it
  uint64_t applied_bytes_ = 0;
};

}  // namespace torc::node
