// What a node is given at its start.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/notice.h"
#include "node/service.h"
#include "storage/log.h"

namespace torc::node {

struct NodeOptions {
  NodeId id;
  std::vector<NodeId> initial_cluster;  // every node of the static cluster, this one included
  uint32_t arcs = 1;                    // the circle is cut into so many, one group each (is_arc_count())
  std::string client_address;           // of the any door; told to peers, for status and clients
  std::string cluster_address;          // of the cluster door; the same. Empty: there is none
  bool may_found_cluster = true;        // false: there was data here, so a cluster exists; wait to be taken back
  SetAsideStatus set_aside;             // told in status()
  uint64_t seed = 0;                    // fresh randomness: incarnation, election timers, hash seed
  /// Fresh as well, and drawn apart from it: clients see the ids of sessions, and could compute from a few of them what
  /// they were made of, the secret against hash flooding if that were the same.
  uint64_t session_seed = 0;
  Duration election_timeout_min = 300ms;
  Duration heartbeat_interval = 60ms;
  Duration command_timeout = 10s;  // a command without an answer by then gets UNKNOWN (writes) or an error
  /// While its log grows a node begins a chapter this often: a copy of its directory from before is known by it.
  Duration chapter_interval = 10s;
  uint64_t checkpoint_log_bytes = 256u << 20;  // a checkpoint starts when the log of all groups grew by this much
  uint64_t log_tail_bytes = 64u << 20;         // kept behind it for members that lag; beyond, they get a snapshot
  size_t batch_bytes_max = 1u << 20;           // an entry closes when its commands reach this
  size_t unsynced_bytes_max = 64u << 20;       // beyond, a leader whose disk does not keep up refuses writes
  size_t proposals_in_flight_max = 1;          // further commands gather until one of these commits
  uint64_t memory_max = 0;                     // beyond, a leader refuses commands that grow the state; 0: no limit
  /// What others of this process hold for clients and peers, in bytes: counts against memory_max. May be empty.
  std::function<uint64_t()> memory_outside;
  size_t held_bytes_max = 256u << 20;  // of commands that wait on this node (Clients)
  storage::LogOptions log;
  NoticeSink tell;  // elections and whatever else a person wants to find in the log; may be empty
  /// Called once when the node can no longer be trusted (failed fsync, corrupt entry): the process must exit.
  std::function<void(const Error&)> on_fatal;
};

}  // namespace torc::node
