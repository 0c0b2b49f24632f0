// APPEND, STRLEN, GETRANGE, SETRANGE: parts of values.
#include <algorithm>
#include <cstring>
#include <optional>

#include "kv/argument.h"
#include "kv/handlers.h"

namespace torc::kv {
namespace {

std::optional<int64_t> parse_offset(Args args, ReplySink& sink) {
  const std::optional<int64_t> offset = integer_argument(args[1], sink);
  if (offset && *offset < 0) {
    sink.error("ERR offset is out of range");
    return std::nullopt;
  }
  return offset;
}

}  // namespace

void append(WriteContext& c) {
  const std::string_view tail = c.args[1];
  const Entry* entry = c.spot.entry();
  if (entry == nullptr) {
    c.table.set(c.spot, c.args[0], tail, kNoDeadline, c.version);
    return c.sink.integer(static_cast<int64_t>(tail.size()));
  }
  const size_t old_bytes = entry->value_bytes;
  if (tail.size() > kValueBytesMax - old_bytes) return c.sink.error(kValueTooLong);
  char* value =
      c.table.reshape(c.spot, c.args[0], old_bytes + tail.size(), entry->deadline(), Growth::kAmortised, c.version);
  if (!tail.empty()) std::memcpy(value + old_bytes, tail.data(), tail.size());
  c.sink.integer(static_cast<int64_t>(old_bytes + tail.size()));
}

void str_len(const ReadContext& c) { c.sink.integer(c.entry != nullptr ? c.entry->value_bytes : 0); }

void get_range(const ReadContext& c) {
  const std::optional<int64_t> first_argument = integer_argument(c.args[1], c.sink);
  if (!first_argument) return;
  const std::optional<int64_t> last_argument = integer_argument(c.args[2], c.sink);
  if (!last_argument) return;
  int64_t first = *first_argument;
  int64_t last = *last_argument;
  const std::string_view value = c.entry != nullptr ? c.entry->value() : std::string_view();
  const auto size = static_cast<int64_t>(value.size());
  if (size == 0 || (first < 0 && last < 0 && first > last)) return c.sink.bulk({});
  first = std::max<int64_t>(first < 0 ? size + first : first, 0);
  last = std::min(std::max<int64_t>(last < 0 ? size + last : last, 0), size - 1);
  if (first > last) return c.sink.bulk({});
  c.sink.bulk(value.substr(static_cast<size_t>(first), static_cast<size_t>(last - first + 1)));
}

bool check_get_range(Args args, ReplySink& sink) {
  return integer_argument(args[1], sink) && integer_argument(args[2], sink);
}

void set_range(WriteContext& c) {
  const std::optional<int64_t> offset = parse_offset(c.args, c.sink);
  if (!offset) return;
  const std::string_view patch = c.args[2];
  const Entry* entry = c.spot.entry();
  const size_t old_bytes = entry != nullptr ? entry->value_bytes : 0;
  if (patch.empty()) return c.sink.integer(static_cast<int64_t>(old_bytes));
  const auto begin = static_cast<uint64_t>(*offset);
  if (begin > kValueBytesMax - patch.size()) return c.sink.error(kValueTooLong);
  const size_t new_bytes = std::max<size_t>(old_bytes, begin + patch.size());
  const int64_t deadline_ms = entry != nullptr ? entry->deadline() : kNoDeadline;
  char* value = c.table.reshape(c.spot, c.args[0], new_bytes, deadline_ms, Growth::kAmortised, c.version);
  if (begin > old_bytes) std::memset(value + old_bytes, 0, begin - old_bytes);
  std::memcpy(value + begin, patch.data(), patch.size());
  c.sink.integer(static_cast<int64_t>(new_bytes));
}

bool check_set_range(Args args, ReplySink& sink) { return parse_offset(args, sink).has_value(); }

}  // namespace torc::kv
