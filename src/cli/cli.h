// The `torc` program, except for what needs the server's own parts, which apps/ passes in.
#pragma once

#include <functional>

#include "cli/serve_options.h"

namespace torc::cli {

/// Runs one node until it is told to stop; returns the exit status.
using ServeFunction = std::function<int(const ServeOptions&)>;

struct SalvageOptions;
/// Reads what is left of data directories; returns the exit status.
using SalvageFunction = std::function<int(const SalvageOptions&)>;

/// Reads the command line, does what it says, returns the exit status (cli/exit_code.h).
int run(int argc, const char* const* argv, const ServeFunction& serve, const SalvageFunction& salvage);

}  // namespace torc::cli
