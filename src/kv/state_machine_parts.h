// What a state machine holds. Shared by its sources, and by nobody else.
#pragma once

#include <optional>
#include <string>

#include "kv/capture.h"
#include "kv/handlers.h"
#include "kv/look_ahead.h"
#include "kv/progress.h"
#include "kv/recorded_reply.h"
#include "kv/sessions.h"
#include "kv/stamp_repair.h"
#include "kv/state_machine.h"
#include "kv/table.h"

namespace torc::kv {

struct StateMachine::Parts {
  explicit Parts(const StateMachineOptions& options) : table(options.hash_seed, options.arc), capture(table) {}

  // state_machine_apply.cc
  bool owns_keys_of(const CommandView& command) const;
  void execute(const Operation& op, ReplySink& sink);
  void execute_once(const Operation& op, ReplySink& sink);
  void execute_row(const CommandRow& row, Args args, ReplySink& sink);
  bool admit(const SessionCall& call, ReplySink& sink);
  void set_back(const StampRepair& repair);
  Spot find_unexpired(std::string_view key);

  // state_machine_pieces.cc
  bool step(const Operation& op, Progress& progress);
  bool begin_execution(const Operation& op, Progress& progress);
  bool has_expired_keys(int64_t now_ms) const;

  std::string encode_header() const;

  /// An entry that is applied in part.
  struct EntryUnderWay {
    LogIndex index;
    BatchReader reader;
    size_t position = 0;               // of `operation`, or of the next one
    std::optional<Progress> progress;  // of `operation`, if it is executed in pieces
  };

  Table table;
  Capture capture;
  Sessions sessions;
  uint64_t operation_count = 0;  // rules.md#versions
  WallMs last_stamp;
  LogIndex applied;
  uint64_t work = 0;                // beside table.bytes_touched()
  std::string header;               // as of begin_capture()
  Operation operation;              // the one that is executed; scratch
  const CommandRow* row = nullptr;  // of `operation`; null: one of the group's own
  LookAhead look_ahead;
  RecordingSink recording;
  std::optional<EntryUnderWay> under_way;
};

constexpr size_t kReclaimBytes = 4u << 20;  // freed per entry and per maintenance: about a millisecond

}  // namespace torc::kv
