#include "kv/state_machine.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "base/version.h"
#include "kv/image_format.h"
#include "kv/position.h"
#include "kv/shape.h"
#include "kv/state_machine_parts.h"

namespace torc::kv {

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
  CHECK(!is_within_entry());
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
