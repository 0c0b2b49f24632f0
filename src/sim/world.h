// The simulated cluster: machines with a process, clocks, a disk and a checkpoint store each, joined by one network.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "node/node.h"
#include "sim/checkpoint_store.h"
#include "sim/disk.h"
#include "sim/event_queue.h"
#include "sim/process.h"
#include "sim/sim_clock.h"
#include "sim/sim_network.h"
#include "sim/trace.h"

namespace torc::sim {

enum class Death : uint8_t {
  kKill,       // kill -9: what was written is still in the page cache
  kPowerLoss,  // whatever no completed sync covers may be lost
};

enum class FailureKind : uint8_t { kSafety, kLiveness };

struct Failure {
  FailureKind kind = FailureKind::kSafety;
  std::string message;
};

using OpenNode = std::function<Result<std::unique_ptr<node::Node>>(node::NodeOptions, env::Clock&, env::Disk&,
                                                                   env::Network&, env::CheckpointStore&)>;
/// Puts something between a node and its disk: how canaries plant bugs without touching the server's code.
using WrapDisk = std::function<std::unique_ptr<env::Disk>(env::Disk& disk, Schedule schedule)>;

struct WorldOptions {
  NetworkOptions network;
  DiskOptions disk;
  std::vector<ClockOptions> clocks;  // one per node: ids are 1 .. clocks.size()
  std::vector<uint32_t> slowness;    // of each node's CPU (sim/process.h); empty: work takes no time
  bool is_upgrading = false;         // nodes begin with the previous version; a restart may bring the next one
  node::NodeOptions node;            // the same for all; ids, seeds and addresses are filled in
  OpenNode open_node;                // node::Node::open, unless a test has a node of its own
  WrapDisk wrap_disk;
  std::function<void(NodeId, const Notice&)> tell;  // what nodes would write to their logs; may be empty
};

class World {
 public:
  World(WorldOptions options, Prng prng, Trace& trace);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  EventQueue& queue() { return queue_; }
  SimNetwork& network() { return *network_; }
  Trace& trace() { return trace_; }
  const std::vector<NodeId>& nodes() const { return ids_; }
  /// Of each node.
  size_t groups() const { return options_.node.arcs; }

  // ---- what happens to machines ----
  void start(NodeId id);
  void kill(NodeId id, Death death);
  void pause(NodeId id);
  void resume(NodeId id);
  /// The data directory is lost. Requires: the process is dead.
  void wipe(NodeId id);
  /// The node has given up its replica of the group, and told its log so, and died before anything else. False if it
  /// has none. Requires: the process is dead.
  bool delete_replica(NodeId id, GroupId group);
  void jump_wall_clock(NodeId id, Duration by);
  WallMs wall_now(NodeId id) { return machine(id).clock.wall_now(); }
  /// Every operation of the disk takes this much longer from now on.
  void slow_disk(NodeId id, Duration extra) { machine(id).disk_extra_delay = extra; }
  /// No more than `bytes` beyond what is used now fit on the disk.
  void fill_disk(NodeId id, uint64_t bytes_left);
  void give_disk_space(NodeId id);
  /// All work of the machine takes so many times as long as it does by itself.
  void slow_cpu(NodeId id, uint32_t times);
  /// The next sync of the disk fails: the process must stop itself, and a supervisor starts it again.
  void fail_next_sync(NodeId id);
  /// Durable bytes change behind the node's back. False if there was nothing to damage. From now on the node may find
  /// its data corrupt; it is set aside then, as the server does, and the node starts from nothing.
  bool damage_log(NodeId id, Damage damage);
  /// The same for its checkpoint store, which answers reads with kCorrupt at some key from the next start on.
  bool damage_checkpoints(NodeId id);

  /// Takes a copy of the machine's directory as it is, in place of an earlier one.
  void copy_directory(NodeId id);
  /// The directory is the copy again. The node has to find out, and to give it up. Requires: dead, and a copy was
  /// taken.
  void put_copy_back(NodeId id);
  bool has_copy(NodeId id) const { return machine(id).copy.has_value(); }
  /// There is a copy, and every other node runs and has written down that this one's life went on since.
  bool is_copy_outdated(NodeId id) const;

