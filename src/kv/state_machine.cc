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
#include "kv/recorded_reply.h"
#include "kv/sessions.h"
#include "kv/table.h"

namespace torc::kv {
namespace {

constexpr std::string_view kOverfullSession = "UNKNOWN outcome: the session holds too many unacknowledged replies";
constexpr std::string_view kKeyTooLong = "ERR key exceeds maximum allowed size (65535 bytes)";
static_assert(kKeyBytesMax == 65535);

bool has_one_key(const CommandTraits& traits) { return traits.first_key == 1 && traits.last_key == 1; }

/// The keys among the arguments. Requires: the argument count is right.
struct KeyRange {
  size_t begin, end, step;
};

KeyRange keys_of(const CommandTraits& traits, Args args) {
  if (traits.first_key == 0) return {0, 0, 1};
  const size_t last = traits.last_key < 0 ? args.size() - static_cast<size_t>(-traits.last_key)
                                          : static_cast<size_t>(traits.last_key) - 1;
  return {static_cast<size_t>(traits.first_key) - 1, last + 1, static_cast<size_t>(traits.key_step)};
}

/// Argument count and sizes; false after writing the error.
bool check_shape(const CommandTraits& traits, Args args, ReplySink& sink) {
  const auto count = static_cast<int>(args.size()) + 1;  // the name counts
  if (args.size() > kArgsMax || (traits.arity >= 0 ? count != traits.arity : count < -traits.arity)) {
    wrong_argument_count(traits.name, sink);
    return false;
  }
  for (std::string_view arg : args) {
    if (arg.size() <= kValueBytesMax) continue;
    sink.error(kValueTooLong);
    return false;
  }
  const KeyRange keys = keys_of(traits, args);
  for (size_t i = keys.begin; i < keys.end; i += keys.step) {
    if (args[i].size() <= kKeyBytesMax) continue;
    sink.error(kKeyTooLong);
    return false;
  }
  return true;
}

}  // namespace

struct StateMachine::Parts {
  explicit Parts(const StateMachineOptions& options) : table(options.hash_seed), capture(table) {}

  void execute(const Operation& op, ReplySink& sink);
  void execute_once(const Operation& op, ReplySink& sink);
  void execute_row(const CommandRow& row, Args args, ReplySink& sink);
  Spot find_unexpired(std::string_view key);
  std::string encode_header() const;

  Table table;
  Capture capture;
  Sessions sessions;
  uint64_t operation_count = 0;  // rules.md#versions
  WallMs last_stamp;
  LogIndex applied;
  std::string header;   // as of begin_capture()
  Operation operation;  // scratch
  RecordingSink recording;
};

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
  if (op.id == CommandId::kRegisterSession) {
    sink.integer(static_cast<int64_t>(sessions.open(operation_count, last_stamp).value));
  } else if (op.id == CommandId::kPurge) {
    for (std::string_view key : op.args) find_unexpired(key);
    sink.ok();
  } else {
    execute_row(*row_of(op.id), op.args, sink);
  }
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
    case Sessions::Verdict::kUnknown:
      return sink.error(kUnknownSession);
    case Sessions::Verdict::kOverfull:
      return sink.error(kOverfullSession);
  }
}

std::string StateMachine::Parts::encode_header() const {
  std::string out;
  put_u8(out, kImageFormatVersion);
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
  p.table.reclaim();
  Operation& op = p.operation;
  for (size_t position = 0; reader.next(op); ++position) {
    const bool is_internal = op.id == CommandId::kRegisterSession || op.id == CommandId::kPurge;
    if (!is_internal && row_of(op.id) == nullptr) return corrupt("unknown command");
    ReplySink& sink = replies.sink_for(position);
    op.call ? p.execute_once(op, sink) : p.execute(op, sink);
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

LogIndex StateMachine::applied() const { return parts_->applied; }
uint64_t StateMachine::operation_count() const { return parts_->operation_count; }
WallMs StateMachine::last_stamp() const { return parts_->last_stamp; }
uint64_t StateMachine::key_count() const { return parts_->table.key_count(); }
size_t StateMachine::bytes_used() const { return parts_->table.bytes_used() + parts_->sessions.bytes_used(); }

std::vector<std::string> StateMachine::due_keys(WallMs now, size_t count_max) const {
  return parts_->table.deadlines().due(std::max(now, parts_->last_stamp).ms, count_max);
}

uint64_t StateMachine::digest() const {
  const std::string header = parts_->encode_header();
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
  if (reader.ok() && format != kImageFormatVersion) {
    return unknown_version("the checkpoint's header", format, kImageFormatVersion);
  }
  p.operation_count = reader.u64();
  p.last_stamp = WallMs{reader.i64()};
  if (!reader.ok() || p.last_stamp.ms < 0) return Error{ErrorCode::kCorrupt, "checkpoint header: malformed"};
  if (Status status = p.sessions.decode(reader); !status) return status;
  if (!reader.at_end()) return Error{ErrorCode::kCorrupt, "checkpoint header: bytes after the end"};
  p.applied = applied;
  return {};
}

Status StateMachine::restore(std::string_view key, std::string_view value) {
  Parts& p = *parts_;
  const Result<Image> image = parse_image(key, value);
  if (!image) return image.error();
  if (image->version > p.operation_count) {
    return Error{ErrorCode::kCorrupt, "checkpoint image: version above the header's operation counter"};
  }
  Spot spot = p.table.find(image->key);
  if (spot.record != nullptr) return Error{ErrorCode::kCorrupt, "checkpoint image: the key comes twice"};
  p.table.restore(spot, image->key, image->value, image->deadline_ms, image->version);
  return {};
}

}  // namespace torc::kv
