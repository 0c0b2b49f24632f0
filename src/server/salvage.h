// `torc salvage`: what can still be read of data directories that no cluster can be started from any more.
#pragma once

#include "cli/command_line.h"

namespace torc::server {

/// Reads the directories, of nodes that do not run, and changes nothing in them but the lock. Writes the keys as RESP
/// commands, and to standard output what is missing. The exit status: kExitOk if nothing is, kExitNegative if something
/// is.
int run_salvage(const cli::SalvageOptions& options);

}  // namespace torc::server
