#include "kv/command.h"

#include <array>
#include <iterator>

namespace torc::kv {
namespace {

// id, name, arity, is_write, grows, first key, last key, step, summary
constexpr CommandTraits kRows[] = {
    {CommandId::kGet, "GET", 2, false, false, 1, 1, 1, "Returns the value of a key."},
    {CommandId::kSet, "SET", -3, true, true, 1, 1, 1,
     "Sets the value of a key: SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]."},
    {CommandId::kSetNx, "SETNX", 3, true, true, 1, 1, 1, "Sets the value of a key only if it does not exist."},
    {CommandId::kSetEx, "SETEX", 4, true, true, 1, 1, 1, "Sets the value and the time to live in seconds of a key."},
    {CommandId::kPSetEx, "PSETEX", 4, true, true, 1, 1, 1,
     "Sets the value and the time to live in milliseconds of a key."},
    {CommandId::kGetSet, "GETSET", 3, true, true, 1, 1, 1, "Sets the value of a key and returns the old one."},
    {CommandId::kGetDel, "GETDEL", 2, true, false, 1, 1, 1, "Returns the value of a key and deletes it."},
    {CommandId::kGetEx, "GETEX", -2, true, false, 1, 1, 1,
     "Returns the value of a key and sets its time to live: GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]."},
    {CommandId::kAppend, "APPEND", 3, true, true, 1, 1, 1, "Appends to the value of a key; creates it if absent."},
    {CommandId::kStrLen, "STRLEN", 2, false, false, 1, 1, 1, "Returns the length of a value in bytes."},
    {CommandId::kGetRange, "GETRANGE", 4, false, false, 1, 1, 1, "Returns a part of a value; both ends included."},
    {CommandId::kSetRange, "SETRANGE", 4, true, true, 1, 1, 1, "Overwrites part of a value from an offset on."},
    {CommandId::kIncr, "INCR", 2, true, true, 1, 1, 1, "Adds one to an integer; an absent key counts as 0."},
    {CommandId::kDecr, "DECR", 2, true, true, 1, 1, 1, "Subtracts one from an integer; an absent key counts as 0."},
    {CommandId::kIncrBy, "INCRBY", 3, true, true, 1, 1, 1, "Adds to an integer."},
    {CommandId::kDecrBy, "DECRBY", 3, true, true, 1, 1, 1, "Subtracts from an integer."},
    {CommandId::kIncrByFloat, "INCRBYFLOAT", 3, true, true, 1, 1, 1, "Adds to a decimal number."},
    {CommandId::kMGet, "MGET", -2, false, false, 1, -1, 1, "Returns the values of several keys at one moment."},
    {CommandId::kMSet, "MSET", -3, true, true, 1, -1, 2, "Sets several keys at one moment."},
    {CommandId::kMSetNx, "MSETNX", -3, true, true, 1, -1, 2, "Sets several keys at one moment, only if none exists."},
    {CommandId::kCas, "CAS", 4, true, true, 1, 1, 1,
     "CAS key expected new: sets the value as SET does if it equals `expected`; 1 if set, else 0."},
    {CommandId::kCasVersion, "CASVERSION", -4, true, true, 1, 1, 1,
     "CASVERSION key version new [PXAT ms] [BEFORE ms]: sets the value as SET does if the key has this version (0: "
     "does not exist); 1 if "
     "set, "
     "else 0."},
    {CommandId::kVersion, "VERSION", 2, false, false, 1, 1, 1,
     "Returns a number that changes with every write of the key."},
    {CommandId::kDel, "DEL", -2, true, false, 1, -1, 1, "Deletes keys; returns how many existed."},
    {CommandId::kUnlink, "UNLINK", -2, true, false, 1, -1, 1, "Deletes keys; returns how many existed."},
    {CommandId::kExists, "EXISTS", -2, false, false, 1, -1, 1, "Counts the named keys that exist."},
    {CommandId::kExpire, "EXPIRE", -3, true, false, 1, 1, 1, "Sets the time to live in seconds [NX | XX | GT | LT]."},
    {CommandId::kPExpire, "PEXPIRE", -3, true, false, 1, 1, 1,
     "Sets the time to live in milliseconds [NX | XX | GT | LT]."},
    {CommandId::kExpireAt, "EXPIREAT", -3, true, false, 1, 1, 1, "Sets the deadline as a Unix time in seconds."},
    {CommandId::kPExpireAt, "PEXPIREAT", -3, true, false, 1, 1, 1, "Sets the deadline as a Unix time in milliseconds."},
    {CommandId::kTtl, "TTL", 2, false, false, 1, 1, 1,
     "Returns the time to live in seconds; -1: none, -2: no such key."},
    {CommandId::kPTtl, "PTTL", 2, false, false, 1, 1, 1,
     "Returns the time to live in milliseconds; -1: none, -2: no such key."},
    {CommandId::kExpireTime, "EXPIRETIME", 2, false, false, 1, 1, 1, "Returns the deadline as a Unix time in seconds."},
    {CommandId::kPExpireTime, "PEXPIRETIME", 2, false, false, 1, 1, 1,
     "Returns the deadline as a Unix time in milliseconds."},
    {CommandId::kPersist, "PERSIST", 2, true, false, 1, 1, 1, "Removes the deadline of a key."},
    {CommandId::kType, "TYPE", 2, false, false, 1, 1, 1, "Returns the type of the value of a key."},
    {CommandId::kDbSize, "DBSIZE", 1, false, false, 0, 0, 0, "Returns the number of keys."},
    {CommandId::kFlushAll, "FLUSHALL", -1, true, false, 0, 0, 0, "Deletes all keys [SYNC | ASYNC]."},
    {CommandId::kScan, "SCAN", -2, false, false, 0, 0, 0,
     "Walks over the keys: SCAN cursor [MATCH pattern] [COUNT n] [TYPE type] -> next cursor and keys."},
    {CommandId::kTorcScan, "TORC.SCAN", -4, false, false, 0, 0, 0,
     "Walks over slots: TORC.SCAN first last cursor [PREFIX prefix] [COUNT n] [VALUES] -> next cursor, and keys with "
     "deadlines (and values)."},
    {CommandId::kTorcSlotSize, "TORC.SLOTSIZE", 2, false, false, 0, 0, 0, "Returns the number of keys of a slot."},
    {CommandId::kTorcSlotKeys, "TORC.SLOTKEYS", 3, false, false, 0, 0, 0,
     "TORC.SLOTKEYS slot count: returns keys of a slot, at most 1000."},
    {CommandId::kFlushDb, "FLUSHDB", -1, true, false, 0, 0, 0,
     "Deletes all keys of the database, the only one [SYNC | ASYNC]."},
};

constexpr size_t kIdEnd = static_cast<size_t>(kCommandIdLast) + 1;

/// Index of each id's row in kRows, or -1.
constexpr std::array<int8_t, kIdEnd> make_index() {
  std::array<int8_t, kIdEnd> index{};
  for (int8_t& row : index) row = -1;
  for (size_t i = 0; i < std::size(kRows); ++i) index[static_cast<size_t>(kRows[i].id)] = static_cast<int8_t>(i);
  return index;
}

constexpr auto kIndex = make_index();

}  // namespace

std::span<const CommandTraits> command_traits() { return kRows; }

const CommandTraits* traits_of(CommandId id) {
  const auto i = static_cast<size_t>(id);
  return i < kIdEnd && kIndex[i] >= 0 ? &kRows[kIndex[i]] : nullptr;
}

}  // namespace torc::kv
