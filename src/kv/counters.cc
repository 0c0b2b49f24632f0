// INCR and its relatives. A counter is its text, as in Redis' protocol; parsing it costs less than another type would.
#include <cmath>
#include <optional>

#include "kv/argument.h"
#include "kv/handlers.h"
#include "kv/number.h"

namespace torc::kv {
namespace {

void add(WriteContext& c, int64_t amount) {
  const Entry* entry = c.spot.entry();
  int64_t value = 0;
  if (entry != nullptr) {
    const std::optional<int64_t> old = integer_argument(entry->value(), c.sink);
    if (!old) return;
    value = *old;
  }
  if (__builtin_add_overflow(value, amount, &value)) {
    return c.sink.error("ERR increment or decrement would overflow");
  }
  const int64_t deadline_ms = entry != nullptr ? entry->deadline() : kNoDeadline;
  c.table.set(c.spot, c.args[0], IntegerText(value).view(), deadline_ms, c.version);
  c.sink.integer(value);
}

/// What DECRBY adds.
std::optional<int64_t> parse_decrement(Args args, ReplySink& sink) {
  const std::optional<int64_t> amount = integer_argument(args[1], sink);
  if (!amount) return std::nullopt;
  if (*amount == INT64_MIN) {
    sink.error("ERR decrement would overflow");
    return std::nullopt;
  }
  return -*amount;
}

std::optional<long double> float_argument(std::string_view argument, ReplySink& sink) {
  const std::optional<long double> value = parse_float(argument);
  if (!value) sink.error(kNotAFloat);
  return value;
}

}  // namespace

void incr(WriteContext& c) { add(c, 1); }
void decr(WriteContext& c) { add(c, -1); }

void incr_by(WriteContext& c) {
  const std::optional<int64_t> amount = integer_argument(c.args[1], c.sink);
  if (amount) add(c, *amount);
}

bool check_incr_by(Args args, ReplySink& sink) { return integer_argument(args[1], sink).has_value(); }

void decr_by(WriteContext& c) {
  const std::optional<int64_t> amount = parse_decrement(c.args, c.sink);
  if (amount) add(c, *amount);
}

bool check_decr_by(Args args, ReplySink& sink) { return parse_decrement(args, sink).has_value(); }

void incr_by_float(WriteContext& c) {
  const std::optional<long double> amount = float_argument(c.args[1], c.sink);
  if (!amount) return;
  const Entry* entry = c.spot.entry();
  long double value = 0;
  if (entry != nullptr) {
    const std::optional<long double> old = float_argument(entry->value(), c.sink);
    if (!old) return;
    value = *old;
  }
  value += *amount;
  if (!std::isfinite(value)) return c.sink.error("ERR increment would produce NaN or Infinity");
  const FloatText text(value);
  const int64_t deadline_ms = entry != nullptr ? entry->deadline() : kNoDeadline;
  c.table.set(c.spot, c.args[0], text.view(), deadline_ms, c.version);
  c.sink.bulk(text.view());
}

bool check_incr_by_float(Args args, ReplySink& sink) { return float_argument(args[1], sink).has_value(); }

}  // namespace torc::kv
