// The harness of the Raft lab in simulated time: machines with a replica of each group on a datagram network, the
// checks that run at every apply, and the steps that the lab's tests are made of.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "scenarios/lab_network.h"
#include "scenarios/lab_node.h"
#include "sim/observer.h"
#include "sim/world.h"

namespace torc::scenarios {

/// "The election timeout the tests allow": how long the lab waits for a new leader.
constexpr Duration kLabTimeout = 1s;

struct RaftOptions {
  size_t servers = 3;
  uint32_t arcs = 1;  // of the circle, one group each; every server has a replica of each
  bool is_unreliable = false;
  consensus::ReplicaOptions replica = {};
};

/// The steps are about one group, drawn, whose leader the lab looks for. The others share its machines' turns, logs and
/// frames: whenever a machine is proposed to, it is in every group that it leads; and where the lab wants agreement all
/// groups have to reach it.
class RaftCluster final : private LabHost {
 public:
  RaftCluster(uint64_t seed, const RaftOptions& options);
  ~RaftCluster() override;

  // ---- machines: numbered from 0, as in the lab ----
  size_t size() const { return world_.nodes().size(); }
  static NodeId id_of(size_t server) { return NodeId(server + 1); }
  void disconnect(size_t server) { network_.disconnect(id_of(server)); }
  void connect(size_t server) { network_.connect(id_of(server)); }
  bool is_connected(size_t server) const { return network_.is_connected(id_of(server)); }
  bool is_up(size_t server) const { return world_.is_alive(id_of(server)); }
  /// Disconnects and kills it; what was persisted stays.
  void crash(size_t server);
  /// A new instance from what was persisted, not connected.
  void start(size_t server);
  LabNetwork& network() { return network_; }
  sim::World& world() { return world_; }
  Prng& prng() { return prng_; }
  void run_for(Duration length) { world_.run_for(length); }
  Instant now() { return world_.queue().now(); }
  LabNode* node(size_t server) { return static_cast<LabNode*>(world_.hosted(id_of(server))); }
  /// The one that the steps are about.
  GroupId group() const { return group_; }
  std::vector<GroupId> other_groups() const;
  consensus::ReplicaStatus replica(size_t server) { return node(server)->replica(group_); }

  // ---- proposals ----
  /// Commands that tell themselves apart.
  int64_t random_command() { return static_cast<int64_t>(prng_.below(uint64_t{1} << 62)); }
  struct Proposal {
    Term term;
    LogIndex index;  // in the log
    uint64_t count;  // among client commands: the lab's index
  };
  /// Nothing if the server is down or does not lead.
  std::optional<Proposal> propose(size_t server, int64_t command) { return propose(group_, server, command); }
  std::optional<Proposal> propose(GroupId group, size_t server, int64_t command);
  /// How many servers have applied something at `index` since they last started.
  size_t applied_count(LogIndex index) const { return applied_count(group_, index); }
  size_t applied_count(GroupId group, LogIndex index) const;
  std::optional<int64_t> command_at(LogIndex index) const { return command_at(group_, index); }
  std::optional<int64_t> command_at(GroupId group, LogIndex index) const;
  /// The position of a decided entry among client commands. Requires: some server applied it.
  uint64_t count_through(GroupId group, LogIndex index) const { return history(group).decided.at(index).count; }
  /// Where the n-th client command stands in the log. Requires: some server applied it.
  LogIndex index_of(uint64_t count) const;
  /// Client commands anyone has applied.
  uint64_t commands_applied() const { return commands_applied(group_); }
  uint64_t commands_applied(GroupId group) const;
  /// Every decided client command, in order.
  std::vector<int64_t> all_commands() const;

  // ---- what the lab checks ----
  /// Up to 10 times 500 ms; the leader of the highest term among the connected. Fails the test if a term has two
  /// leaders or none is found.
  size_t check_one_leader();
  void check_no_leader();
  /// Makes `server` the leader, by handing leadership over; fails the test if that does not work.
  void make_leader(size_t server);
  /// Terms that had a leader so far.
  uint64_t leaderships() const { return observer_.leaderships_of(group_); }
  /// All connected servers agree on it.
  Term check_terms();
  /// Agreement on `command` by at least `expected` servers within 10 s; the position among client commands. Fails the
  /// test and returns 0 otherwise. Afterwards the other groups have to agree on something as well.
  uint64_t one(int64_t command, size_t expected);
  /// Until `expected` servers have applied `index`, about 30 s at most: its command. Nothing if a server has passed
  /// `term`.
  std::optional<int64_t> wait(LogIndex index, size_t expected, Term term);
  /// Fails the test if anything is wrong so far.
  bool is_fine();

 private:
  struct Decided {
    std::optional<int64_t> command;
    uint64_t count = 0;  // client commands up to here
  };
  /// Of one group.
  struct History {
    std::map<LogIndex, Decided> decided;
    std::map<NodeId, LogIndex> applied_through;  // of its current or last life
  };
  History& history(GroupId group) { return histories_[group.value - node::group_of_arc(0).value]; }
  const History& history(GroupId group) const { return const_cast<RaftCluster*>(this)->history(group); }

  /// In a turn of its process.
  std::optional<Proposal> propose_now(GroupId group, size_t server, int64_t command);
  uint64_t agree(GroupId group, int64_t command, size_t expected);
  void applied(NodeId at, GroupId group, LogIndex index, std::optional<int64_t> command) override;
  sim::WorldOptions world_options(const RaftOptions& options);

  Prng prng_;
  sim::Trace trace_;
  sim::World world_;
  sim::Observer observer_;
  LabNetwork network_;
  GroupId group_;
  std::vector<History> histories_;  // by arc
};

/// One client of RaftCluster::one(), as something to poll every 20 ms, so that several can run at once.
class Agreement {
 public:
  Agreement(RaftCluster& cluster, int64_t command, size_t expected)
      : Agreement(cluster, cluster.group(), command, expected) {}
  Agreement(RaftCluster& cluster, GroupId group, int64_t command, size_t expected);
  /// True when there is nothing more to do.
  bool poll();
  /// The position among client commands; 0: there was no agreement within 10 s.
  uint64_t count() const { return count_; }

 private:
  RaftCluster& cluster_;
  GroupId group_;
  int64_t command_;
  size_t expected_;
  Instant end_;
  size_t next_server_ = 0;
  std::optional<LogIndex> index_;
  Instant look_until_;
  Instant try_at_;
  uint64_t count_ = 0;
};

}  // namespace torc::scenarios
