// One running node: the loop, the disk, the peers, the clients' port, and the node between them.
#pragma once

#include "cli/serve_options.h"

namespace torc::server {

/// Runs a node until SIGINT or SIGTERM (leadership is handed over first), or until it can no longer be trusted.
/// Returns the exit status (cli/exit_code.h). Writes its log to standard error.
int run_server(const cli::ServeOptions& options);

}  // namespace torc::server
