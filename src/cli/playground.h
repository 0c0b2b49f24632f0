// `torc playground`: a cluster of real processes on this machine, watched until Ctrl-C.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/node_report.h"
#include "client/endpoint.h"

namespace torc::cli {

/// Where a playground keeps its nodes if nobody says otherwise: by number of nodes, because a data directory belongs to
/// the cluster it was born in, and of arcs. `state_home` and `home`: $XDG_STATE_HOME and $HOME, may be empty.
std::string default_directory(size_t nodes, uint32_t arcs, const std::string& state_home, const std::string& home);

/// The options of `torc serve` for one node, 1-based.
std::vector<std::string> serve_arguments(const PlaygroundOptions& options, size_t node);
client::Endpoint client_endpoint(const PlaygroundOptions& options, size_t node);
client::Endpoint cluster_endpoint(const PlaygroundOptions& options, size_t node);
client::Endpoint peer_endpoint(const PlaygroundOptions& options, size_t node);

/// One line of the table.
struct PlaygroundNode {
  client::Endpoint address;
  std::string pid;
  std::string ending;  // how the process ended; empty: it runs
  NodeReport report;
};
std::string format_nodes(const std::vector<PlaygroundNode>& nodes);
/// Roles and liveness only: what a log that is not a terminal should tell again when it changes.
std::string outline(const std::vector<PlaygroundNode>& nodes);

/// Runs until SIGINT or SIGTERM, or until every node has ended.
ExitCode run_playground(const PlaygroundOptions& options);

}  // namespace torc::cli
