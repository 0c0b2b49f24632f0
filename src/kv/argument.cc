#include "kv/argument.h"

#include <string>

#include "kv/number.h"

namespace torc::kv {
namespace {

constexpr int64_t kMsPerSecond = 1000;

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string lower_case(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace

bool is_word(std::string_view argument, std::string_view word) {
  if (argument.size() != word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if (upper(argument[i]) != word[i]) return false;
  }
  return true;
}

std::optional<int64_t> integer_argument(std::string_view argument, ReplySink& sink) {
  const std::optional<int64_t> value = parse_integer(argument);
  if (!value) sink.error(kNotAnInteger);
  return value;
}

void wrong_argument_count(std::string_view command, ReplySink& sink) {
  sink.error("ERR wrong number of arguments for '" + lower_case(command) + "' command");
}

void invalid_expire_time(std::string_view command, ReplySink& sink) {
  sink.error("ERR invalid expire time in '" + lower_case(command) + "' command");
}

std::optional<ExpireArgument> positive_expire_argument(std::string_view argument, TimeUnit unit, bool is_relative,
                                                       std::string_view command, ReplySink& sink) {
  const std::optional<int64_t> value = integer_argument(argument, sink);
  if (!value) return std::nullopt;
  if (*value <= 0 || (unit == TimeUnit::kSeconds && *value > INT64_MAX / kMsPerSecond)) {
    invalid_expire_time(command, sink);
    return std::nullopt;
  }
  return ExpireArgument{unit == TimeUnit::kSeconds ? *value * kMsPerSecond : *value, is_relative};
}

std::optional<int64_t> deadline_of(const ExpireArgument& expire, int64_t now_ms, std::string_view command,
                                   ReplySink& sink) {
  int64_t deadline_ms = expire.ms;
  if (expire.is_relative && __builtin_add_overflow(expire.ms, now_ms, &deadline_ms)) {
    invalid_expire_time(command, sink);
    return std::nullopt;
  }
  return deadline_ms;
}

}  // namespace torc::kv
