// An entry, or a read, in pieces: operation by operation, and those that name very many keys step by step.
#include <algorithm>
#include <string>

#include "base/check.h"
#include "kv/cost.h"
#include "kv/position.h"
#include "kv/shape.h"
#include "kv/state_machine_parts.h"

namespace torc::kv {
namespace {

/// Of kKeysPerStep keys that are looked up, set or erased (kv::Cost::work), beside the bytes they touch.
constexpr uint64_t kStepWork = kKeysPerStep * 640;

/// Executed step by step. Of one that is malformed, or short: no.
bool is_long(const CommandRow* row, Args args) {
  if (args.size() <= kKeysPerStep) return false;
  if (row == nullptr || (row->read_step == nullptr && row->write_step == nullptr)) return false;
  return accepts_count(*traits_of(row->id), args.size());
}

/// Of a step over these keys, which begins at argument `next`.
size_t end_of_step(const KeyRange& keys, size_t next) {
  return next + std::min(keys.end - next, kKeysPerStep * keys.step);
}

enum class Owner { kHere, kElsewhere, kUnfinished };

/// A step through the keys, until one lies outside of the arc.
Owner look_for_owner(const Arc& arc, const CommandView& command, Progress& progress) {
  if (arc.is_whole_circle()) return Owner::kHere;
  const KeyRange keys = keys_of(*traits_of(command.id), command.args);
  for (const size_t end = end_of_step(keys, progress.next); progress.next < end; progress.next += keys.step) {
    if (!arc.contains(slot_of(command.args[progress.next]))) return Owner::kElsewhere;
  }
  return progress.next < keys.end ? Owner::kUnfinished : Owner::kHere;
}

}  // namespace

/// There is a key whose deadline has passed, whichever.
bool StateMachine::Parts::has_expired_keys(int64_t now_ms) const {
  const std::optional<int64_t> earliest = table.deadlines().earliest_ms();
  return earliest && *earliest <= now_ms;
}

Status StateMachine::begin_entry(LogIndex index, std::string_view payload) {
  Parts& p = *parts_;
  CHECK(!p.under_way);
  CHECK(index > p.applied) << index << " after " << p.applied;
  BatchReader reader(payload);
  if (reader.malformed()) return Error{ErrorCode::kCorrupt, "entry " + std::to_string(index.value) + ": no stamp"};
  p.last_stamp = std::max(p.last_stamp, reader.stamp());
  p.sessions.expire_idle(p.last_stamp);
  p.table.reclaim(kReclaimBytes);
  p.work += payload.size();
  p.look_ahead.begin_entry();
  p.under_way.emplace(Parts::EntryUnderWay{index, reader, 0, {}});
  return {};
}

bool StateMachine::is_within_entry() const { return parts_->under_way.has_value(); }

Result<bool> StateMachine::apply_on(ReplyRouter& replies, uint64_t work_max) {
  Parts& p = *parts_;
  CHECK(p.under_way);
  Parts::EntryUnderWay& entry = *p.under_way;
  const LogIndex index = entry.index;
  const auto corrupt = [index](const char* what) {
    return Error{ErrorCode::kCorrupt, "entry " + std::to_string(index.value) + ": " + what};
  };
  const Operation& op = p.operation;
  for (const uint64_t before = work_done();;) {
    if (!entry.progress && entry.reader.at_end()) break;
    if (work_done() - before >= work_max) return false;
    if (entry.progress) {
      if (!p.step(op, *entry.progress)) continue;
      CHECK(replay(p.recording.view(), replies.sink_for(entry.position++)));
      entry.progress.reset();
      continue;
    }
    p.look_ahead.before_operation(entry.reader, p.table);
    if (!entry.reader.next(p.operation)) return corrupt("malformed operation");
    const bool is_internal =
        op.id == CommandId::kOpenSession || op.id == CommandId::kPurge || op.id == CommandId::kSetBack;
    p.row = is_internal ? nullptr : row_of(op.id);
    if (!is_internal && p.row == nullptr) return corrupt("unknown command");
    p.work += kOperationWork;
    if (is_long(p.row, op.args)) {
      entry.progress.emplace();
      continue;
    }
    ReplySink& sink = replies.sink_for(entry.position++);
    if (!p.owns_keys_of({op.id, op.args})) {
      sink.refusal(Refusal::kNotHere);
    } else {
      op.call ? p.execute_once(op, sink) : p.execute(op, sink);
    }
  }
  p.applied = index;
  p.under_way.reset();
  return true;
}

/// True: it is executed, and the reply stands in `recording`.
bool StateMachine::Parts::step(const Operation& op, Progress& progress) {
  work += kStepWork;
  table.reclaim(0);  // as much as the last step added: not all of it when the next entry begins
  switch (progress.stage) {
    case Progress::Stage::kOwner: {
      const Owner owner = look_for_owner(table.arc(), {op.id, op.args}, progress);
      if (owner == Owner::kUnfinished) return false;
      recording.clear();
      if (owner == Owner::kHere) return !begin_execution(op, progress);
      recording.refusal(Refusal::kNotHere);
      return true;
    }
    case Progress::Stage::kExpiry: {
      const KeyRange keys = keys_of(*traits_of(op.id), op.args);
      const size_t end = end_of_step(keys, progress.next);
      for (; progress.next < end; progress.next += keys.step) find_unexpired(op.args[progress.next]);
      if (progress.next >= keys.end) progress.begin(Progress::Stage::kExecution);
      return false;
    }
    case Progress::Stage::kExecution: {
      if (row->read_step != nullptr)
        return row->read_step({table, op.args, last_stamp.ms, nullptr, recording}, progress);
      WriteContext context{table, op.args, last_stamp.ms, {}, operation_count, recording};
      if (!row->write_step(context, progress)) return false;
      if (op.call) sessions.record(*op.call, std::string(recording.view()));
      return true;
    }
  }
  return true;
}

/// False: it is not to be executed, and the reply was made.
bool StateMachine::Parts::begin_execution(const Operation& op, Progress& progress) {
  if (op.call && !admit(*op.call, recording)) return false;
  ++operation_count;
  if (!check_shape(*traits_of(op.id), op.args, recording)) {
    if (op.call && row->read == nullptr) sessions.record(*op.call, std::string(recording.view()));
    return false;
  }
  progress.begin(has_expired_keys(last_stamp.ms) ? Progress::Stage::kExpiry : Progress::Stage::kExecution);
  return true;
}

bool StateMachine::is_long_read(const CommandView& command) {
  const CommandRow* row = row_of(command.id);
  return is_long(row, command.args) && row->read_step != nullptr;
}

ReadResult StateMachine::read_on(const CommandView& command, WallMs now, Progress& progress, ReplySink& sink,
                                 uint64_t& work_max) const {
  const CommandRow* row = row_of(command.id);
  CHECK(is_long(row, command.args) && row->read_step != nullptr && !is_within_entry());
  const Parts& p = *parts_;
  const CommandTraits& traits = *traits_of(command.id);
  const KeyRange keys = keys_of(traits, command.args);
  const int64_t now_ms = std::max(now, p.last_stamp).ms;
  for (; work_max > 0; work_max -= std::min(work_max, kStepWork)) {
    switch (progress.stage) {
      case Progress::Stage::kOwner: {
        if (progress.next == 0 && !check_shape(traits, command.args, sink)) return ReadResult::kAnswered;
        const Owner owner = look_for_owner(p.table.arc(), command, progress);
        if (owner == Owner::kUnfinished) break;
        if (owner == Owner::kElsewhere) {
          sink.refusal(Refusal::kNotHere);
          return ReadResult::kAnswered;
        }
        progress.begin(p.has_expired_keys(now_ms) ? Progress::Stage::kExpiry : Progress::Stage::kExecution);
        break;
      }
      case Progress::Stage::kExpiry:
        for (const size_t end = end_of_step(keys, progress.next); progress.next < end; progress.next += keys.step) {
          const Entry* entry = p.table.find(command.args[progress.next]).entry();
          if (entry != nullptr && entry->is_expired(now_ms)) return ReadResult::kNeedsCommit;
        }
        if (progress.next >= keys.end) progress.begin(Progress::Stage::kExecution);
        break;
      case Progress::Stage::kExecution:
        if (row->read_step({p.table, command.args, now_ms, nullptr, sink}, progress)) {
          return ReadResult::kAnswered;
        }
        break;
    }
  }
  return ReadResult::kUnfinished;
}

}  // namespace torc::kv
