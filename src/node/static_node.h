// A node of a static cluster (--initial-cluster): meets the others, then holds one replica of each of its groups.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/prng.h"
#include "node/admissions.h"
#include "node/birth.h"
#include "node/checkpoint_queue.h"
#include "node/clients.h"
#include "node/clock_watch.h"
#include "node/deadlines.h"
#include "node/gathering.h"
#include "node/hosted_group.h"
#include "node/leadership_balance.h"
#include "node/links.h"
#include "node/log_keeper.h"
#include "node/node.h"
#include "node/replica_numbers.h"
#include "node/resting.h"
#include "node/router.h"

namespace torc::node {

class StaticNode final : public Node, public GroupHome, private AdmissionSources {
 public:
  /// A server is told to wait while there is this much room left for its client.
  static constexpr size_t kRoomKept = 1u << 20;
  /// A group without a known leader is said to await one for so long. Elections and hand-overs end well before: who
  /// waits longer has no majority.
  static constexpr Duration kLeaderAwaitedFor = 2s;

  StaticNode(NodeOptions options, Identity identity, std::unique_ptr<Chapters> chapters,
             std::unique_ptr<storage::Log> log, env::Clock& clock, env::Disk& disk, env::Network& network,
             env::CheckpointStore& checkpoints);
  ~StaticNode() override;
  Status start();

  // Service
  ClientId open_client(ClientPort& port, Door door) override { return clients_.open(port, door); }
  void close_client(ClientId client) override { clients_.close(client); }
  void submit(ClientId client, Ticket ticket, const kv::CommandView& command, const kv::SessionCall* call) override;
  kv::SessionId draw_session() override { return kv::draw_session_id(session_prng_); }
  size_t pending(ClientId client) const override { return clients_.pending(client); }
  bool is_crowded(ClientId client) const override { return !clients_.has_room(client, kRoomKept); }
  NodeStatus status() const override;
  std::string explanation() const override;
  Topology topology() const override;
  Whereabouts locate(uint16_t slot) const override;

  // Node
  void end_turn() override;
  Digest digest(GroupId group) const override;
  void look(NodeStatus& status) const override;
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
  };

  // GroupHome
  bool is_reachable(NodeId node) const override { return links_.is_reachable(node); }
  bool is_sending_to(NodeId node) const override { return links_.is_sending_to(node); }
  std::vector<NodeId> neighbours() const override { return links_.peers(); }
  bool can_send_to(NodeId node) const override { return links_.can_send_to(node); }
  void send_to(NodeId node, const wire::ForwardRequest& request) override;
  void send_to(NodeId node, const wire::ForwardReply& reply) override;
  void send(const consensus::Message& message) override { links_.send(message); }
  void send_bulk(NodeId node, const wire::PeerMessage& message) override {
    links_.send(node, env::Channel::kBulk, message);
  }
  void tell(const Notice& notice) override;
  void on_fatal(const Error& error) override;
  void wake(HostedGroup& group) override;
  void flush_log_for(HostedGroup& group) override;
  // AdmissionSources
  wire::Introduction own_introduction() const override;
  bool is_voter(LifeId life, const wire::HeldReplicas& replicas) const override;
  bool has_forgotten(const wire::Introduction& introduction) const override;

