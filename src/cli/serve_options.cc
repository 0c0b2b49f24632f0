#include "cli/serve_options.h"

#include <charconv>

#include "wire/peer_message.h"

namespace torc::cli {
namespace {

Error invalid(std::string message) { return Error{ErrorCode::kInvalid, std::move(message)}; }

}  // namespace

Result<std::map<NodeId, client::Endpoint>> parse_initial_cluster(std::string_view text) {
  std::map<NodeId, client::Endpoint> cluster;
  for (;;) {
    const size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const size_t equals = part.find('=');
    uint64_t id = 0;
    const char* const id_end = part.data() + (equals == std::string_view::npos ? 0 : equals);
    const auto [parsed_end, error] = std::from_chars(part.data(), id_end, id);
    if (equals == std::string_view::npos || error != std::errc() || parsed_end != id_end || id == 0) {
      return invalid("\"" + std::string(part) + "\" is not a node: write id=host:port, as in 1=127.0.0.1:17001");
    }
    Result<client::Endpoint> endpoint = client::parse_endpoint(part.substr(equals + 1));
    if (!endpoint.ok()) return endpoint.error();
    for (const auto& [other_id, other] : cluster) {
      if (other == *endpoint) {
        return invalid("nodes " + std::to_string(other_id.value) + " and " + std::to_string(id) + " are both at " +
                       other.text());
      }
    }
    if (!cluster.emplace(NodeId(id), std::move(endpoint).value()).second) {
      return invalid("node " + std::to_string(id) + " is listed twice");
    }
    if (cluster.size() > kClusterNodesMax) {
      return invalid("more than " + std::to_string(kClusterNodesMax) + " nodes are listed");
    }
    if (comma == std::string_view::npos) return cluster;
    text.remove_prefix(comma + 1);
  }
}

Status validate(const ServeOptions& options) {
  if (!options.initial_cluster.contains(options.id)) {
    return invalid("--id " + std::to_string(options.id.value) +
                   " is not among the nodes of --initial-cluster; list every node, this one included");
  }
  if (options.election_timeout < kElectionPerHeartbeatMin * options.heartbeat) {
    return invalid("--election-timeout-ms must be at least " + std::to_string(kElectionPerHeartbeatMin) +
                   " times --heartbeat-ms, or a single late heartbeat costs an election");
  }
  if (options.listen.text().size() > wire::kAddressBytesMax) {
    return invalid("--listen is longer than " + std::to_string(wire::kAddressBytesMax) +
                   " bytes; it is told to every other node");
  }
  if (options.listen == options.peer_listen) {
    return invalid("--listen and --peer-listen are the same address, " + options.listen.text() +
                   "; clients and nodes need one each");
  }
  return {};
}

}  // namespace torc::cli
