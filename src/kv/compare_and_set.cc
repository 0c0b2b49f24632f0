// CAS, CASVERSION, VERSION: ours, not Redis'. A set by them is one like SET's: it removes the deadline, unless it
// brings one.
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

struct Options {
  int64_t deadline_ms = kNoDeadline;
  int64_t before_ms = INT64_MAX;
};

/// [PXAT ms] [BEFORE ms] behind the value; nothing after writing the error.
std::optional<Options> parse_options(Args args, ReplySink& sink) {
  Options options;
  for (size_t i = 3; i < args.size(); i += 2) {
    const bool is_deadline = is_word(args[i], "PXAT");
    if (i + 1 == args.size() || (!is_deadline && !is_word(args[i], "BEFORE"))) {
      sink.error(kSyntaxError);
      return std::nullopt;
    }
    const std::optional<ExpireArgument> time =
        positive_expire_argument(args[i + 1], TimeUnit::kMilliseconds, false, "casversion", sink);
    if (!time) return std::nullopt;
    (is_deadline ? options.deadline_ms : options.before_ms) = time->ms;
  }
  return options;
}

}  // namespace

void cas(WriteContext& c) {
  const Entry* entry = c.spot.entry();
  set_if(entry != nullptr && entry->value() == c.args[1], c.args[2], kNoDeadline, c);
}

void cas_version(WriteContext& c) {
  const std::optional<uint64_t> expected = parse_version(c.args, c.sink);
  if (!expected) return;
  const std::optional<Options> options = parse_options(c.args, c.sink);
  if (!options) return;
  const Entry* entry = c.spot.entry();
  const bool is_met = (entry != nullptr ? entry->version : 0) == *expected && c.now_ms < options->before_ms;
  set_if(is_met, c.args[2], options->deadline_ms, c);
}

bool check_cas_version(Args args, ReplySink& sink) { return parse_version(args, sink) && parse_options(args, sink); }

void version(const ReadContext& c) { c.sink.integer(c.entry != nullptr ? static_cast<int64_t>(c.entry->version) : 0); }

}  // namespace torc::kv
