// Decimal integers as RESP writes them.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace torc::wire {

constexpr size_t kIntegerDigitsMax = 20;  // "-9223372036854775808"

/// The whole of `text` as a canonical decimal integer: no sign but '-', no leading zeros, no spaces (Redis's
/// string2ll).
inline std::optional<int64_t> parse_integer(std::string_view text) {
  if (text.empty() || text.size() > kIntegerDigitsMax) return std::nullopt;
  const size_t first_digit = text[0] == '-' ? 1 : 0;
  if (text.size() == first_digit) return std::nullopt;
  if (text[first_digit] == '0' && text.size() > 1) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Appends `<type><value>\r\n`, the head of most elements.
inline void append_head(std::string& out, char type, int64_t value) {
  char head[kIntegerDigitsMax + 3];
  head[0] = type;
  char* end = std::to_chars(head + 1, head + 1 + kIntegerDigitsMax, value).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out.append(head, static_cast<size_t>(end - head));
}

}  // namespace torc::wire
