// `torc status`: the nodes of a cluster as a table.
#pragma once

#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/node_report.h"

namespace torc::cli {

/// Asks the given nodes, and those they name as peers. Sorted by id, then address.
std::vector<NodeReport> ask_cluster(const StatusOptions& options);
/// The table, and a line for everything a person should know.
std::string format_status(const std::vector<NodeReport>& reports);
ExitCode run_status(const StatusOptions& options);

}  // namespace torc::cli
