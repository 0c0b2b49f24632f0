// GET, SET and their relatives: whole values.
#include <optional>

#include "base/check.h"
#include "kv/argument.h"
#include "kv/handlers.h"

namespace torc::kv {
namespace {

enum class Condition { kAlways, kIfAbsent, kIfPresent };
enum class OldDeadline { kDefault, kKeep, kRemove };  // default: SET removes it, GETEX keeps it

/// Options of SET and GETEX.
struct Options {
  Condition condition = Condition::kAlways;
  OldDeadline old_deadline = OldDeadline::kDefault;
  bool returns_old = false;
  bool has_expire = false;
  TimeUnit unit = TimeUnit::kSeconds;
  bool is_relative = true;
  std::string_view expire;  // not yet parsed: GETEX looks at it only if the key exists
};

struct ExpireWord {
  std::string_view word;
  TimeUnit unit;
  bool is_relative;
};

constexpr ExpireWord kExpireWords[] = {
    {"EX", TimeUnit::kSeconds, true},
    {"PX", TimeUnit::kMilliseconds, true},
    {"EXAT", TimeUnit::kSeconds, false},
    {"PXAT", TimeUnit::kMilliseconds, false},
};

/// Takes `word value` at args[i] if it is an expiry that may stand there; the same word twice is fine, the last one
/// counts.
bool take_expire(Args args, size_t i, Options& options) {
  if (options.old_deadline != OldDeadline::kDefault || i + 1 == args.size()) return false;
  for (const ExpireWord& row : kExpireWords) {
    if (!is_word(args[i], row.word)) continue;
    if (options.has_expire && (options.unit != row.unit || options.is_relative != row.is_relative)) return false;
    options.has_expire = true;
    options.unit = row.unit;
    options.is_relative = row.is_relative;
    options.expire = args[i + 1];
    return true;
  }
  return false;
}

bool take_set_word(std::string_view word, Options& options) {
  if (is_word(word, "NX") && options.condition != Condition::kIfPresent) {
    options.condition = Condition::kIfAbsent;
  } else if (is_word(word, "XX") && options.condition != Condition::kIfAbsent) {
    options.condition = Condition::kIfPresent;
  } else if (is_word(word, "GET")) {
    options.returns_old = true;
  } else if (is_word(word, "KEEPTTL") && !options.has_expire) {
    options.old_deadline = OldDeadline::kKeep;
  } else {
    return false;
  }
  return true;
}

bool take_get_ex_word(std::string_view word, Options& options) {
  if (!is_word(word, "PERSIST") || options.has_expire) return false;
  options.old_deadline = OldDeadline::kRemove;
  return true;
}

std::optional<Options> parse_options(Args args, bool (*take_word)(std::string_view, Options&), ReplySink& sink) {
  Options options;
  for (size_t i = 0; i < args.size(); ++i) {
    if (take_word(args[i], options)) continue;
    if (!take_expire(args, i, options)) {
      sink.error(kSyntaxError);
      return std::nullopt;
    }
    ++i;
  }
  return options;
}

std::optional<Options> parse_set(Args args, ReplySink& sink) {
  return parse_options(args.subspan(2), take_set_word, sink);
}

std::optional<Options> parse_get_ex(Args args, ReplySink& sink) {
  return parse_options(args.subspan(1), take_get_ex_word, sink);
}

std::optional<ExpireArgument> parse_expire(const Options& options, std::string_view command, ReplySink& sink) {
  return positive_expire_argument(options.expire, options.unit, options.is_relative, command, sink);
}

/// The deadline the options ask for; kNoDeadline if none. Errors: written to the sink, then nothing.
std::optional<int64_t> deadline_of(const Options& options, std::string_view command, const WriteContext& c) {
  if (!options.has_expire) return kNoDeadline;
  const std::optional<ExpireArgument> expire = parse_expire(options, command, c.sink);
  if (!expire) return std::nullopt;
  return deadline_of(*expire, c.now_ms, command, c.sink);
}

void reply_value(const Entry* entry, ReplySink& sink) {
  if (entry == nullptr) return sink.nil();
  sink.bulk(entry->value());
}

/// args: key, time, value.
void set_with_expire(WriteContext& c, TimeUnit unit, std::string_view command) {
  const std::optional<ExpireArgument> expire = positive_expire_argument(c.args[1], unit, true, command, c.sink);
  if (!expire) return;
  const std::optional<int64_t> deadline_ms = deadline_of(*expire, c.now_ms, command, c.sink);
  if (!deadline_ms) return;
  c.table.set(c.spot, c.args[0], c.args[2], *deadline_ms, c.version);
  c.sink.ok();
}

}  // namespace

void get(const ReadContext& c) { reply_value(c.entry, c.sink); }

void set(WriteContext& c) {
  if (c.args.size() == 2) {  // no options: by far the most common
    c.table.set(c.spot, c.args[0], c.args[1], kNoDeadline, c.version);
    return c.sink.ok();
  }
  const std::optional<Options> options = parse_set(c.args, c.sink);
  if (!options) return;
  std::optional<int64_t> deadline_ms = deadline_of(*options, "set", c);
  if (!deadline_ms) return;
  const Entry* old = c.spot.entry();
  const bool is_met =
      options->condition == Condition::kAlways || (options->condition == Condition::kIfAbsent) == (old == nullptr);
  if (options->returns_old) reply_value(old, c.sink);
  if (is_met) {
    if (options->old_deadline == OldDeadline::kKeep && old != nullptr) deadline_ms = old->deadline();
    c.table.set(c.spot, c.args[0], c.args[1], *deadline_ms, c.version);
  }
  if (!options->returns_old) is_met ? c.sink.ok() : c.sink.nil();
}

bool check_set(Args args, ReplySink& sink) {
  const std::optional<Options> options = parse_set(args, sink);
  return options && (!options->has_expire || parse_expire(*options, "set", sink));
}

void set_nx(WriteContext& c) {
  if (c.spot.entry() != nullptr) return c.sink.integer(0);
  c.table.set(c.spot, c.args[0], c.args[1], kNoDeadline, c.version);
  c.sink.integer(1);
}

void set_ex(WriteContext& c) { set_with_expire(c, TimeUnit::kSeconds, "setex"); }
void p_set_ex(WriteContext& c) { set_with_expire(c, TimeUnit::kMilliseconds, "psetex"); }

bool check_set_ex(Args args, ReplySink& sink) {
  return positive_expire_argument(args[1], TimeUnit::kSeconds, true, "setex", sink).has_value();
}

bool check_p_set_ex(Args args, ReplySink& sink) {
  return positive_expire_argument(args[1], TimeUnit::kMilliseconds, true, "psetex", sink).has_value();
}

void get_set(WriteContext& c) {
  reply_value(c.spot.entry(), c.sink);
  c.table.set(c.spot, c.args[0], c.args[1], kNoDeadline, c.version);
}

void get_del(WriteContext& c) {
  reply_value(c.spot.entry(), c.sink);
  if (c.spot.entry() != nullptr) c.table.erase(c.spot);
}

void get_ex(WriteContext& c) {
  const std::optional<Options> options = parse_get_ex(c.args, c.sink);
  if (!options) return;
  const Entry* entry = c.spot.entry();
  if (entry == nullptr) return c.sink.nil();
  const std::optional<int64_t> deadline_ms = deadline_of(*options, "getex", c);
  if (!deadline_ms) return;
  c.sink.bulk(entry->value());
  if (options->has_expire && *deadline_ms <= c.now_ms) return c.table.erase(c.spot);
  const bool removes = options->old_deadline == OldDeadline::kRemove && entry->deadline() != kNoDeadline;
  if (options->has_expire || removes) c.table.set_deadline(c.spot, *deadline_ms, c.version);
}

/// Only the options: Redis does not look at the number if the key does not exist.
bool check_get_ex(Args args, ReplySink& sink) { return parse_get_ex(args, sink).has_value(); }

}  // namespace torc::kv
