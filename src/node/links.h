// The links of a node: who is connected by which channel, and by which of them a message goes.
#pragma once

#include <map>
#include <vector>

#include "base/bytes.h"
#include "consensus/message.h"
#include "env/network.h"
#include "node/append_order.h"
#include "wire/peer_message.h"

namespace torc::node {

/// One link per peer: its control and its bulk connection. All groups of a node share them. What is sent to a node
/// without a link, or to the node itself, is dropped: a former life of this node may still be in a configuration, and
/// elected in this turn the node does not know yet that it leads.
class Links {
 public:
  /// Larger messages go by the bulk connection (rules.md#two-connections).
  static constexpr size_t kControlBytesMax = 64u << 10;

  Links(NodeId self, const std::vector<NodeId>& nodes, env::Network& network);

  void on_connected(NodeId peer, env::Channel channel);
  void on_disconnected(NodeId peer, env::Channel channel);
  bool has(NodeId peer) const { return links_.contains(peer); }
  /// By the control connection: consensus reaches it.
  bool is_reachable(NodeId peer) const;
  /// By the bulk connection: commands reach it.
  bool can_send_to(NodeId peer) const;
  /// Something large still waits to be sent there.
  bool is_sending_to(NodeId peer) const;
  std::vector<NodeId> peers() const;

  /// Entries and answers to pulls go by the connection that keeps them in order; what is large by the bulk connection.
  void send(const consensus::Message& message);
  /// What is too large for `channel` goes by the bulk connection.
  void send(NodeId to, env::Channel channel, const wire::PeerMessage& message);

  /// What a frame from `from` says, in order; nothing for what is malformed or of a kind this version does not know:
  /// the sender repeats what matters. Requires: has(from).
  [[nodiscard]] std::vector<wire::PeerMessage> receive(NodeId from, Bytes body);
  /// What came and could not be read, since the start.
  uint64_t messages_refused() const { return messages_refused_; }

 private:
  struct Link {
    bool is_connected = false;  // control channel
    bool is_bulk_connected = false;
    std::map<GroupId, AppendOrder> appends;  // of groups with a large one under way
  };
  static env::Channel channel_of(Link& link, const consensus::Message& message, bool is_large);
  static void note_reply(Link& link, GroupId group, const consensus::AppendReply& reply);

  env::Network& network_;
  std::map<NodeId, Link> links_;
  uint64_t messages_refused_ = 0;
};

}  // namespace torc::node
