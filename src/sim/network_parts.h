// What the simulated network knows of each process and each connection. Included by its own sources only.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "sim/sim_network.h"

namespace torc::sim {

inline std::string channel_name(env::Channel channel) { return channel == env::Channel::kControl ? "control" : "bulk"; }

/// What one process sees: which connections it believes in, and what it sent in this turn.
struct SimNetwork::Port final : env::Network {
  struct Outgoing {
    NodeId to;
    env::Channel channel;
    std::string body;
  };

  Port(SimNetwork& of, NodeId id, Process& owner) : network(of), node(id), process(owner) {}
  void send(NodeId to, env::Channel channel, ByteChain body) override {
    process.work(Work::kFrameOut, 1, body.size());
    const size_t queued = queued_bytes(to, channel);
    if (queued > 0 && queued + body.size() > env::queued_bytes_max(channel)) return;  // as the product's own does
    outgoing.push_back(Outgoing{to, channel, body.joined()});
  }
  void set_handler(env::NetworkHandler* to) override { handler = to; }
  size_t queued_bytes(NodeId to, env::Channel channel) const override {
    return network.queued_bytes(*this, to, channel);
  }

  SimNetwork& network;
  NodeId node;
  Process& process;
  Dialect dialect = Dialect::kThis;
  env::NetworkHandler* handler = nullptr;
  std::vector<Outgoing> outgoing;
  std::vector<std::array<uint64_t, kChannels>> epochs;  // [peer]: the connection this process believes in; 0: none
};

/// Everything on its way into one end of a connection, in order.
struct SimNetwork::Direction {
  Instant free_at;            // nothing arrives before what was sent before it
  uint64_t unread_bytes = 0;  // sent, and not read by the process
};

struct SimNetwork::Connection {
  uint64_t epoch = 0;                // 0: down
  bool is_connecting = false;        // or about to
  uint64_t attempt = 0;              // of a handshake under way; 0: none
  std::array<Direction, 2> towards;  // [0]: into the lower position, [1]: into the higher
};

}  // namespace torc::sim
