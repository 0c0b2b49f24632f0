// What the playground shows, and the command lines it gives its nodes.
#include "cli/memory_size.h"
#include "cli/playground.h"
#include "cli/text_table.h"

namespace torc::cli {
namespace {

constexpr const char* kHost = "127.0.0.1";

std::string role_of(const PlaygroundNode& node) {
  if (!node.ending.empty()) return "ended (" + node.ending + ")";
  if (!node.report.is_up) return "no answer";
  return node.report.explanation.empty() ? node.report.role : "takes no part";
}

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

}  // namespace

std::string default_directory(size_t nodes, uint32_t arcs, const std::string& state_home, const std::string& home) {
  const std::string base = !state_home.empty() ? state_home : !home.empty() ? home + "/.local/state" : "/tmp";
  const std::string cut = arcs == 1 ? "" : "-arcs-" + std::to_string(arcs);
  return base + "/torc/playground-" + std::to_string(nodes) + cut;
}

client::Endpoint client_endpoint(const PlaygroundOptions& options, size_t node) {
  return {kHost, static_cast<uint16_t>(options.base_port + node - 1)};
}

client::Endpoint cluster_endpoint(const PlaygroundOptions& options, size_t node) {
  return {kHost, static_cast<uint16_t>(options.base_port + node - 1 + kClusterPortOffset)};
}

client::Endpoint peer_endpoint(const PlaygroundOptions& options, size_t node) {
  return {kHost, static_cast<uint16_t>(options.base_port + node - 1 + kPeerPortOffset)};
}

std::vector<std::string> serve_arguments(const PlaygroundOptions& options, size_t node) {
  std::string cluster;
  for (size_t other = 1; other <= options.nodes; ++other) {
    cluster += (other > 1 ? "," : "") + std::to_string(other) + "=" + peer_endpoint(options, other).text();
  }
  return {"serve",
          "--id",
          std::to_string(node),
          "--data",
          options.directory + "/node-" + std::to_string(node),
          "--listen",
          client_endpoint(options, node).text(),
          "--cluster-listen",
          cluster_endpoint(options, node).text(),
          "--arcs",
          std::to_string(options.arcs),
          "--peer-listen",
          peer_endpoint(options, node).text(),
          "--initial-cluster",
          cluster,
          "--max-memory",  // its nodes share one machine
          std::to_string(memory_available() / 100 * kMaxMemoryPercent / options.nodes)};
}

std::string format_nodes(const std::vector<PlaygroundNode>& nodes) {
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const PlaygroundNode& node = nodes[i];
    rows.push_back({std::to_string(i + 1), node.address.text(), node.ending.empty() ? node.pid : "-", role_of(node),
                    or_dash(node.report.term), or_dash(node.report.commit_index)});
  }
  return format_table({{"id", true}, {"address"}, {"pid", true}, {"role"}, {"term", true}, {"commit", true}}, rows);
}

std::string outline(const std::vector<PlaygroundNode>& nodes) {
  std::string text;
  for (const PlaygroundNode& node : nodes) text += role_of(node) + "\n";
  return text;
}

}  // namespace torc::cli
