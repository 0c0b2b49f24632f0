// What a node says about itself: its INFO, read.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "client/endpoint.h"

namespace torc::cli {

/// The value of `name` in id=2,address=127.0.0.1:7002,connected=1; empty if it is not there.
std::string_view attribute(std::string_view text, std::string_view name);

struct NodeReport {
  client::Endpoint address;
  bool is_up = false;
  std::string trouble;                                                           // why it is not up
  std::string id, pid, role, term, commit_index, applied_index, leader_address;  // as INFO has them; empty: not said
  std::string explanation;                                                       // why the node takes no part, if so
  std::vector<std::string> troubles;                   // why there is no connection to peers, and warnings
  std::string damaged_folders, damaged_folders_bytes;  // damaged data it has set aside
  std::vector<client::Endpoint> peers;                 // where the other nodes serve clients, as far as it knows
  size_t arcs = 0;                                     // of which it holds a replica
  size_t arcs_led = 0;                                 // by it
  size_t arcs_leaderless = 0;                          // as far as it knows

  /// Of some arc at least.
  bool is_leader() const { return is_up && role == "leader"; }
};

/// The name:value lines of an INFO reply.
std::map<std::string, std::string> parse_info(std::string_view text);
NodeReport read_report(const client::Endpoint& address, std::string_view info);
/// Asks the node. Never fails: a node that does not answer is a report, too.
NodeReport ask_node(const client::Endpoint& address, std::chrono::milliseconds timeout);

}  // namespace torc::cli
