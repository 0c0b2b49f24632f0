// A client's connection on which commands are sent without waiting for answers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/prng.h"
#include "node/service.h"
#include "sim/deed.h"
#include "sim/world.h"

namespace torc::sim {

/// Commands are numbered from 0 on and answered in their order. Like net/resp_connection.h, the server's end gives the
/// node a bounded number of them at a time.
class Pipe final : public node::ClientPort, public std::enable_shared_from_this<Pipe> {
 public:
  using OnAnswer = std::function<void(node::Ticket ticket, const Told& told)>;

  static std::shared_ptr<Pipe> open(World& world, Prng prng, NodeId at, OnAnswer on_answer);

  void send(std::vector<Command> burst);
  /// Nothing is heard of it any more. Nodes may hold on to it until they notice.
  void close();
  void on_node_died(NodeId id);

  NodeId at() const { return at_; }
  uint64_t sent() const { return sent_; }
  uint64_t answered() const { return answered_; }
  /// The node has gone, or was not there: what is unanswered will stay so.
  bool is_broken() const { return is_broken_; }

  kv::ReplySink& begin_reply(node::Ticket ticket) override;
  void end_reply(node::Ticket ticket) override;

  static constexpr size_t kPendingMax = 1024;  // net/resp_limits.h
  static constexpr size_t kPendingBytesMax = 64u << 20;

 private:
  Pipe(World& world, Prng prng, NodeId at, OnAnswer on_answer);
  void arrive(const std::shared_ptr<std::vector<Command>>& burst);
  void feed();
  void submit(const Command& command);
  void hand_over();
  Duration draw_delay();

  World& world_;
  Prng prng_;
  const NodeId at_;
  OnAnswer on_answer_;
  uint64_t sent_ = 0;
  uint64_t answered_ = 0;
  bool is_broken_ = false;
  bool is_given_up_ = false;

  // ---- the server's end ----
  node::ClientId id_;
  uint64_t life_ = 0;            // of the process that accepted it
  std::deque<Command> waiting_;  // in its buffer, not given to the node yet
  uint64_t submitted_ = 0;
  std::map<node::Ticket, size_t> pending_;  // bytes of each command the node has
  size_t pending_bytes_ = 0;
  std::map<node::Ticket, Told> ready_;  // answered out of order
  uint64_t handed_over_ = 0;
  bool is_hand_over_due_ = false;
  bool is_closed_ = false;
  std::map<node::Ticket, size_t> keys_;  // of a pending command that asks for several
  OutcomeSink sink_;
};

}  // namespace torc::sim
