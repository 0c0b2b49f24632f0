#include "kv/number.h"

#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace torc::kv {

// INCRBYFLOAT is computed by every replica for itself, so all must have the same long double. This one (x87, 64 bits of
// mantissa) is what Redis uses on x86-64. A port to another machine needs the same arithmetic in software.
static_assert(std::numeric_limits<long double>::digits == 64, "replicas must agree on INCRBYFLOAT");

std::optional<int64_t> parse_integer(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const bool is_negative = text[0] == '-';
  const std::string_view digits = text.substr(is_negative ? 1 : 0);
  if (digits.empty()) return std::nullopt;
  if (digits[0] == '0' && (digits.size() > 1 || is_negative)) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

IntegerText::IntegerText(int64_t value) {
  size = static_cast<uint8_t>(std::to_chars(chars, chars + sizeof chars, value).ptr - chars);
}

std::optional<long double> parse_float(std::string_view text) {
  char copy[kFloatCharsMax];
  if (text.empty() || text.size() >= sizeof copy) return std::nullopt;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  if (std::isspace(static_cast<unsigned char>(copy[0])) != 0) return std::nullopt;
  errno = 0;
  char* end = nullptr;
  const long double value = std::strtold(copy, &end);
  if (end != copy + text.size() || std::isnan(value)) return std::nullopt;
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return std::nullopt;
  return value;
}

FloatText::FloatText(long double value) {
  CHECK(std::isfinite(value));
  const int written = std::snprintf(chars, sizeof chars, "%.17Lf", value);
  CHECK(written > 0 && static_cast<size_t>(written) < sizeof chars);
  size = static_cast<size_t>(written);
  while (chars[size - 1] == '0') --size;
  if (chars[size - 1] == '.') --size;
  if (view() == "-0") {
    chars[0] = '0';
    size = 1;
  }
}

}  // namespace torc::kv
