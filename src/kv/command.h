// The data commands as rows of a table: what they are called, how many arguments, whether they write, where their keys
// stand.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace torc::kv {

/// Stands in log entries: never renumber, only append.
enum class CommandId : uint16_t {
  kNone = 0,
  // internal operations, proposed by nodes and never by clients directly
  kOpenSession = 1,  // no arguments, changes nothing: the label opens the session of a node (node/forwarder.h)
  kPurge = 2,        // keys...; deletes those whose deadline has passed at the entry's stamp (rules.md#leader-time)
  kSetBack = 3,      // see stamp_repair.h; sets the group's stamp back, and with it what was computed from it
  // strings
  kGet = 10,
  kSet,
  kSetNx,
  kSetEx,
  kPSetEx,
  kGetSet,
  kGetDel,
  kGetEx,
  kAppend,
  kStrLen,
  kGetRange,
  kSetRange,
  kIncr,
  kDecr,
  kIncrBy,
  kDecrBy,
  kIncrByFloat,
  kMGet,
  kMSet,
  kMSetNx,
  kCas,         // CAS key expected new -> 1 set, 0 not
  kCasVersion,  // CASVERSION key version new -> 1 set, 0 not; version 0: the key must not exist
  kVersion,     // VERSION key -> the key's version (rules.md#versions), 0 if it does not exist
  // keys of any type
  kDel = 60,
  kUnlink,
  kExists,
  kExpire,
  kPExpire,
  kExpireAt,
  kPExpireAt,
  kTtl,
  kPTtl,
  kExpireTime,
  kPExpireTime,
  kPersist,
  kType,
  kDbSize,
  kFlushAll,
  kScan,
  kTorcScan,
  kTorcSlotSize,
  kTorcSlotKeys,
  kFlushDb,
};
constexpr CommandId kCommandIdLast = CommandId::kFlushDb;

struct CommandTraits {
  CommandId id = CommandId::kNone;
  std::string_view name;  // upper case
  int arity = 0;          // counts the name; negative: at least -arity (as Redis)
  bool is_write = false;  // goes through the log
  bool grows = false;     // may make the state larger: refused at the memory limit (Redis' "denyoom")
  int first_key = 0;      // positions count the name as 0; 0: no keys
  int last_key = 0;       // negative: counted from the end
  int key_step = 0;
  std::string_view summary;  // for COMMAND DOCS and --help
};

/// All rows, in CommandId order, without the internal operations.
std::span<const CommandTraits> command_traits();
/// Row of `id`, or null. Internal operations have none.
const CommandTraits* traits_of(CommandId id);

/// A command as parsed: views into somebody else's buffer. `args` does not contain the name.
struct CommandView {
  CommandId id = CommandId::kNone;
  std::span<const std::string_view> args;
};

}  // namespace torc::kv
