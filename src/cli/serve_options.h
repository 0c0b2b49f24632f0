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
#include "kv/limits.h"

namespace torc::cli {

constexpr size_t kClusterNodesMax = 7;
constexpr uint32_t kArcsMax = 1024;
constexpr uint32_t kElectionTimeoutMsMax = 60'000;
constexpr uint32_t kElectionPerHeartbeatMin = 2;  // a lost heartbeat must not cost an election
constexpr uint64_t kCheckpointMibMax = 1u << 20;  // 1 TiB
constexpr uint32_t kIdleSecondsMax = 365 * 86'400;
constexpr uint32_t kCommandKeysMax = kv::kArgsMax;

struct ServeOptions {
  NodeId id;
  std::string data_directory;
  client::Endpoint listen;                             // clients
  client::Endpoint peer_listen;                        // the other nodes
  std::optional<client::Endpoint> cluster_listen;      // clients of Redis Cluster; none: no cluster door
  std::optional<client::Endpoint> announce;            // where clients are told to find `listen`
  std::optional<client::Endpoint> cluster_announce;    // the same of cluster_listen
  uint32_t arcs = 1;                                   // of the circle, each with a group of its own; a power of two
  std::map<NodeId, client::Endpoint> initial_cluster;  // every node's address for its peers, this one's included
  std::chrono::milliseconds election_timeout{200};
  std::chrono::milliseconds heartbeat{40};
  std::chrono::milliseconds command_timeout{10'000};
  uint64_t checkpoint_mib = 256;                // of log since the last checkpoint
  uint64_t log_tail_mib = 64;                   // of log kept behind a checkpoint for nodes that lag
  std::optional<uint64_t> max_memory;           // bytes, 0: no limit; by default kMaxMemoryPercent of what there is
  std::chrono::seconds client_idle_timeout{0};  // 0: none
  uint32_t command_keys_max = 100'000;          // everybody else waits for a command with all its keys
  std::string log_level = "info";               // trace, debug, info, warn, error
};

/// 1=host:port,2=host:port,... Errors: kInvalid.
Result<std::map<NodeId, client::Endpoint>> parse_initial_cluster(std::string_view text);
/// What peers are told, and through them clients. An address to listen on may stand for every address of the machine,
/// which nobody can dial: its host is the one by which the peers reach this node then.
client::Endpoint announced_listen(const ServeOptions& options);
/// None: there is no cluster door.
std::optional<client::Endpoint> announced_cluster_listen(const ServeOptions& options);
/// Errors: kInvalid.
Result<uint32_t> parse_arcs(std::string_view text);
/// What no single option can tell. Errors: kInvalid.
Status validate(const ServeOptions& options);

}  // namespace torc::cli
