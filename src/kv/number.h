// Numbers as text, read and written exactly as Redis 7.0 does.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace torc::kv {

/// A decimal int64 without spaces, plus sign or leading zeros ("-0" is not one). Source: Redis string2ll.
std::optional<int64_t> parse_integer(std::string_view text);

/// Text of a number, kept in place.
struct IntegerText {
  explicit IntegerText(int64_t value);
  std::string_view view() const { return {chars, size}; }
  char chars[20];
  uint8_t size;
};

/// A finite or infinite number in any notation of strtold. Source: Redis string2ld.
std::optional<long double> parse_float(std::string_view text);

constexpr size_t kFloatCharsMax = 5 * 1024;  // Redis MAX_LONG_DOUBLE_CHARS

/// 17 decimals, trailing zeros removed. Source: Redis ld2string, LD_STR_HUMAN.
struct FloatText {
  explicit FloatText(long double value);
  std::string_view view() const { return {chars, size}; }
  char chars[kFloatCharsMax];
  size_t size;
};

}  // namespace torc::kv
