#include "cli/serve_options.h"

#include <bit>
#include <charconv>

#include "wire/peer_message.h"

namespace torc::cli {
namespace {

Error invalid(std::string message) { return Error{ErrorCode::kInvalid, std::move(message)}; }

/// Stands for every address of the machine.
bool is_wildcard(const client::Endpoint& endpoint) {
  return endpoint.host == "0.0.0.0" || endpoint.host == "::" || endpoint.host == "*";
}

client::Endpoint dialable(const client::Endpoint& listen, const ServeOptions& options) {
  const auto own = options.initial_cluster.find(options.id);
  if (!is_wildcard(listen) || own == options.initial_cluster.end()) return listen;
  return {own->second.host, listen.port};
}

Status validate_announced(const std::optional<client::Endpoint>& endpoint, const std::string& option) {
  if (!endpoint) return {};
  if (is_wildcard(*endpoint)) {
    return invalid(option + " " + endpoint->text() + " is no address that anybody could connect to");
  }
  if (endpoint->text().size() <= wire::kAddressBytesMax) return {};
  return invalid(option + " is longer than " + std::to_string(wire::kAddressBytesMax) +
                 " bytes; it is told to every other node");
}

Status validate_cluster_door(const ServeOptions& options) {
  if (options.cluster_announce && !options.cluster_listen) {
    return invalid("--cluster-announce without --cluster-listen: there is no cluster door to announce");
  }
  if (!options.cluster_listen) return {};
  for (const auto& [other, option] : {std::pair{options.listen, "--listen"}, {options.peer_listen, "--peer-listen"}}) {
    if (*options.cluster_listen != other) continue;
    return invalid(std::string(option) + " and --cluster-listen are the same address, " + other.text() +
                   "; each door needs one of its own");
  }
  return validate_announced(announced_cluster_listen(options), "--cluster-listen");
}

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

client::Endpoint announced_listen(const ServeOptions& options) {
  return options.announce ? *options.announce : dialable(options.listen, options);
}

std::optional<client::Endpoint> announced_cluster_listen(const ServeOptions& options) {
  if (!options.cluster_listen) return std::nullopt;
  return options.cluster_announce ? *options.cluster_announce : dialable(*options.cluster_listen, options);
}

Result<uint32_t> parse_arcs(std::string_view text) {
  uint32_t arcs = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), arcs);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (is_number && std::has_single_bit(arcs) && arcs <= kArcsMax) return arcs;
  return invalid("\"" + std::string(text) + "\" is not a power of two from 1 to " + std::to_string(kArcsMax));
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
  if (Status announced = validate_announced(options.announce, "--announce"); !announced.ok()) return announced;
  if (Status announced = validate_announced(options.cluster_announce, "--cluster-announce"); !announced.ok()) {
    return announced;
  }
  return validate_cluster_door(options);
}

}  // namespace torc::cli
