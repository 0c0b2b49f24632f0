// The links of a node: who is connected by which channel, by which of them a message goes, and with what in one frame.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "base/bytes.h"
#include "consensus/message.h"
#include "env/network.h"
#include "node/append_order.h"
#include "node/beats.h"
#include "node/gauge.h"
#include "wire/peer_message.h"

namespace torc::node {

/// One link per peer: its control and its bulk connection. All groups of a node share them. What they say to a peer in
/// a turn leaves at the end of the turn in one frame per connection, in the order in which it was said; their
/// heartbeats, and the answers to those of others, come first (node/beats.h). What is sent to a node without a link, or
/// to the node itself, is dropped: a former life of this node may still be in a configuration, and elected in this turn
/// the node does not know yet that it leads.
class Links {
 public:
  /// Larger messages go by the bulk connection (rules.md#two-connections).
  static constexpr size_t kControlBytesMax = 64u << 10;
  /// What would make a frame of several messages larger than this goes in the next one: a small message is never behind
  /// much, and a large one is alone.
  static constexpr size_t kPackBytesMax = 64u << 10;

  /// `first_beat`: random.
  Links(NodeId self, const std::vector<NodeId>& nodes, env::Network& network, uint64_t first_beat);
  Links(const Links&) = delete;

  // What was sent before and has not left is dropped, as by the network.
  void on_connected(NodeId peer, env::Channel channel);
  void on_disconnected(NodeId peer, env::Channel channel);
  bool has(NodeId peer) const { return links_.contains(peer); }
  /// By the control connection: consensus reaches it.
  bool is_reachable(NodeId peer) const;
  /// By the bulk connection: commands reach it.
  bool can_send_to(NodeId peer) const;
  /// Something still waits to be sent there by the bulk connection.
  bool is_sending_to(NodeId peer) const;
  std::vector<NodeId> peers() const;

  /// Of a group that rests.
  void send(GroupId group, const consensus::SentHeartbeat& heartbeat);
  /// Entries and answers to pulls go by the connection that keeps them in order; what is large by the bulk connection.
  void send(const consensus::Message& message);
  /// What is too large for `channel` goes by the bulk connection.
  void send(NodeId to, env::Channel channel, const wire::PeerMessage& message);
  /// The end of a turn, once every group has said what it has to say in it: a group that has not answered a heartbeat
  /// of this turn by now is told of as silent.
  void end_turn();

  /// What a frame from `from` says, in order, beats as the heartbeats and answers they stand for, but for what is told
  /// to groups that rest (null: none). Nothing of what is malformed or of a kind this version does not know: the sender
  /// repeats what matters. Requires: has(from).
  [[nodiscard]] std::vector<wire::PeerMessage> receive(NodeId from, Bytes body, Instant now,
                                                       Resting* resting = nullptr);

  /// What came and could not be read, since the start.
  uint64_t messages_refused() const { return messages_refused_; }
  uint64_t frames_sent() const { return frames_sent_; }
  void add_gauges(std::vector<Gauge>& gauges) const;

 private:
  struct Waiting {
    std::vector<ByteChain> parts;
    size_t bytes = 0;
  };
  struct Link {
    explicit Link(uint64_t& next_beat) : beats(next_beat) {}
    std::array<bool, 2> is_connected{};      // by channel
    std::array<Waiting, 2> waiting;          // by channel: for the end of the turn
    std::map<GroupId, AppendOrder> appends;  // of groups with a large one under way
    Beats beats;
  };
  const Link* link_to(NodeId peer) const;
  void change(NodeId peer, env::Channel channel, bool is_connected);
  static env::Channel channel_of(Link& link, const consensus::Message& message, bool is_large);
  void put(NodeId to, Link& link, env::Channel channel, ByteChain part);
  void leave(NodeId to, Link& link, env::Channel channel);
  void put_beats(NodeId to, Link& link);
  struct Reader {
    NodeId from;
    Link& link;
    Instant now;
    Resting* resting;
    std::vector<wire::PeerMessage> received;
  };
  void open(Reader& reader, wire::PeerMessage message);
  static void note_reply(Link& link, const consensus::Message& message);

  NodeId self_;
  env::Network& network_;
  uint64_t next_beat_;  // of all links
  std::map<NodeId, Link> links_;
  uint64_t messages_refused_ = 0;
  uint64_t frames_sent_ = 0;
};

}  // namespace torc::node
