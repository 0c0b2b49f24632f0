// What executes the commands: one function per command, grouped by family, found through one row per command.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.h"
#include "kv/command.h"
#include "kv/progress.h"
#include "kv/reply_sink.h"
#include "kv/shape.h"
#include "kv/table.h"

namespace torc::kv {

struct ReadContext {
  const Table& table;
  Args args;
  int64_t now_ms;      // keys with a deadline at or before it do not exist
  const Entry* entry;  // of the key, for commands with exactly one; null: no such key
  ReplySink& sink;
};

struct WriteContext {
  Table& table;
  Args args;
  int64_t now_ms;    // the entry's effective stamp
  Spot spot;         // of the key, for commands with exactly one
  uint64_t version;  // the operation's number, for every key it writes
  ReplySink& sink;
};

/// Makes exactly one reply. No key the command names has expired: the caller has seen to it.
using ReadHandler = void (*)(const ReadContext&);
using WriteHandler = void (*)(WriteContext&);
/// The same in pieces, for commands with any number of keys: goes on where `progress` stands, for about kKeysPerStep
/// keys. True: it is done, and the reply was made.
using ReadStep = bool (*)(const ReadContext&, Progress&);
using WriteStep = bool (*)(WriteContext&, Progress&);
/// Checks what needs no state; true if fine, else false after writing the error. The handler uses the same parser.
using SyntaxCheck = bool (*)(Args, ReplySink&);

struct CommandRow {
  CommandId id = CommandId::kNone;
  ReadHandler read = nullptr;  // exactly one of read and write
  WriteHandler write = nullptr;
  SyntaxCheck syntax = nullptr;  // null: nothing to check beside the argument count
  ReadStep read_step = nullptr;  // beside `read`, and so on; null: the command names few keys
  WriteStep write_step = nullptr;
};

/// Row of `id`; null if there is no such data command.
const CommandRow* row_of(CommandId id);

// strings.cc
void get(const ReadContext&);
void set(WriteContext&);
void set_nx(WriteContext&);
void set_ex(WriteContext&);
void p_set_ex(WriteContext&);
void get_set(WriteContext&);
void get_del(WriteContext&);
void get_ex(WriteContext&);
bool check_set(Args, ReplySink&);
bool check_set_ex(Args, ReplySink&);
bool check_p_set_ex(Args, ReplySink&);
bool check_get_ex(Args, ReplySink&);

// substrings.cc
void append(WriteContext&);
void str_len(const ReadContext&);
void get_range(const ReadContext&);
void set_range(WriteContext&);
bool check_get_range(Args, ReplySink&);
bool check_set_range(Args, ReplySink&);

// counters.cc
void incr(WriteContext&);
void decr(WriteContext&);
void incr_by(WriteContext&);
void decr_by(WriteContext&);
void incr_by_float(WriteContext&);
bool check_incr_by(Args, ReplySink&);
bool check_decr_by(Args, ReplySink&);
bool check_incr_by_float(Args, ReplySink&);

// many_keys.cc
void m_get(const ReadContext&);
bool m_get_step(const ReadContext&, Progress&);
void m_set(WriteContext&);
bool m_set_step(WriteContext&, Progress&);
void m_set_nx(WriteContext&);
bool m_set_nx_step(WriteContext&, Progress&);
bool check_m_set(Args, ReplySink&);
bool check_m_set_nx(Args, ReplySink&);
void del(WriteContext&);
bool del_step(WriteContext&, Progress&);
void exists(const ReadContext&);
bool exists_step(const ReadContext&, Progress&);

// compare_and_set.cc
void cas(WriteContext&);
void cas_version(WriteContext&);
void version(const ReadContext&);
bool check_cas_version(Args, ReplySink&);

// expiry.cc
void expire(WriteContext&);
void p_expire(WriteContext&);
void expire_at(WriteContext&);
void p_expire_at(WriteContext&);
void ttl(const ReadContext&);
void p_ttl(const ReadContext&);
void expire_time(const ReadContext&);
void p_expire_time(const ReadContext&);
void persist(WriteContext&);
bool check_expire(Args, ReplySink&);
bool check_p_expire(Args, ReplySink&);
bool check_expire_at(Args, ReplySink&);
bool check_p_expire_at(Args, ReplySink&);

// keyspace.cc
void type(const ReadContext&);
void db_size(const ReadContext&);
void flush_all(WriteContext&);
bool check_flush_all(Args, ReplySink&);

// scan.cc
void scan(const ReadContext&);
void torc_scan(const ReadContext&);
bool check_scan(Args, ReplySink&);
bool check_torc_scan(Args, ReplySink&);

// slot_queries.cc
void torc_slot_size(const ReadContext&);
void torc_slot_keys(const ReadContext&);
bool check_torc_slot_size(Args, ReplySink&);
bool check_torc_slot_keys(Args, ReplySink&);

}  // namespace torc::kv
