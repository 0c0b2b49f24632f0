// One of a node's groups: its replica, and the ways by which commands come to its leader and answers go back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/arc.h"
#include "node/clients.h"
#include "node/clock_watch.h"
#include "node/forward_receiver.h"
#include "node/forwarder.h"
#include "node/group.h"
#include "node/links.h"
#include "node/relay.h"

namespace torc::node {

class Groups;

class HostedGroup final : private Surroundings, private ForwarderHost, private ForwardReceiverHost, private RelayHost {
 public:
  struct Options {
    GroupId id;
    std::string name;  // in notices; empty: the node has no other group
    Duration command_timeout = 10s;
    uint64_t seed = 0;
  };
  /// Everything it is given outlives it.
  HostedGroup(const Options& options, Groups& groups, Links& links, ForwardBudget& forwards, Clients& clients,
              env::Clock& clock);

  /// Before anything else. Errors: as Group::open().
  Status open(const GroupOptions& options, const consensus::Configuration& birth, storage::Log& log,
              env::CheckpointStore& checkpoints);

  GroupId id() const { return options_.id; }
  Group& group() { return *group_; }
  const Group& group() const { return *group_; }
  bool leads() const override { return group_->is_leader(); }
  consensus::ReplicaId known_leader() const override { return group_->leader(); }
  /// A leader was known at `since` or later, as far as maintain() has seen, or the group was opened then.
  bool was_led_since(Instant since) const { return leaderless_since_ >= since; }

  /// Executes a command here or at the leader. Requires: the client may start it now.
  void dispatch(const Request& request);

  // ---- from other nodes ----
  void receive(const consensus::Message& message);
  void receive(const wire::SnapshotChunk& chunk);
  void receive(const wire::SnapshotReply& reply);
  void on_forward_request(NodeId from, wire::ForwardRequest request, bool is_origin_known);
  void on_forward_reply(NodeId from, const wire::ForwardReply& reply, bool is_for_this_node);
  /// The bulk connection to a node broke or came back.
  void on_connection_changed(NodeId node);

  // ---- the turn ----
  /// `memory_elsewhere`: what gathers on this node outside of this group, in bytes.
  /// `work`: how much of the turn is this group's, in kv::Cost::work.
  void begin_turn(uint64_t memory_elsewhere, uint64_t work) {
    group_->begin_turn(memory_elsewhere + receiver_.bytes_waiting(), work);
  }
  bool has_work_left() const { return group_->has_work_left(); }
  /// Takes in what came and carries out what follows from it.
  void advance();
  bool wants_to_advance() const;
  void end_turn();
  void on_durable(uint64_t sequence);
  /// Every few milliseconds, unless it rests. True if the group has something to do in this turn.
  bool maintain();
  /// There is nothing that maintain() or a turn would do before next_deadline() (Group::try_rest()). From then on the
  /// group costs what heartbeats cost, until something else comes.
  [[nodiscard]] bool try_rest();
  /// Its time has come: a tick, or more.
  Instant next_deadline() const { return group_->next_deadline(); }
  void on_deadline();

  // ---- clocks (node/clock_watch.h) ----
  ClockDistance& clock_distance() { return clock_distance_; }
  std::vector<NodeId> voters() const;
  void limit_stamps(std::optional<WallMs> latest);
  std::optional<WallMs> latest_stamp(Instant now) const override;

  // ---- introspection ----
  uint64_t forwarded_count() const { return forwarder_.forwarded_count(); }
  uint64_t executed_for_others() const { return executed_for_others_; }
  /// What counts against the node's limit of memory, of this group alone.
  uint64_t memory_used() const { return group_->memory_used() + receiver_.bytes_waiting(); }
  void add_gauges(std::vector<Gauge>& gauges) const;

  // ---- of the node's turn ----
  bool is_awake = false;      // takes part in it
  bool is_due = false;        // something was said to it since it advanced
  bool has_appended = false;  // to the log, which was not flushed since
  bool is_attended = false;   // maintained every few milliseconds: it does not rest
  uint64_t memory_counted = 0;

 private:
  // Surroundings
  bool is_reachable(NodeId node) const override { return links_.is_reachable(node); }
  void wake() override;
  // Surroundings, ForwarderHost
  bool is_sending_to(NodeId node) const override { return links_.is_sending_to(node); }
  // ForwarderHost
  std::vector<NodeId> neighbours() const override { return links_.peers(); }
  bool can_send_to(NodeId node) const override { return links_.can_send_to(node); }
  void send_to(NodeId node, const wire::ForwardRequest& request) override { links_.send(node, request); }
  void execute_here(const Request& request) override;
  // ForwardReceiverHost
  void execute_forwarded(const Request& request) override;
  size_t expected_reply_bytes(const kv::CommandView& command) const override {
    return group_->expected_reply_bytes(command);
  }
  void send_to(NodeId node, const wire::ForwardReply& reply) override { links_.send(node, reply); }

  void execute(Request request);
  void reroute(Request request);
  void carry_out(GroupOutput output);
  bool rest_on();

  const Options options_;
  Groups& groups_;
  Links& links_;
  Clients& clients_;
  env::Clock& clock_;
  std::unique_ptr<Group> group_;
  Forwarder forwarder_;
  ForwardReceiver receiver_;
  Relay relay_{*this};
  ClockDistance clock_distance_;
  std::optional<int64_t> stamp_ahead_ms_max_;  // of the monotonic clock; none: too few clocks are known
  Instant leaderless_since_ = Instant::never();
  uint64_t executed_for_others_ = 0;
  std::vector<consensus::Message> said_;  // at rest; empty but for its room
};

}  // namespace torc::node
