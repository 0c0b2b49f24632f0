// A node as a world runs it and looks at it: the server's own, or whatever a test puts in its place.
#pragma once

#include <memory>
#include <utility>

#include "consensus/replica.h"
#include "node/node.h"
#include "node/service.h"

namespace torc::sim {

class HostedNode {
 public:
  virtual ~HostedNode() = default;
  /// For clients; null: nobody connects.
  virtual node::Service* service() = 0;
  virtual node::NodeStatus status() const = 0;
  /// What of status() may change with every turn, put into what an earlier call made.
  virtual void look(node::NodeStatus& status) const { status = this->status(); }
  /// Once at the end of every turn of its process.
  virtual void end_turn() = 0;
  virtual node::GroupDigest digest(GroupId group) const = 0;
  /// For invariants of consensus; null if there is none.
  virtual const consensus::Replica* replica_of(GroupId group) const = 0;
  virtual void hand_over() = 0;
};

/// Something that serves clients and has the other functions by these names.
template <typename Served>
class Hosting final : public HostedNode {
 public:
  explicit Hosting(std::unique_ptr<Served> served) : served_(std::move(served)) {}
  node::Service* service() override { return served_.get(); }
  node::NodeStatus status() const override { return served_->status(); }
  void look(node::NodeStatus& status) const override {
    if constexpr (requires { served_->look(status); }) {
      served_->look(status);
    } else {
      status = served_->status();
    }
  }
  void end_turn() override { served_->end_turn(); }
  node::GroupDigest digest(GroupId group) const override { return served_->digest(group); }
  const consensus::Replica* replica_of(GroupId group) const override { return served_->replica_of(group); }
  void hand_over() override { served_->hand_over(); }

 private:
  std::unique_ptr<Served> served_;
};

template <typename Served>
Result<std::unique_ptr<HostedNode>> hosted(Result<std::unique_ptr<Served>> opened) {
  if (!opened.ok()) return opened.error();
  return std::unique_ptr<HostedNode>(std::make_unique<Hosting<Served>>(*std::move(opened)));
}

/// The server's own node.
inline Result<std::unique_ptr<HostedNode>> open_node(node::NodeOptions options, env::Clock& clock, env::Disk& disk,
                                                     env::Network& network, env::CheckpointStore& checkpoints) {
  return hosted(node::Node::open(std::move(options), clock, disk, network, checkpoints));
}

}  // namespace torc::sim
