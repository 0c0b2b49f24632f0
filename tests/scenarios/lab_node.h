// A simulated machine's replicas, proposed to directly: the groups, their turn, their log and the links to peers that
// the server's node has (node/groups.h), without the parts that meet other nodes and route commands of clients. What is
// applied is reported entry by entry.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/clients.h"
#include "node/groups.h"
#include "node/links.h"
#include "node/node_options.h"
#include "scenarios/lab_network.h"
#include "sim/hosted_node.h"

namespace torc::scenarios {

/// What a LabNode tells its surroundings.
class LabHost {
 public:
  virtual ~LabHost() = default;
  /// Called once per group, index and life, in order of the indexes. `command` is empty for entries without one.
  virtual void applied(NodeId at, GroupId group, LogIndex index, std::optional<int64_t> command) = 0;
};

class LabNode final : public sim::HostedNode {
 public:
  /// Recovers from the log; nothing is ever cut from it.
  static Result<std::unique_ptr<sim::HostedNode>> open(node::NodeOptions options, consensus::ReplicaOptions replica,
                                                       LabHost& host, LabNetwork& network, env::Clock& clock,
                                                       env::Disk& disk, env::CheckpointStore& checkpoints);
  ~LabNode() override;

  struct Command {
    GroupId group;
    int64_t number = 0;
  };
  struct Proposed {
    Term term;
    LogIndex index;
  };
  /// In one turn appends an entry for each of them, where this node leads; for the others nothing. Of a group there is
  /// one at most. Requires: a turn is open.
  std::vector<std::optional<Proposed>> propose(const std::vector<Command>& commands);
  consensus::ReplicaStatus replica(GroupId group) const { return groups_.find(group)->group().status().replica; }
  /// Entries without a command in (first - 1, last] of a replica's log.
  uint64_t entries_without_command(GroupId group, LogIndex first, LogIndex last);
  /// Requires: a turn is open.
  void hand_over_to(GroupId group, NodeId target);

  void on_frame(NodeId from, Bytes body);

  // HostedNode
  node::Service* service() override { return nullptr; }
  node::NodeStatus status() const override;
  void end_turn() override;
  node::GroupDigest digest(GroupId group) const override;
  const consensus::Replica* replica_of(GroupId group) const override;
  void hand_over() override {}

 private:
  LabNode(node::NodeOptions options, LabHost& host, LabNetwork& network, env::Clock& clock,
          std::unique_ptr<storage::Log> log);
  Status start(const consensus::ReplicaOptions& replica, env::CheckpointStore& checkpoints);
  std::optional<LogIndex> write(const Command& command);
  void report_applied();
  void report_applied(size_t arc);
  void maintain();

  node::NodeOptions options_;
  LabHost& host_;
  env::Clock& clock_;
  LabPort port_;
  node::Links links_;
  node::Clients clients_;
  std::unique_ptr<storage::Log> log_;
  node::Groups groups_;
  std::vector<std::string> keys_;   // by arc: one that stands in it
  std::vector<LogIndex> reported_;  // by arc
  env::TimerId maintain_timer_ = 0;
};

}  // namespace torc::scenarios
