// One replica on a simulated machine, proposed to directly: the server's own node::Group over its own log, without the
// parts that route commands of clients. What it applies is reported entry by entry.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "node/clients.h"
#include "node/group.h"
#include "node/node.h"

namespace torc::scenarios {

/// What a LabNode tells its surroundings.
class LabHost {
 public:
  virtual ~LabHost() = default;
  virtual void transmit(NodeId from, const consensus::Message& message) = 0;
  /// Called once per index and life, in order. `command` is empty for entries without one.
  virtual void applied(NodeId at, LogIndex index, std::optional<int64_t> command) = 0;
};

class LabNode final : public node::Node, private node::Surroundings {
 public:
  /// Recovers from the log; nothing is ever cut from it.
  static Result<std::unique_ptr<node::Node>> open(node::NodeOptions options, consensus::ReplicaOptions replica,
                                                  LabHost& host, env::Clock& clock, env::Disk& disk,
                                                  env::CheckpointStore& checkpoints);
  ~LabNode() override;

  struct Proposed {
    Term term;
    LogIndex index;
  };
  /// Appends an entry with this one command; nothing if this replica does not lead. Requires: a turn is open.
  std::optional<Proposed> propose(int64_t command);
  void receive(const consensus::Message& message) { group_->receive(message); }
  consensus::ReplicaStatus replica() const { return group_->status().replica; }
  /// Entries without a command in (first - 1, last] of this replica's log.
  uint64_t entries_without_command(LogIndex first, LogIndex last);

  // Node
  void end_turn() override;
  Digest digest(GroupId group) const override;
  const consensus::Replica* replica_of(GroupId) const override { return group_ ? &group_->replica() : nullptr; }
  void hand_over() override { group_->hand_over(); }
  /// To this one and nobody else. Requires: a turn is open.
  void hand_over_to(NodeId target);
  void on_frame(NodeId, env::Channel, Bytes) override {}
  void on_connected(NodeId, env::Channel) override {}
  void on_disconnected(NodeId, env::Channel) override {}

  // Service: nobody connects.
  node::ClientId open_client(node::ClientPort& port, node::Door) override { return clients_.open(port); }
  void close_client(node::ClientId client) override { clients_.close(client); }
  void submit(node::ClientId client, node::Ticket ticket, const kv::CommandView& command,
              const kv::SessionCall* call) override;
  kv::SessionId draw_session() override { return {}; }
  size_t pending(node::ClientId client) const override { return clients_.pending(client); }
  node::NodeStatus status() const override;

 private:
  LabNode(node::NodeOptions options, LabHost& host, env::Clock& clock, std::unique_ptr<storage::Log> log);
  Status start(const consensus::ReplicaOptions& replica, env::CheckpointStore& checkpoints);

  // Surroundings
  bool is_reachable(NodeId node) const override { return !hand_over_to_ || node == hand_over_to_; }
  bool is_sending_to(NodeId) const override { return false; }

  void carry_out(const node::GroupOutput& output);
  void on_fatal(const Error& error);
  void flush_log();
  void report_applied();
  void maintain();
  void arm_timer();

  node::NodeOptions options_;
  LabHost& host_;
  env::Clock& clock_;
  node::Clients clients_;
  std::unique_ptr<storage::Log> log_;
  std::unique_ptr<node::Group> group_;
  LogIndex reported_;
  NodeId hand_over_to_;  // none: anyone
  bool is_dead_ = false;
  env::TimerId maintain_timer_ = 0;
  env::TimerId tick_timer_ = 0;
};

}  // namespace torc::scenarios
