// A node: it meets the others of its cluster (--initial-cluster), holds one replica of each of its groups, and routes
// commands to their leaders. The world is given to it by env/ interfaces, and nothing below it assumes that it is alone
// in its process.
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
#include "node/clients.h"
#include "node/clock_watch.h"
#include "node/gathering.h"
#include "node/groups.h"
#include "node/leadership_balance.h"
#include "node/links.h"
#include "node/node_options.h"
#include "node/replica_numbers.h"
#include "node/router.h"

namespace torc::node {

/// Of a group's state, and the index it belongs to.
struct GroupDigest {
  LogIndex applied;
  uint64_t value = 0;
};

class Node final : public Service, public env::NetworkHandler, private AdmissionSources {
 public:
  /// A server is told to wait while there is this much room left for its client.
  static constexpr size_t kRoomKept = 1u << 20;
  /// A group without a known leader is said to await one for so long. Elections and hand-overs end well before: who
  /// waits longer has no majority.
  static constexpr Duration kLeaderAwaitedFor = 2s;

  /// Recovers from the directory and the checkpoint store, then takes part.
  /// Errors: kCorrupt, kIo, kInvalid (another id or cluster in this directory).
  static Result<std::unique_ptr<Node>> open(NodeOptions options, env::Clock& clock, env::Disk& disk,
                                            env::Network& network, env::CheckpointStore& checkpoints);
  ~Node() override;

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

  /// Proposes what gathered, persists, sends, applies. Call once at the end of every turn of the loop.
  void end_turn();
  /// Hands leadership of every group to another voter, so that a planned stop costs clients nothing. Ignored while an
  /// attempt is under way: call it again until nothing is led here.
  void hand_over();

  // ---- for the simulator: comparison of replicas, invariants ----
  GroupDigest digest(GroupId group) const;
  /// Null if there is none.
  const consensus::Replica* replica_of(GroupId group) const;
  /// What of status() may change with every turn, the groups and the gauges, put into what an earlier call made: the
  /// simulator looks after each of millions of turns.
  void look(NodeStatus& status) const;

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

  /// Requires: start() is called before anything else.
  Node(NodeOptions options, Identity identity, std::unique_ptr<Chapters> chapters, std::unique_ptr<storage::Log> log,
       env::Clock& clock, env::Disk& disk, env::Network& network, env::CheckpointStore& checkpoints);
  Status start();
  static Result<std::unique_ptr<Node>> open_once(NodeOptions options, env::Clock& clock, env::Disk& disk,
                                                 env::Network& network, env::CheckpointStore& checkpoints);

  // AdmissionSources
  wire::Introduction own_introduction() const override;
  bool is_voter(LifeId life, const wire::HeldReplicas& replicas) const override;
  bool has_forgotten(const wire::Introduction& introduction) const override;

  void tell(const Notice& notice) const { groups_.tell(notice); }
  void on_fatal(const Error& error) { groups_.fail(error); }
  bool is_dead() const { return groups_.is_stopped(); }
  bool is_born() const { return !groups_.empty(); }
  GroupId order_of(const Request& request, const Router::Route& route) const;
  void dispatch(const Request& request, const Router::Route& route);
  void dispatch_to(const std::vector<uint32_t>& arcs, const Request& request);
  bool dispatch_to_led_groups(const Request& request);
  void scan_led_groups(const Request& request);
  std::vector<uint32_t> led_arcs() const;
  void run_deferred();
  uint64_t memory_outside() const;
  std::string client_address_of(NodeId node) const;
  void add_gauges(std::vector<Gauge>& gauges) const;
  void run_groups();
  void arm_maintenance();
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
  void balance_leadership();
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
  Groups groups_;  // by arc; none until born
  std::list<Gathering> gatherings_;
  env::TimerId turn_timer_ = 0;
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
