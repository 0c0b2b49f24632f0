// Arguments and errors that several families of commands share, with Redis's texts.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "kv/limits.h"
#include "kv/reply_sink.h"

namespace torc::kv {

constexpr std::string_view kSyntaxError = "ERR syntax error";
constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";
constexpr std::string_view kNotAFloat = "ERR value is not a valid float";
constexpr std::string_view kValueTooLong = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

constexpr std::string_view kReplyTooLong =
    "ERR the answer would be larger than 50331648 bytes, ask for fewer keys at a time";
static_assert(kReplyBytesMax == 50'331'648);

/// Whether `argument` is this word, in any case. Requires: `word` is upper case ASCII.
bool is_word(std::string_view argument, std::string_view word);
/// The integer, or nothing after writing kNotAnInteger.
std::optional<int64_t> integer_argument(std::string_view argument, ReplySink& sink);
/// `command` in any case.
void wrong_argument_count(std::string_view command, ReplySink& sink);
void invalid_expire_time(std::string_view command, ReplySink& sink);

enum class TimeUnit { kSeconds, kMilliseconds };

/// A time to live or a deadline as written in a command.
struct ExpireArgument {
  int64_t ms = 0;
  bool is_relative = false;
};

/// Reads an argument that must be positive. Errors: written to `sink`, then nothing.
std::optional<ExpireArgument> positive_expire_argument(std::string_view argument, TimeUnit unit, bool is_relative,
                                                       std::string_view command, ReplySink& sink);
/// The deadline, or nothing after writing the error (overflow).
std::optional<int64_t> deadline_of(const ExpireArgument& expire, int64_t now_ms, std::string_view command,
                                   ReplySink& sink);

}  // namespace torc::kv
