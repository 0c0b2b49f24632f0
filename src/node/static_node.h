// A node of a static cluster (--initial-cluster): meets the others, then holds one replica of the one group.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/prng.h"
#include "node/admissions.h"
#include "node/append_order.h"
#include "node/birth.h"
#include "node/clients.h"
#include "node/clock_watch.h"
#include "node/forward_receiver.h"
#include "node/forwarder.h"
#include "node/group.h"
#include "node/node.h"
#include "node/relay.h"

namespace torc::node {

class StaticNode final : public Node,
                         private Surroundings,
                         private ForwarderHost,
                         private ForwardReceiverHost,
                         private RelayHost,
                         private AdmissionSources {
 public:
  static constexpr GroupId kTheGroup{1};  // a ring has many
  /// A server is told to wait while there is this much room left for its client.
  static constexpr size_t kRoomKept = 1u << 20;

  StaticNode(NodeOptions options, Identity identity, std::unique_ptr<Chapters> chapters,
             std::unique_ptr<storage::Log> log, env::Clock& clock, env::Disk& disk, env::Network& network,
             env::CheckpointStore& checkpoints);
  ~StaticNode() override;
  Status start();

  // Service
  ClientId open_client(ClientPort& port, Door) override { return clients_.open(port); }
  void close_client(ClientId client) override { clients_.close(client); }
  void submit(ClientId client, Ticket ticket, const kv::CommandView& command, const kv::SessionCall* call) override;
  size_t pending(ClientId client) const override { return clients_.pending(client); }
  bool is_crowded(ClientId client) const override { return !clients_.has_room(client, kRoomKept); }
  NodeStatus status() const override;
  std::string explanation() const override;
  Topology topology() const override;
  Whereabouts locate(uint16_t slot) const override;

  // Node
  void end_turn() override;
  Digest digest(GroupId group) const override;
  const consensus::Replica* replica_of(GroupId group) const override;
  void hand_over() override;

  // NetworkHandler
  std::optional<std::string> introduction() override;
  env::Admission admit(NodeId peer, std::string_view address, std::string_view introduction) override;
  void on_refused(NodeId peer, const env::Refusal& refusal) override;
  void on_frame(NodeId from, env::Channel channel, Bytes body) override;
  void on_connected(NodeId peer, env::Channel channel) override;
  void on_disconnected(NodeId peer, env::Channel channel) override;

 private:
  struct Peer {
    std::string client_address;
    std::string cluster_address;
    bool is_connected = false;  // control channel
    bool is_bulk_connected = false;
    AppendOrder appends;
  };

  // Surroundings
  bool is_reachable(NodeId node) const override;
  std::optional<WallMs> latest_stamp(Instant now) const override;
  bool is_sending_to(NodeId node) const override { return network_.queued_bytes(node, env::Channel::kBulk) > 0; }
  // ForwarderHost
  std::vector<NodeId> neighbours() const override;
  bool can_send_to(NodeId node) const override;
  void send_to(NodeId node, const wire::ForwardRequest& request) override;
  void execute_here(const Request& request) override;
  // ForwardReceiverHost
  bool leads() const override { return group_ && group_->is_leader(); }
  void execute_forwarded(const Request& request) override;
  size_t expected_reply_bytes(const kv::CommandView& command) const override {
    return group_ ? group_->expected_reply_bytes(command) : 0;
  }
  void send_to(NodeId node, const wire::ForwardReply& reply) override;
  consensus::ReplicaId known_leader() const override;
  // AdmissionSources
  wire::Introduction own_introduction() const override;
  bool is_voter(consensus::ReplicaId life) const override;
  bool has_forgotten(const wire::Introduction& introduction) const override;

  void refuse_for_lack_of_room(Waiter waiter);
  bool has_work_left() const { return !group_ || group_->has_work_left(); }
  uint64_t memory_elsewhere() const;
  std::vector<Gauge> gauges() const;
  void dispatch(const Request& request);
  void execute(Request request);
  void run_deferred();
  void carry_out(GroupOutput output);
  void reroute(Request request);
  void send(const consensus::Message& message);
  void on_fatal(const Error& error);
  void tell(const Notice& notice);
  void flush_log();
  void transmit(NodeId to, env::Channel channel, const wire::PeerMessage& message);
  void on_forward_request(NodeId from, wire::ForwardRequest request);
  void on_forward_reply(NodeId from, const wire::ForwardReply& reply);
  void on_meet(NodeId from, const wire::Meet& meet);
  void greet(NodeId peer);
  void greet_everyone();
  bool is_settled() const;
  std::string troubles() const;
  void take_part();
  Status open_group();
  void maintain();
  void compare_clocks();
  void report_clock(NodeId peer);
  std::vector<NodeId> voters() const;
  void limit_stamps();
  std::vector<std::string> clock_warnings() const;
  void begin_chapter();
  void maintain_chapters();
  std::vector<wire::NotedChapter> known_chapters() const;
  bool note_chapters(const wire::Meet& meet);
  void on_twin_report(wire::TwinReport report);

  NodeOptions options_;
  env::Clock& clock_;
  env::Disk& disk_;
  env::Network& network_;
  env::CheckpointStore& checkpoints_;
  Birth birth_;
  Clients clients_;
  std::unique_ptr<storage::Log> log_;
  std::unique_ptr<Group> group_;  // null until born
  Forwarder forwarder_;
  ForwardReceiver receiver_;
  Relay relay_{*this};
  std::map<NodeId, Peer> peers_;
  std::unique_ptr<Chapters> chapters_;
  Admissions admissions_;
  Prng chapter_prng_;
  uint64_t start_chapter_ = 0;  // the one this process began with
  uint64_t chapter_told_ = 0;   // to the peers
  LogIndex chapter_log_end_;    // when the latest chapter began
  Instant chapters_looked_at_{};
  bool is_being_born_ = false;
  bool has_returned_ = false;  // as a voter, and that is committed
  bool is_replaced_ = false;   // peers write to another incarnation of this node
  bool is_dead_ = false;       // after a fatal error: nothing leaves any more
  env::TimerId maintain_timer_ = 0;
  env::TimerId greet_timer_ = 0;
  ClockWatch clock_watch_;
  std::optional<int64_t> stamp_ahead_ms_max_;  // of the monotonic clock; none: too few clocks are known
  Instant clocks_compared_at_{};
  uint64_t commands_executed_ = 0;
  uint64_t peer_messages_refused_ = 0;
};

}  // namespace torc::node
