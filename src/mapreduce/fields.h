// The values of a job's keys: lines "name value", readable in redis-cli, parsed without trust.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace torc::mapreduce {

/// Appends one line. Line ends and backslashes in the value are escaped (\n, \r, \\). Requires: `name` is one word.
void put_field(std::string& out, std::string_view name, std::string_view value);
void put_field(std::string& out, std::string_view name, uint64_t value);

/// Words of a value; no word holds a space. put_field() of joined words can be taken apart again.
std::vector<std::string_view> words_of(std::string_view value);

/// Decimal digits only, no sign, no space, in range.
std::optional<uint64_t> parse_number(std::string_view text);
/// Exactly `digits` lower-case hexadecimal digits.
std::optional<uint64_t> parse_hex(std::string_view text, size_t digits);
std::string to_hex(uint64_t value, size_t digits);

/// The lines of a value, by name, in their order.
class Fields {
 public:
  /// Errors: kCorrupt: a line without a name, a broken escape, no line end at the end.
  static Result<Fields> parse(std::string_view text);

  /// Empty if there is none.
  std::string_view text(std::string_view name) const;
  /// Errors: kCorrupt if absent or not a number.
  Result<uint64_t> number(std::string_view name) const;
  uint64_t number_or(std::string_view name, uint64_t otherwise) const;
  const std::vector<std::string>& all(std::string_view name) const;

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> by_name_;
};

using Counters = std::map<std::string, uint64_t>;

void put_counters(std::string& out, const Counters& counters);
/// Errors: kCorrupt.
Result<Counters> parse_counters(const Fields& fields);

}  // namespace torc::mapreduce