  bool is_born() const { return !groups_.empty(); }
  HostedGroup* find(GroupId group) const;
  HostedGroup& hosted(uint32_t arc) const { return *groups_[arc]; }
  bool leads_something() const;
  GroupId order_of(const Request& request, const Router::Route& route) const;
  void dispatch(const Request& request, const Router::Route& route);
  void dispatch_to(const std::vector<uint32_t>& arcs, const Request& request);
  bool dispatch_to_led_groups(const Request& request);
  void scan_led_groups(const Request& request);
  std::vector<uint32_t> led_arcs() const;
  void run_deferred();
  bool has_work_left() const;
  void flush_log();
  uint64_t memory_outside() const;
  std::string client_address_of(NodeId node) const;
  void add_gauges(std::vector<Gauge>& gauges) const;
  void run_groups();
  void end_group_turns();
  // The groups in time (static_node_time.cc)
  uint32_t place_of(const HostedGroup& group) const {
    return static_cast<uint32_t>(group.id().value - group_of_arc(0).value);
  }
  void attend(HostedGroup& group);
  void attend_all();
  void begin_turn(HostedGroup& group);
  void count_memory(HostedGroup& group);
  void on_groups_due();
  void arm_group_timer();
  void arm_maintenance();
  bool is_disk_in_trouble() const;
  bool wants_maintenance_soon() const;
  void on_message(NodeId from, wire::PeerMessage message);
  void on_group_message(NodeId from, wire::PeerMessage message);
  void on_consensus_message(NodeId from, const consensus::Message& message);
  void on_meet(NodeId from, const wire::Meet& meet);
  void greet(NodeId peer);
  void greet_everyone();
  bool is_settled() const;
  bool holds_newcomers() const;
  Membership membership() const;
  wire::HeldReplicas held_replicas() const;
  std::string troubles() const;
  void take_part();
  Status hold_replicas();
  void meet_newcomers(const wire::Meet& meet);
  Status open_groups();
  Status open_group(uint32_t arc, const consensus::Configuration& birth);
  void maintain();
  void maintain_groups();
  void balance_leadership();
  void begin_checkpoints();
  void keep_log_short();
  void compare_clocks();
  void report_clock(NodeId peer);
  void limit_stamps();
  std::vector<std::string> clock_warnings() const;
  void begin_chapter();
  void maintain_chapters();
  uint64_t log_ends() const;
  std::vector<wire::NotedChapter> known_chapters() const;
  bool note_chapters(const wire::Meet& meet);
  void on_twin_report(wire::TwinReport report);

  NodeOptions options_;
  env::Clock& clock_;
  env::Disk& disk_;
  env::Network& network_;
  env::CheckpointStore& checkpoints_;
  Links links_;
  Birth birth_;
  Clients clients_;
  std::unique_ptr<storage::Log> log_;
  ReplicaNumbers replica_numbers_;
  const Router router_;
  std::vector<std::unique_ptr<HostedGroup>> groups_;  // by arc; none until born
  std::list<Gathering> gatherings_;
  std::vector<HostedGroup*> awake_;               // take part in this turn
  std::vector<HostedGroup*> appended_;            // of these, whose appends are not handed to the log yet
  std::vector<HostedGroup*> attended_;            // the others rest
  Resting resting_;                               // these
  Deadlines deadlines_;                           // of all, by arc
  std::vector<consensus::SentHeartbeat> beaten_;  // by one group; empty but for its room
  env::TimerId group_timer_ = 0;
  Instant group_timer_at_ = Instant::never();
  env::TimerId turn_timer_ = 0;
  bool is_turn_ending_ = false;
  uint64_t memory_outside_ = 0;  // of all groups, as of this turn
  uint64_t memory_of_groups_ = 0;
  LogKeeper keeper_;
  CheckpointQueue checkpoint_queue_;
  std::vector<HostedGroup*> asked_;  // by it, for a checkpoint
  std::map<NodeId, Peer> peers_;
  std::unique_ptr<Chapters> chapters_;
  Admissions admissions_;
  Prng chapter_prng_;
  Prng session_prng_;
  uint64_t start_chapter_ = 0;     // the one this process began with
  uint64_t chapter_told_ = 0;      // to the peers
  uint64_t chapter_log_ends_ = 0;  // when the latest chapter began
  Instant chapters_looked_at_{};
  bool is_being_born_ = false;
  bool has_returned_ = false;  // its replicas are voters, and that is committed
  bool is_replaced_ = false;   // peers write to another life of this node
  bool is_dead_ = false;       // after a fatal error: nothing leaves any more
  env::TimerId maintain_timer_ = 0;
  Instant maintain_at_ = Instant::never();
  env::TimerId greet_timer_ = 0;
  ClockWatch clock_watch_;
  LeadershipBalance balance_;
  Instant balanced_at_{};
  Instant clocks_compared_at_{};
  uint64_t commands_executed_ = 0;
};

}  // namespace torc::node
