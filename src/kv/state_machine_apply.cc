// How entries and reads are executed, operation by operation.
#include <algorithm>
#include <string>

#include "base/check.h"
#include "kv/command_slot.h"
#include "kv/cost.h"
#include "kv/position.h"
#include "kv/shape.h"
#include "kv/state_machine_parts.h"

namespace torc::kv {

/// Whether all keys of the command lie in the arc. Of one that names no keys, or is malformed: yes.
bool StateMachine::Parts::owns_keys_of(const CommandView& command) const {
  const CommandTraits* traits = traits_of(command.id);
  if (table.arc().is_whole_circle() || traits == nullptr || !accepts_count(*traits, command.args.size())) return true;
  const KeyRange keys = keys_of(*traits, command.args);
  for (size_t i = keys.begin; i < keys.end; i += keys.step) {
    if (!table.arc().contains(slot_of(command.args[i]))) return false;
  }
  return true;
}

/// Deletes the key if its deadline has passed: only entries of the log delete (rules.md#leader-time).
Spot StateMachine::Parts::find_unexpired(std::string_view key) {
  Spot spot = table.find(key);
  if (spot.entry() != nullptr && spot.entry()->is_expired(last_stamp.ms)) table.erase(spot);
  return spot;
}

void StateMachine::Parts::execute_row(const CommandRow& row, Args args, ReplySink& sink) {
  const CommandTraits& traits = *traits_of(row.id);
  if (!check_shape(traits, args, sink)) return;
  Spot spot;
  if (has_one_key(traits)) {
    spot = find_unexpired(args[0]);
    if (spot.entry() != nullptr && touches_old_value({row.id, args})) work += spot.entry()->value_bytes;
  } else if (has_expired_keys(last_stamp.ms)) {
    const KeyRange keys = keys_of(traits, args);
    for (size_t i = keys.begin; i < keys.end; i += keys.step) find_unexpired(args[i]);
  }
  if (row.write != nullptr) {
    WriteContext context{table, args, last_stamp.ms, spot, operation_count, sink};
    row.write(context);
  } else {
    row.read(ReadContext{table, args, last_stamp.ms, spot.entry(), sink});
  }
}

void StateMachine::Parts::execute(const Operation& op, ReplySink& sink) {
  ++operation_count;
  if (op.id == CommandId::kOpenSession) {
    sink.ok();
  } else if (op.id == CommandId::kPurge) {
    for (std::string_view key : op.args) find_unexpired(key);
    sink.ok();
  } else if (op.id == CommandId::kSetBack) {
    if (const auto repair = parse_stamp_repair(op.args)) set_back(*repair);
    sink.ok();
  } else {
    execute_row(*row, op.args, sink);
  }
}

/// Nobody can say of a deadline whether it was meant as a distance or as a moment: those set under a wrong stamp move
/// by the distance, since TTLs are what deadlines mostly come from.
void StateMachine::Parts::set_back(const StampRepair& repair) {
  const int64_t distance_ms = last_stamp.ms - repair.stamp.ms;
  if (distance_ms <= 0) return;
  table.pull_deadlines(repair.operations_right, repair.deadline_min.ms, distance_ms);
  sessions.set_back(repair.stamp);
  last_stamp = repair.stamp;
}

/// Whether the call is to be executed now. Otherwise the answer was made.
bool StateMachine::Parts::admit(const SessionCall& call, ReplySink& sink) {
  const Sessions::Admission admission = sessions.admit(call, last_stamp);
  switch (admission.verdict) {
    case Sessions::Verdict::kExecute:
      return true;
    case Sessions::Verdict::kReplay:
      CHECK(replay(admission.reply, sink));
      return false;
    case Sessions::Verdict::kExecuted:
      sink.refusal(Refusal::kReplyNotKept);
      return false;
    case Sessions::Verdict::kUnknown:
      sink.refusal(Refusal::kUnknownSession);
      return false;
    case Sessions::Verdict::kOverfull:
      sink.refusal(Refusal::kSessionOverfull);
      return false;
  }
  return false;
}

void StateMachine::Parts::execute_once(const Operation& op, ReplySink& sink) {
  if (!admit(*op.call, sink)) return;
  if (row != nullptr && row->read != nullptr) return execute(op, sink);  // may be repeated: nothing to remember
  recording.clear();
  execute(op, recording);
  CHECK(replay(recording.view(), sink));
  sessions.record(*op.call, recording.take());
}

Status StateMachine::apply(LogIndex index, std::string_view payload, ReplyRouter& replies) {
  if (Status begun = begin_entry(index, payload); !begun) return begun;
  const Result<bool> applied = apply_on(replies, UINT64_MAX);
  if (!applied.ok()) return applied.error();
  return {};
}

void StateMachine::skip(LogIndex index) {
  CHECK(index > parts_->applied) << index << " after " << parts_->applied;
  parts_->applied = index;
}

ReadResult StateMachine::read(const CommandView& command, WallMs now, ReplySink& sink) const {
  const CommandRow* row = row_of(command.id);
  CHECK(row != nullptr && row->read != nullptr) << "not a read-only command: " << static_cast<int>(command.id);
  const CommandTraits& traits = *traits_of(command.id);
  if (!check_shape(traits, command.args, sink)) return ReadResult::kAnswered;
  if (!parts_->owns_keys_of(command)) {
    sink.refusal(Refusal::kNotHere);
    return ReadResult::kAnswered;
  }
  const Table& table = parts_->table;
  const int64_t now_ms = std::max(now, parts_->last_stamp).ms;
  const Entry* entry = nullptr;
  const KeyRange keys = keys_of(traits, command.args);
  if (has_one_key(traits) || parts_->has_expired_keys(now_ms)) {
    for (size_t i = keys.begin; i < keys.end; i += keys.step) {
      entry = table.find(command.args[i]).entry();
      if (entry != nullptr && entry->is_expired(now_ms)) return ReadResult::kNeedsCommit;
    }
  }
  row->read(ReadContext{table, command.args, now_ms, has_one_key(traits) ? entry : nullptr, sink});
  return ReadResult::kAnswered;
}

}  // namespace torc::kv
