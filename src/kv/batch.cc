#include "kv/batch.h"

#include <utility>

#include "base/codec.h"

namespace torc::kv {
namespace {

constexpr size_t kLargeOperationBytes = 64u << 10;  // has a batch of its own, or nearly: room for it is made at once
constexpr uint8_t kHasLabel = 1;
constexpr uint8_t kIsFirstSend = 2;

uint8_t flags_of(const SessionCall* call) {
  if (call == nullptr) return 0;
  return kHasLabel | (call->is_first_send ? kIsFirstSend : 0);
}

}  // namespace

size_t operation_bytes(const CommandView& command) {
  size_t bytes = kOperationHeadBytesMax + kArgumentHeadBytesMax * command.args.size();
  for (std::string_view arg : command.args) bytes += arg.size();
  return bytes;
}

bool is_within_limits(const CommandView& command) {
  return command.args.size() <= kArgsMax && operation_bytes(command) <= kOperationBytesMax;
}

BatchBuilder::BatchBuilder(size_t reserved) : reserved_(reserved), buffer_(reserved + kBatchHeadBytes, '\0') {}

void BatchBuilder::add(const CommandView& command, const SessionCall* call) {
  CHECK(command.args.size() <= kArgsMax) << command.args.size();  // Group::write refuses what is not within limits
  const size_t bytes = operation_bytes(command);
  if (bytes > kLargeOperationBytes) buffer_.reserve(buffer_.size() + bytes);
  put_u8(buffer_, flags_of(call));
  put_varint(buffer_, static_cast<uint16_t>(command.id));
  if (call != nullptr) {
    put_session_id(buffer_, call->session);
    put_varint(buffer_, call->sequence);
    put_varint(buffer_, call->floor);
  }
  put_varint(buffer_, command.args.size());
  for (std::string_view arg : command.args) put_bytes(buffer_, arg);
  ++count_;
}

std::string BatchBuilder::take(WallMs stamp) {
  store_u64(buffer_.data() + reserved_, static_cast<uint64_t>(stamp.ms));
  count_ = 0;
  return std::exchange(buffer_, std::string(reserved_ + kBatchHeadBytes, '\0'));
}

BatchReader::BatchReader(std::string_view payload) {
  Reader reader(payload);
  stamp_ = WallMs{reader.i64()};
  malformed_ = !reader.ok();
  rest_ = reader.rest();
}

bool BatchReader::next(Operation& op) {
  if (malformed_ || rest_.empty()) return false;
  malformed_ = true;  // until the operation has been read whole
  Reader reader(rest_);
  const uint8_t flags = reader.u8();
  if ((flags & ~(kHasLabel | kIsFirstSend)) != 0 || flags == kIsFirstSend) return false;
  const uint64_t id = reader.varint();
  if (id > UINT16_MAX) return false;
  op.id = static_cast<CommandId>(id);
  op.call.reset();
  if ((flags & kHasLabel) != 0) {
    SessionCall& call = op.call.emplace();
    call.session = take_session_id(reader);
    call.sequence = reader.varint();
    call.floor = reader.varint();
    call.is_first_send = (flags & kIsFirstSend) != 0;
  }
  const uint64_t count = reader.varint();
  if (!reader.ok() || count > kArgsMax) return false;
  op.args.clear();
  for (uint64_t i = 0; i < count; ++i) {
    op.args.push_back(reader.bytes());
    if (!reader.ok()) return false;
  }
  rest_ = reader.rest();
  malformed_ = false;
  return true;
}

}  // namespace torc::kv
