// Forwarded commands of others on their way through this node, and the answers on their way back
// (rules.md#one-relay-hop).
#pragma once

#include "consensus/types.h"
#include "wire/peer_message.h"

namespace torc::node {

class RelayHost {
 public:
  virtual ~RelayHost() = default;
  virtual consensus::ReplicaId known_leader() const = 0;
  virtual bool can_send_to(NodeId node) const = 0;
  virtual void send_to(NodeId node, const wire::ForwardRequest& request) = 0;
  virtual void send_to(NodeId node, const wire::ForwardReply& reply) = 0;
};

/// Keeps nothing: what cannot be sent at once is refused or dropped, and the stream's two ends find that out as they do
/// on a direct path. What waits is in the transport's bounded queues.
class Relay {
 public:
  explicit Relay(RelayHost& host) : host_(host) {}
  /// Passes on a request that wants it. Requires: this node does not lead, else it executes it itself.
  void on_request(NodeId from, wire::ForwardRequest request);
  /// Passes back an answer that is not for this node.
  void on_reply(const wire::ForwardReply& reply);

 private:
  RelayHost& host_;
};

}  // namespace torc::node
