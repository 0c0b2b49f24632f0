// Commands that name any number of keys.
#include "kv/argument.h"
#include "kv/handlers.h"

namespace torc::kv {
namespace {

/// args: key value, key value, ...
bool is_in_pairs(Args args, std::string_view command, ReplySink& sink) {
  if (args.size() % 2 == 0) return true;
  wrong_argument_count(command, sink);
  return false;
}

void set_pairs(WriteContext& c) {
  for (size_t i = 0; i < c.args.size(); i += 2) {
    Spot spot = c.table.find(c.args[i]);
    c.table.set(spot, c.args[i], c.args[i + 1], kNoDeadline, c.version);
  }
}

}  // namespace

// Counted first: a value may be named again and again, and what is asked for in 100 KB would not fit into any memory.
void m_get(const ReadContext& c) {
  size_t bytes = 0;
  for (std::string_view key : c.args) {
    const Entry* entry = c.table.find(key).entry();
    bytes += kReplyElementBytes + (entry != nullptr ? entry->value_bytes : 0);
    if (bytes > kReplyBytesMax) return c.sink.error(kReplyTooLong);
  }
  c.sink.array(c.args.size());
  for (std::string_view key : c.args) {
    const Entry* entry = c.table.find(key).entry();
    entry != nullptr ? c.sink.bulk(entry->value()) : c.sink.nil();
  }
}

void m_set(WriteContext& c) {
  if (!is_in_pairs(c.args, "mset", c.sink)) return;
  set_pairs(c);
  c.sink.ok();
}

bool check_m_set(Args args, ReplySink& sink) { return is_in_pairs(args, "mset", sink); }

void m_set_nx(WriteContext& c) {
  if (!is_in_pairs(c.args, "msetnx", c.sink)) return;
  for (size_t i = 0; i < c.args.size(); i += 2) {
    if (c.table.find(c.args[i]).entry() != nullptr) return c.sink.integer(0);
  }
  set_pairs(c);
  c.sink.integer(1);
}

bool check_m_set_nx(Args args, ReplySink& sink) { return is_in_pairs(args, "msetnx", sink); }

void del(WriteContext& c) {
  int64_t deleted_count = 0;
  for (std::string_view key : c.args) {
    Spot spot = c.table.find(key);
    if (spot.entry() == nullptr) continue;
    c.table.erase(spot);
    ++deleted_count;
  }
  c.sink.integer(deleted_count);
}

void exists(const ReadContext& c) {
  int64_t found_count = 0;
  for (std::string_view key : c.args) {
    if (c.table.find(key).entry() != nullptr) ++found_count;
  }
  c.sink.integer(found_count);
}

}  // namespace torc::kv
