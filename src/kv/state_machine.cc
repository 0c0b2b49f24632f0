#include "kv/state_machine.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "base/version.h"
#include "kv/argument.h"
#include "kv/capture.h"
#include "kv/handlers.h"
#include "kv/image_format.h"
#include "kv/position.h"
#include "kv/recorded_reply.h"
#include "kv/sessions.h"
#include "kv/shape.h"
#include "kv/stamp_repair.h"
#include "kv/table.h"

namespace torc::kv {
namespace {

constexpr size_t kReclaimBytes = 4u << 20;  // freed per entry and per maintenance: about a millisecond
}  // namespace

struct StateMachine::Parts {
  explicit Parts(const StateMachineOptions& options) : table(options.hash_seed, options.arc), capture(table) {}

  bool owns_keys_of(const CommandView& command) const;
  void execute(const Operation& op, ReplySink& sink);
  void execute_once(const Operation& op, ReplySink& sink);
  void execute_row(const CommandRow& row, Args args, ReplySink& sink);
  void set_back(const StampRepair& repair);
  Spot find_unexpired(std::string_view key);
  std::string encode_header() const;

  Table table;
  Capture capture;
  Sessions sessions;
  uint64_t operation_count = 0;  // rules.md#versions
  WallMs last_stamp;
  LogIndex applied;
  uint64_t work = 0;    // beside table.bytes_touched()
  std::string header;   // as of begin_capture()
  Operation operation;  // scratch
  RecordingSink recording;
};

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
  } else {
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
    execute_row(*row_of(op.id), op.args, sink);
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

void StateMachine::Parts::execute_once(const Operation& op, ReplySink& sink) {
  const Sessions::Admission admission = sessions.admit(*op.call, last_stamp);
  switch (admission.verdict) {
    case Sessions::Verdict::kExecute: {
      const CommandRow* row = row_of(op.id);
      if (row != nullptr && row->read != nullptr) return execute(op, sink);  // may be repeated: nothing to remember
      recording.clear();
      execute(op, recording);
      CHECK(replay(recording.view(), sink));
      sessions.record(*op.call, recording.take());
      return;
    }
    case Sessions::Verdict::kReplay:
      CHECK(replay(admission.reply, sink));
      return;
    case Sessions::Verdict::kExecuted:
      return sink.refusal(Refusal::kReplyNotKept);
    case Sessions::Verdict::kUnknown:
      return sink.refusal(Refusal::kUnknownSession);
    case Sessions::Verdict::kOverfull:
      return sink.refusal(Refusal::kSessionOverfull);
  }
}

std::string StateMachine::Parts::encode_header() const {
  std::string out;
  put_u8(out, kHeaderFormatVersion);
  put_u64(out, operation_count);
  put_i64(out, last_stamp.ms);
  sessions.encode(out);
  return out;
}

StateMachine::StateMachine(const StateMachineOptions& options) : parts_(std::make_unique<Parts>(options)) {}
StateMachine::~StateMachine() = default;

Status StateMachine::apply(LogIndex index, std::string_view payload, ReplyRouter& replies) {
  Parts& p = *parts_;
  CHECK(index > p.applied) << index << " after " << p.applied;
  const auto corrupt = [index](const char* what) {
    return Error{ErrorCode::kCorrupt, "entry " + std::to_string(index.value) + ": " + what};
  };
  BatchReader reader(payload);
  if (reader.malformed()) return corrupt("no stamp");
  p.last_stamp = std::max(p.last_stamp, reader.stamp());
  p.sessions.expire_idle(p.last_stamp);
  p.table.reclaim(kReclaimBytes);
  p.work += payload.size();
  Operation& op = p.operation;
  for (size_t position = 0; reader.next(op); ++position) {
    const bool is_internal =
        op.id == CommandId::kOpenSession || op.id == CommandId::kPurge || op.id == CommandId::kSetBack;
    if (!is_internal && row_of(op.id) == nullptr) return corrupt("unknown command");
    ReplySink& sink = replies.sink_for(position);
    p.work += kOperationWork;
    if (!p.owns_keys_of({op.id, op.args})) {
      sink.refusal(Refusal::kNotHere);
    } else {
      op.call ? p.execute_once(op, sink) : p.execute(op, sink);
    }
  }
  if (reader.malformed()) return corrupt("malformed operation");
  p.applied = index;
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
  for (size_t i = keys.begin; i < keys.end; i += keys.step) {
    entry = table.find(command.args[i]).entry();
    if (entry != nullptr && entry->is_expired(now_ms)) return ReadResult::kNeedsCommit;
  }
  row->read(ReadContext{table, command.args, now_ms, has_one_key(traits) ? entry : nullptr, sink});
  return ReadResult::kAnswered;
}

bool StateMachine::check_syntax(const CommandView& command, ReplySink& sink) {
  const CommandRow* row = row_of(command.id);
  CHECK(row != nullptr) << "not a data command: " << static_cast<int>(command.id);
  if (!check_shape(*traits_of(command.id), command.args, sink)) return false;
  return row->syntax == nullptr || row->syntax(command.args, sink);
}

bool StateMachine::would_execute(const SessionCall& call) const { return parts_->sessions.would_execute(call); }
Arc StateMachine::arc() const { return parts_->table.arc(); }
LogIndex StateMachine::applied() const { return parts_->applied; }
uint64_t StateMachine::operation_count() const { return parts_->operation_count; }
WallMs StateMachine::last_stamp() const { return parts_->last_stamp; }
uint64_t StateMachine::key_count() const { return parts_->table.key_count(); }
size_t StateMachine::bytes_used() const { return parts_->table.bytes_used() + parts_->sessions.bytes_used(); }
size_t StateMachine::session_bytes() const { return parts_->sessions.bytes_used(); }
size_t StateMachine::flushed_bytes() const { return parts_->table.retired_bytes(); }
size_t StateMachine::flushed_bytes_max() const { return parts_->table.retired_bytes_max(); }
void StateMachine::reclaim() { parts_->table.reclaim(kReclaimBytes); }
uint64_t StateMachine::work_done() const { return parts_->work + parts_->table.bytes_touched(); }

Cost StateMachine::cost_of(const CommandView& command, size_t growth_before) const {
  return kv::cost_of(command, parts_->table, growth_before);
}

DueKeys StateMachine::due_keys(WallMs now, size_t count_max, size_t bytes_max) const {
  return parts_->table.deadlines().due(std::max(now, parts_->last_stamp).ms, count_max, bytes_max);
}

std::optional<WallMs> StateMachine::next_due() const {
  const std::optional<int64_t> earliest = parts_->table.deadlines().earliest_ms();
  if (!earliest) return std::nullopt;
  return WallMs{*earliest};
}

uint64_t StateMachine::digest() const {
  std::string header = parts_->encode_header();
  put_u32(header, arc().first_slot);
  put_u32(header, arc().end_slot);
  return parts_->table.digest() + XXH3_64bits(header.data(), header.size());
}

void StateMachine::begin_capture() {
  parts_->header = parts_->encode_header();
  parts_->capture.begin();
}

bool StateMachine::continue_capture(ImageSink& sink, size_t bytes_max) { return parts_->capture.step(sink, bytes_max); }

void StateMachine::end_capture(bool durable) {
  parts_->capture.end(durable);
  parts_->header = {};
}

bool StateMachine::capturing() const { return parts_->table.changes().capturing(); }
size_t StateMachine::bytes_dirty() const { return parts_->table.changes().dirty_bytes(); }

std::string StateMachine::captured_header() const {
  CHECK(capturing());
  return parts_->header;
}

Status StateMachine::restore_header(std::string_view header, LogIndex applied) {
  Parts& p = *parts_;
  CHECK(p.applied == LogIndex() && p.table.key_count() == 0);
  Reader reader(header);
  const uint8_t format = reader.u8();
  if (reader.ok() && format != kHeaderFormatVersion) {
    return unknown_version("the checkpoint's header", format, kHeaderFormatVersion);
  }
  p.operation_count = reader.u64();
  p.last_stamp = WallMs{reader.i64()};
  if (!reader.ok() || p.last_stamp.ms < 0) return Error{ErrorCode::kCorrupt, "checkpoint header: malformed"};
  if (Status status = p.sessions.decode(reader); !status) return status;
  if (!reader.at_end()) return Error{ErrorCode::kCorrupt, "checkpoint header: bytes after the end"};
  p.applied = applied;
  return {};
}

void StateMachine::restore_without_header() {
  Parts& p = *parts_;
  CHECK(p.applied == LogIndex() && p.table.key_count() == 0);
  p.operation_count = UINT64_MAX / 2;  // above every version there can be, and room for more
}

Status StateMachine::restore(std::string_view key, std::string_view value) {
  Parts& p = *parts_;
  const Result<Image> image = parse_image(key, value);
  if (!image) return image.error();
  if (image->version > p.operation_count) {
    return Error{ErrorCode::kCorrupt, "checkpoint image: version above the header's operation counter"};
  }
  Spot spot = p.table.find(image->key);
  if (!p.table.arc().contains(spot.slot)) {
    return Error{ErrorCode::kCorrupt, "checkpoint image: a key that does not belong to " + p.table.arc().text()};
  }
  if (spot.record != nullptr) return Error{ErrorCode::kCorrupt, "checkpoint image: the key comes twice"};
  p.table.restore(spot, image->key, image->value, image->deadline_ms, image->version);
  return {};
}

}  // namespace torc::kv
