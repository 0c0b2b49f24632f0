// `torc cluster arcs` and `torc cluster nodes`: the slots and who serves them, as one node tells it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command_line.h"

namespace torc::cli {

/// A line of INFO groups.
struct ArcReport {
  std::string slots, group, role, leader, term, commit_index, keys;  // as the node has them; leader 0: unknown
};

/// A line of CLUSTER NODES.
struct MemberReport {
  std::string number;   // of the node, from its id
  std::string address;  // host:port
  bool is_asked = false;
  bool is_connected = false;
  std::vector<std::string> slots;
  uint32_t slot_count = 0;
};

std::vector<ArcReport> read_arcs(std::string_view info);
std::vector<MemberReport> read_members(std::string_view nodes);
std::string format_arcs(const std::vector<ArcReport>& arcs, bool as_json);
std::string format_members(const std::vector<MemberReport>& members, bool as_json);

ExitCode run_cluster(const ClusterOptions& options);

}  // namespace torc::cli
