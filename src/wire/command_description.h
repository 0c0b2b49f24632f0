// What COMMAND tells clients about the rows of the command table.
#pragma once

#include <span>
#include <string_view>

#include "wire/resp_encoder.h"

namespace torc::wire {

/// Answers COMMAND [COUNT | LIST | INFO [name ...] | DOCS [name ...] | GETKEYS command [arg ...] | HELP], errors
/// included. `args` without the name COMMAND.
void describe_commands(std::span<const std::string_view> args, RespEncoder& out);

/// The answer to `<command> HELP`; one line per subcommand.
void write_help(std::string_view command, std::span<const std::string_view> lines, RespEncoder& out);

}  // namespace torc::wire
