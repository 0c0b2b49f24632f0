// The payload of a kCommands entry: the leader's stamp and the operations it collected in a turn.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strong_id.h"
#include "base/time.h"
#include "kv/command.h"
#include "kv/limits.h"
#include "kv/session_id.h"

namespace torc::kv {

/// Exactly-once label of an operation (rules.md#exactly-once): `sequence` is new for each operation of the session;
/// everything below `floor` has been answered and may be forgotten.
struct SessionCall {
  SessionId session;
  uint64_t sequence = 0;
  uint64_t floor = 0;
  /// There is no other copy of the call that may have been executed, or may be: only such a one opens a session that a
  /// group does not know. Whoever sends the call again, or passes it on once more, says no.
  bool is_first_send = false;
};

/// What add() makes of a command at most, label included.
size_t operation_bytes(const CommandView& command);
/// Whether a batch can hold the command at all. RESP requests always can; what a peer forwards has to be asked.
bool is_within_limits(const CommandView& command);

/// Builds the payload in place behind `reserved` bytes, so that consensus can complete the entry without a copy.
/// Layout: i64 stamp (ms), then per operation: u8 flags (bit 0: has a label, bit 1: of its first send), varint command
///         id, [16 bytes session, varint sequence, varint floor], varint argc, argc times varint length and bytes.
///         (In entries of version 1 a session had 8 bytes: consensus/types.h.)
class BatchBuilder {
 public:
  explicit BatchBuilder(size_t reserved);
  /// Requires: is_within_limits(command).
  void add(const CommandView& command, const SessionCall* call = nullptr);
  size_t count() const { return count_; }
  /// Of the payload so far, its stamp included.
  size_t bytes() const { return buffer_.size() - reserved_; }
  bool empty() const { return count_ == 0; }
  /// Sets the stamp, hands the buffer over and starts anew.
  std::string take(WallMs stamp);

 private:
  size_t reserved_;
  size_t count_ = 0;
  std::string buffer_;
};

struct Operation {
  CommandId id = CommandId::kNone;
  std::optional<SessionCall> call;
  std::vector<std::string_view> args;  // reused between operations
};

/// Reads a payload. Bytes come from the log or a peer, so every read may fail.
class BatchReader {
 public:
  explicit BatchReader(std::string_view payload);
  WallMs stamp() const { return stamp_; }
  /// Next operation into `op` (views into the payload); false at the end or when malformed.
  bool next(Operation& op);
  bool malformed() const { return malformed_; }
  bool at_end() const { return !malformed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  WallMs stamp_;
  bool malformed_ = false;
};

}  // namespace torc::kv