  // ---- what others see ----
  bool is_alive(NodeId id) const { return machine(id).process.is_alive(); }
  bool is_paused(NodeId id) const { return machine(id).process.is_paused(); }
  /// Its data was damaged, and it has not noticed yet.
  bool is_damaged(NodeId id) const { return machine(id).is_damaged; }
  /// How many times damaged data was noticed.
  uint64_t refusals() const { return refusals_; }
  uint64_t life(NodeId id) const { return machine(id).process.life(); }
  /// What the machine's wall clock shows.
  WallMs wall_clock(NodeId id) const { return machine(id).clock.wall_now(); }
  /// Of its node at the end of its last turn: what node::Node::look() tells. Requires: in the observer's call for it.
  const node::NodeStatus& status_after_turn(NodeId id) const { return machine(id).status; }
  /// Null while the process is dead.
  node::Node* node(NodeId id) { return machine(id).node.get(); }

  /// Bytes of a client arrive at the machine: `work` runs in a turn of its process, or waits there, or is lost.
  void post_from_client(NodeId id, std::function<void()> work, size_t bytes = 0);
  /// The process at the machine does this for a client, in the turn under way.
  void work_for_client(NodeId id, Work work, uint64_t bytes) { machine(id).process.work(work, 1, bytes); }
  /// Runs `work` when the turn under way has ended and its time has passed, as a server that writes its replies then;
  /// lost if the process dies first.
  void at_end_of_turn(NodeId id, std::function<void()> work);
  /// Told after each turn of each node, and after each death.
  void set_observer(std::function<void(NodeId)> after_turn) { after_turn_ = std::move(after_turn); }
  void set_death_listener(std::function<void(NodeId)> after_death) { after_death_ = std::move(after_death); }

  /// Runs until the time, or until the first failure.
  void run_until(Instant end);
  void run_for(Duration length) { run_until(queue_.now() + length); }
  /// Keeps the first one.
  void fail(FailureKind kind, std::string message);
  const std::optional<Failure>& failure() const { return failure_; }

 private:
  struct Machine {
    Machine(NodeId node_id, EventQueue& queue, Prng random, const ClockOptions& clock_options,
            std::function<void()> end_of_turn, std::function<void()> leave);
    NodeId id;
    Prng prng;
    Process process;
    SimClock clock;
    std::unique_ptr<Disk> disk;
    std::unique_ptr<CheckpointStore> checkpoints;
    std::unique_ptr<env::Disk> wrapped_disk;
    env::Network* port = nullptr;
    std::unique_ptr<node::Node> node;
    std::vector<std::function<void()>> at_end_of_turn;
    uint32_t slowness = 0;
    node::NodeStatus status;  // after its last turn
    struct Seen {
      uint64_t operations = 0;
      uint64_t applied_bytes = 0;
      uint64_t state_bytes = 0;
    };
    std::vector<Seen> seen;  // of the groups in the node's status after its last turn
    Instant paused_since;
    Duration disk_extra_delay{0};
    Dialect dialect = Dialect::kThis;
    bool is_damaged = false;
    bool has_set_aside = false;  // damaged data
    bool is_sync_failing = false;
    struct Copy {
      Disk::Copy files;
      std::shared_ptr<const void> checkpoints;
      Incarnation life;
      uint64_t chapter = 0;
    };
    std::optional<Copy> copy;
  };

  Machine& machine(NodeId id);
  const Machine& machine(NodeId id) const { return const_cast<World*>(this)->machine(id); }
  void give_empty_directory(Machine& machine);
  void end_turn(NodeId id);
  void note_applied(Machine& machine);
  void leave(NodeId id);
  void upgrade(Machine& machine);
  bool keeps_space_for_start(const Machine& machine) const;
  void stand_still(Machine& machine, std::string_view why);
  void start_again_later(Machine& machine);
  void set_aside(Machine& machine);
  void on_fatal(NodeId id, const Error& error);

  WorldOptions options_;
  Prng prng_;
  Trace& trace_;
  EventQueue queue_;
  std::vector<NodeId> ids_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::unique_ptr<SimNetwork> network_;
  std::function<void(NodeId)> after_turn_;
  std::function<void(NodeId)> after_death_;
  std::optional<Failure> failure_;
  uint64_t refusals_ = 0;
};

}  // namespace torc::sim
