// Deadlines of keys.
#include <algorithm>
#include <optional>
#include <string>

#include "kv/argument.h"
#include "kv/handlers.h"

namespace torc::kv {
namespace {

constexpr int64_t kMsPerSecond = 1000;
constexpr size_t kQuotedBytesMax = 128;  // of a wrong option in an error

struct Conditions {
  bool if_none = false;     // NX
  bool if_any = false;      // XX
  bool if_later = false;    // GT; no deadline counts as infinitely late
  bool if_earlier = false;  // LT

  bool allow(int64_t deadline_ms, int64_t old_deadline_ms) const {
    const bool has_old = old_deadline_ms != kNoDeadline;
    if (if_none && has_old) return false;
    if (if_any && !has_old) return false;
    if (if_later && (!has_old || deadline_ms <= old_deadline_ms)) return false;
    return !(if_earlier && has_old && deadline_ms >= old_deadline_ms);
  }
};

/// Line breaks would end the error in the protocol, so Redis shows them as spaces.
void unsupported_option(std::string_view option, ReplySink& sink) {
  std::string text("ERR Unsupported option ");
  text += option.substr(0, std::min(option.find('\0'), kQuotedBytesMax));
  std::replace(text.begin(), text.end(), '\r', ' ');
  std::replace(text.begin(), text.end(), '\n', ' ');
  sink.error(text);
}

std::optional<Conditions> parse_conditions(Args words, ReplySink& sink) {
  Conditions conditions;
  for (std::string_view word : words) {
    if (is_word(word, "NX")) {
      conditions.if_none = true;
    } else if (is_word(word, "XX")) {
      conditions.if_any = true;
    } else if (is_word(word, "GT")) {
      conditions.if_later = true;
    } else if (is_word(word, "LT")) {
      conditions.if_earlier = true;
    } else {
      unsupported_option(word, sink);
      return std::nullopt;
    }
  }
  if (conditions.if_none && (conditions.if_any || conditions.if_later || conditions.if_earlier)) {
    sink.error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return std::nullopt;
  }
  if (conditions.if_later && conditions.if_earlier) {
    sink.error("ERR GT and LT options at the same time are not compatible");
    return std::nullopt;
  }
  return conditions;
}

struct Form {
  std::string_view command;
  TimeUnit unit;
  bool is_relative;
};

constexpr Form kExpire{"expire", TimeUnit::kSeconds, true};
constexpr Form kPExpire{"pexpire", TimeUnit::kMilliseconds, true};
constexpr Form kExpireAt{"expireat", TimeUnit::kSeconds, false};
constexpr Form kPExpireAt{"pexpireat", TimeUnit::kMilliseconds, false};

struct Request {
  Conditions conditions;
  ExpireArgument expire;
};

/// args: key, time (may be negative), conditions.
std::optional<Request> parse(const Form& form, Args args, ReplySink& sink) {
  const std::optional<Conditions> conditions = parse_conditions(args.subspan(2), sink);
  if (!conditions) return std::nullopt;
  const std::optional<int64_t> time = integer_argument(args[1], sink);
  if (!time) return std::nullopt;
  int64_t ms = *time;
  if (form.unit == TimeUnit::kSeconds && __builtin_mul_overflow(ms, kMsPerSecond, &ms)) {
    invalid_expire_time(form.command, sink);
    return std::nullopt;
  }
  return Request{*conditions, ExpireArgument{ms, form.is_relative}};
}

void apply(const Form& form, WriteContext& c) {
  const std::optional<Request> request = parse(form, c.args, c.sink);
  if (!request) return;
  const std::optional<int64_t> deadline_ms = deadline_of(request->expire, c.now_ms, form.command, c.sink);
  if (!deadline_ms) return;
  const Entry* entry = c.spot.entry();
  if (entry == nullptr || !request->conditions.allow(*deadline_ms, entry->deadline())) return c.sink.integer(0);
  if (*deadline_ms <= c.now_ms) {
    c.table.erase(c.spot);
  } else {
    c.table.set_deadline(c.spot, *deadline_ms, c.version);
  }
  c.sink.integer(1);
}

/// Milliseconds to seconds, to the nearest, as Redis reports them.
int64_t rounded_seconds(int64_t ms) { return (ms + kMsPerSecond / 2) / kMsPerSecond; }

/// -2: no such key; -1: no deadline.
void reply_deadline(const ReadContext& c, TimeUnit unit, bool is_relative) {
  if (c.entry == nullptr) return c.sink.integer(-2);
  int64_t ms = c.entry->deadline();
  if (ms == kNoDeadline) return c.sink.integer(-1);
  if (is_relative) ms -= c.now_ms;
  c.sink.integer(unit == TimeUnit::kSeconds ? rounded_seconds(ms) : ms);
}

}  // namespace

void expire(WriteContext& c) { apply(kExpire, c); }
void p_expire(WriteContext& c) { apply(kPExpire, c); }
void expire_at(WriteContext& c) { apply(kExpireAt, c); }
void p_expire_at(WriteContext& c) { apply(kPExpireAt, c); }

bool check_expire(Args args, ReplySink& sink) { return parse(kExpire, args, sink).has_value(); }
bool check_p_expire(Args args, ReplySink& sink) { return parse(kPExpire, args, sink).has_value(); }
bool check_expire_at(Args args, ReplySink& sink) { return parse(kExpireAt, args, sink).has_value(); }
bool check_p_expire_at(Args args, ReplySink& sink) { return parse(kPExpireAt, args, sink).has_value(); }

void ttl(const ReadContext& c) { reply_deadline(c, TimeUnit::kSeconds, true); }
void p_ttl(const ReadContext& c) { reply_deadline(c, TimeUnit::kMilliseconds, true); }
void expire_time(const ReadContext& c) { reply_deadline(c, TimeUnit::kSeconds, false); }
void p_expire_time(const ReadContext& c) { reply_deadline(c, TimeUnit::kMilliseconds, false); }

void persist(WriteContext& c) {
  const Entry* entry = c.spot.entry();
  if (entry == nullptr || entry->deadline() == kNoDeadline) return c.sink.integer(0);
  c.table.set_deadline(c.spot, kNoDeadline, c.version);
  c.sink.integer(1);
}

}  // namespace torc::kv
