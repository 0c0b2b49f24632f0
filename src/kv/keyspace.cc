// TYPE, DBSIZE, FLUSHALL.
#include "kv/argument.h"
#include "kv/handlers.h"

namespace torc::kv {

void type(const ReadContext& c) {
  if (c.entry == nullptr) return c.sink.status("none");
  switch (c.entry->type) {
    case ValueType::kString:
      return c.sink.status("string");
  }
}

/// Counts what is there: keys that have expired and were not purged yet too, as Redis does.
void db_size(const ReadContext& c) { c.sink.integer(static_cast<int64_t>(c.table.key_count())); }

/// SYNC and ASYNC mean the same here: the keys are gone at once, their memory follows piece by piece.
bool check_flush_all(Args args, ReplySink& sink) {
  if (args.empty() || (args.size() == 1 && (is_word(args[0], "SYNC") || is_word(args[0], "ASYNC")))) return true;
  sink.error(kSyntaxError);
  return false;
}

void flush_all(WriteContext& c) {
  if (!check_flush_all(c.args, c.sink)) return;
  c.table.flush();
  c.sink.ok();
}

}  // namespace torc::kv
