// What `torc serve` was told.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/strong_id.h"
#include "client/endpoint.h"

namespace torc::cli {

constexpr size_t kClusterNodesMax = 7;
constexpr uint32_t kElectionTimeoutMsMax = 60'000;
constexpr uint32_t kElectionPerHeartbeatMin = 2;  // a lost heartbeat must not cost an election
constexpr uint64_t kCheckpointMibMax = 1u << 20;  // 1 TiB
constexpr uint32_t kIdleSecondsMax = 365 * 86'400;

struct ServeOptions {
  NodeId id;
  std::string data_directory;
  client::Endpoint listen;                             // clients
  client::Endpoint peer_listen;                        // the other nodes
  std::map<NodeId, client::Endpoint> initial_cluster;  // every node's address for its peers, this one's included
  std::chrono::milliseconds election_timeout{200};
  std::chrono::milliseconds heartbeat{40};
  std::chrono::milliseconds command_timeout{10'000};
  uint64_t checkpoint_mib = 256;                // of log since the last checkpoint
  uint64_t log_tail_mib = 64;                   // of log kept behind a checkpoint for nodes that lag
  std::optional<uint64_t> max_memory;           // bytes, 0: no limit; by default kMaxMemoryPercent of what there is
  std::chrono::seconds client_idle_timeout{0};  // 0: none
  std::string log_level = "info";               // trace, debug, info, warn, error
};

/// 1=host:port,2=host:port,... Errors: kInvalid.
Result<std::map<NodeId, client::Endpoint>> parse_initial_cluster(std::string_view text);
/// What no single option can tell. Errors: kInvalid.
Status validate(const ServeOptions& options);

}  // namespace torc::cli
