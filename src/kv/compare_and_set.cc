// CAS, CASVERSION, VERSION: ours, not Redis'. A set by them is one like SET's: it removes the deadline, unless it brings
// one.
#include <optional>

#include "kv/argument.h"
#include "kv/handlers.h"

namespace torc::kv {
namespace {

void set_if(bool condition, std::string_view value, int64_t deadline_ms, WriteContext& c) {
  if (!condition) return c.sink.integer(0);
  c.table.set(c.spot, c.args[0], value, deadline_ms, c.version);
  c.sink.integer(1);
}

std::optional<uint64_t> parse_version(Args args, ReplySink& sink) {
  const std::optional<int64_t> number = integer_argument(args[1], sink);
  if (!number) return std::nullopt;
  if (*number < 0) {
    sink.error(kNotAnInteger);
    return std::nullopt;
  }
  return static_cast<uint64_t>(*number);
}

/// [PXAT ms] behind the value; kNoDeadline without it, nothing after writing the error.
std::optional<int64_t> parse_deadline(Args args, ReplySink& sink) {
  if (args.size() == 3) return kNoDeadline;
  if (args.size() != 5 || !is_word(args[3], "PXAT")) {
    sink.error(kSyntaxError);
    return std::nullopt;
  }
  const std::optional<ExpireArgument> expire =
      positive_expire_argument(args[4], TimeUnit::kMilliseconds, false, "casversion", sink);
  if (!expire) return std::nullopt;
  return expire->ms;
}

}  // namespace

void cas(WriteContext& c) {
  const Entry* entry = c.spot.entry();
  set_if(entry != nullptr && entry->value() == c.args[1], c.args[2], kNoDeadline, c);
}

void cas_version(WriteContext& c) {
  const std::optional<uint64_t> expected = parse_version(c.args, c.sink);
  if (!expected) return;
  const std::optional<int64_t> deadline_ms = parse_deadline(c.args, c.sink);
  if (!deadline_ms) return;
  const Entry* entry = c.spot.entry();
  set_if((entry != nullptr ? entry->version : 0) == *expected, c.args[2], *deadline_ms, c);
}

bool check_cas_version(Args args, ReplySink& sink) { return parse_version(args, sink) && parse_deadline(args, sink); }

void version(const ReadContext& c) { c.sink.integer(c.entry != nullptr ? static_cast<int64_t>(c.entry->version) : 0); }

}  // namespace torc::kv
