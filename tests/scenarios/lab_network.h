// Datagrams between simulated machines, as the lab's RPC network carries requests and replies: every one takes its own
// time, may be lost, and may overtake others. Harsher than the connections that servers have.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/prng.h"
#include "env/network.h"
#include "sim/world.h"

namespace torc::scenarios {

class LabNetwork {
 public:
  using Deliver = std::function<void(NodeId from, NodeId to, Bytes body)>;
  LabNetwork(sim::World& world, Prng prng, Deliver deliver);

  /// One datagram. Which of the lab's rules applies to it depends on whether it holds nothing but replies.
  void send(NodeId from, NodeId to, std::string body);

  // ---- directed ends ----
  void set_end(NodeId from, NodeId to, bool is_up);
  void set_link(NodeId a, NodeId b, bool is_up);
  /// Of what is sent that way, `percent` is lost.
  void set_loss(NodeId from, NodeId to, uint32_t percent) { loss_percent_[{from, to}] = percent; }
  /// All ends from and to the machine.
  void disconnect(NodeId id);
  /// Its ends from and to the machines that are connected.
  void connect(NodeId id);
  bool is_connected(NodeId id) const { return !disconnected_.contains(id); }

  // ---- how bad it is ----
  /// Delay 0 to 26 ms before a request is handled; 10 % of the requests and 10 % of the replies are lost.
  void set_unreliable(bool is_unreliable) { is_unreliable_ = is_unreliable; }
  /// 600 of 900 replies are late by 200 to 2,200 ms.
  void set_long_reordering(bool is_reordering) { is_reordering_ = is_reordering; }

  /// Requests that arrived, at all machines.
  uint64_t requests_received() const { return requests_received_; }

 private:
  bool is_up(NodeId from, NodeId to) const { return !down_.contains({from, to}); }
  bool is_lost(NodeId from, NodeId to);
  Duration draw_delay(bool is_reply);

  sim::World& world_;
  Prng prng_;
  Deliver deliver_;
  std::set<std::pair<NodeId, NodeId>> down_;
  std::set<NodeId> disconnected_;
  std::map<std::pair<NodeId, NodeId>, uint32_t> loss_percent_;
  bool is_unreliable_ = false;
  bool is_reordering_ = false;
  uint64_t requests_received_ = 0;
};

/// What a machine's node sends frames by: every frame is a datagram, and both channels are the same.
class LabPort final : public env::Network {
 public:
  LabPort(LabNetwork& network, NodeId self) : network_(network), self_(self) {}
  void send(NodeId to, env::Channel, ByteChain body) override { network_.send(self_, to, body.joined()); }
  void set_handler(env::NetworkHandler*) override {}
  size_t queued_bytes(NodeId, env::Channel) const override { return 0; }

 private:
  LabNetwork& network_;
  NodeId self_;
};

}  // namespace torc::scenarios
