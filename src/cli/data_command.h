// `torc get`, `torc set` and the others: one command, its answer, an exit status.
#pragma once

#include <string>

#include "cli/command_line.h"
#include "client/client.h"

namespace torc::cli {

/// What standard output gets: the bare value, as redis-cli prints it into a pipe. Ends in a newline.
std::string format_reply(const wire::RespValue& reply);
/// What standard error gets when there is no reply.
std::string format_trouble(const client::Answer& answer);
ExitCode run_data_command(const DataOptions& options);

}  // namespace torc::cli
