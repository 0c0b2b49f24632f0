#include "cli/node_report.h"

#include <cstdlib>

#include "client/resp_connection.h"

namespace torc::cli {

std::string_view attribute(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    if (part.size() > name.size() && part.starts_with(name) && part[name.size()] == '=') {
      return part.substr(name.size() + 1);
    }
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return {};
}

std::map<std::string, std::string> parse_info(std::string_view text) {
  std::map<std::string, std::string> fields;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const size_t colon = line.find(':');
    if (line.starts_with('#') || colon == std::string_view::npos) continue;
    fields.emplace(line.substr(0, colon), line.substr(colon + 1));
  }
  return fields;
}

NodeReport read_report(const client::Endpoint& address, std::string_view info) {
  const std::map<std::string, std::string> fields = parse_info(info);
  const auto field = [&](const char* name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
  };
  const auto number = [](const std::string& digits) -> size_t { return std::strtoull(digits.c_str(), nullptr, 10); };
  NodeReport report;
  report.address = address;
  report.is_up = true;
  report.id = field("raft_node_id");
  report.pid = field("process_id");
  report.role = field("raft_role");
  report.term = field("raft_term");
  report.commit_index = field("raft_commit_index");
  report.applied_index = field("raft_applied_index");
  report.leader_address = field("raft_leader_address");
  report.arcs = number(field("raft_groups"));
  report.arcs_led = number(field("raft_groups_led"));
  report.arcs_leaderless = number(field("raft_groups_leaderless"));
  report.explanation = field("raft_explanation");
  report.damaged_folders = field("damaged_folders");
  report.damaged_folders_bytes = field("damaged_folders_bytes");
  for (const auto& [name, value] : fields) {
    if (name.starts_with("raft_trouble_with_peer") || name.starts_with("raft_warning"))
      report.troubles.push_back(value);
    if (!name.starts_with("raft_peer")) continue;
    const auto peer = client::parse_endpoint(attribute(value, "address"));
    if (peer.ok()) report.peers.push_back(*peer);
  }
  return report;
}

NodeReport ask_node(const client::Endpoint& address, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  NodeReport report;
  report.address = address;
  auto connection = client::RespConnection::connect(address, deadline);
  if (!connection.ok()) {
    report.trouble = connection.error().message;
    return report;
  }
  const std::string_view request[] = {"INFO"};
  const auto reply = connection->call(request, deadline);
  if (!reply.ok()) {
    report.trouble = address.text() + ": " + reply.error().message;
  } else if (reply->is_error()) {
    report.trouble = address.text() + ": " + reply->text;
  } else {
    report = read_report(address, reply->text);
  }
  return report;
}

}  // namespace torc::cli
