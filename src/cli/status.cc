#include "cli/status.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "cli/text_table.h"

namespace torc::cli {
namespace {

constexpr size_t kNodesAskedMax = 64;  // whatever peers a node may name

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

bool has_leader(const std::vector<NodeReport>& reports) {
  return std::any_of(reports.begin(), reports.end(), [](const NodeReport& report) { return report.is_leader(); });
}

/// How many of the arcs it holds the node leads.
std::string leads(const NodeReport& report) {
  if (report.arcs == 0) return "-";
  return std::to_string(report.arcs_led) + "/" + std::to_string(report.arcs);
}

size_t arcs_without_leader(const std::vector<NodeReport>& reports) {
  size_t arcs = 0;
  size_t led = 0;
  for (const NodeReport& report : reports) {
    arcs = std::max(arcs, report.arcs);
    led += report.arcs_led;
  }
  return arcs - std::min(arcs, led);
}

}  // namespace

std::vector<NodeReport> ask_cluster(const StatusOptions& options) {
  std::vector<client::Endpoint> addresses = options.nodes;
  std::vector<NodeReport> reports;
  for (size_t i = 0; i < addresses.size() && i < kNodesAskedMax; ++i) {
    reports.push_back(ask_node(addresses[i], options.timeout));
    for (const client::Endpoint& peer : reports.back().peers) {
      if (std::find(addresses.begin(), addresses.end(), peer) == addresses.end()) addresses.push_back(peer);
    }
  }
  std::sort(reports.begin(), reports.end(), [](const NodeReport& a, const NodeReport& b) {
    const auto key = [](const NodeReport& report) {
      return std::make_tuple(report.id.empty(), report.id.size(), report.id, report.address.text());
    };
    return key(a) < key(b);
  });
  return reports;
}

std::string format_status(const std::vector<NodeReport>& reports) {
  std::vector<std::vector<std::string>> rows;
  std::string notes;
  for (const NodeReport& report : reports) {
    rows.push_back({or_dash(report.id), report.address.text(), or_dash(report.pid),
                    report.is_up ? or_dash(report.role) : "down", leads(report), or_dash(report.term),
                    or_dash(report.commit_index), or_dash(report.applied_index)});
    if (!report.is_up) notes += report.trouble + "\n";
    if (!report.damaged_folders.empty() && report.damaged_folders != "0") {
      notes += "node " + or_dash(report.id) + ": keeps damaged data in " + report.damaged_folders +
               " damaged-* folders of its data directory (" + report.damaged_folders_bytes +
               " bytes); remove them when they have been looked at\n";
    }
    if (!report.explanation.empty()) notes += "node " + or_dash(report.id) + ": " + report.explanation + "\n";
    for (const std::string& trouble : report.troubles) notes += "node " + or_dash(report.id) + ": " + trouble + "\n";
  }
  const std::vector<Column> columns = {{"id", true},    {"address"},    {"pid", true},    {"role"},
                                       {"leads", true}, {"term", true}, {"commit", true}, {"applied", true}};
  std::string text = format_table(columns, rows);
  if (!notes.empty()) text += "\n" + notes;
  if (const size_t leaderless = arcs_without_leader(reports); has_leader(reports) && leaderless > 0) {
    text += "\n" + std::to_string(leaderless) + " arcs are led by none of the nodes that answered.\n";
  }
  if (!has_leader(reports))
    text += "\nNo leader answered: writes and reads wait until a majority of the nodes is up.\n";
  return text;
}

ExitCode run_status(const StatusOptions& options) {
  const std::vector<NodeReport> reports = ask_cluster(options);
  const bool is_anyone_up =
      std::any_of(reports.begin(), reports.end(), [](const NodeReport& report) { return report.is_up; });
  if (!is_anyone_up) {
    for (const NodeReport& report : reports) std::fprintf(stderr, "torc: %s\n", report.trouble.c_str());
    std::fputs("torc: no node answers. Start a cluster with `torc playground`, or name one with --node host:port.\n",
               stderr);
    return kExitUnreachable;
  }
  std::fputs(format_status(reports).c_str(), stdout);
  return has_leader(reports) ? kExitOk : kExitUnreachable;
}

}  // namespace torc::cli
