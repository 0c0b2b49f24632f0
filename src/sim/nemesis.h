// What goes wrong in a simulated world: faults drawn from the seed, bounded by what a correct cluster must survive.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "sim/observer.h"
#include "sim/world.h"

namespace torc::sim {

enum class Fault : uint8_t {
  kKillOne,  // any node, kill -9 or power loss, back after a while
  kKillLeader,
  kKillAll,   // power fails everywhere; what was acknowledged must be there afterwards
  kPauseOne,  // SIGSTOP, and SIGCONT after a while
  kPauseLeader,
  kSplit,  // two sides that do not hear each other
  kIsolateLeader,
  kOneWay,  // one direction of one pair
  kChain,   // one pair cut both ways: partial connectivity
  kReset,   // a connection breaks and comes back
  kSlowDisk,
  kFullDisk,
  kWallJump,
  kBadNetwork,  // loss and delay everywhere for a while
  kWipe,        // a node loses its directory for good: at most a minority, and only once the cluster is born
  kHandOver,    // a planned stop begins: the leader passes its leadership on
};
constexpr size_t kFaultCount = 16;
std::string_view to_string(Fault fault);

struct NemesisOptions {
  std::array<uint32_t, kFaultCount> weights{};  // 0: this run does not have it
  Duration pause_between_max = 3s;
  Duration fault_length_max = 4s;
};

class Nemesis {
 public:
  Nemesis(World& world, const Observer& observer, Prng prng, const NemesisOptions& options,
          const NetworkOptions& calm_network);

  void start();
  /// No new faults; everything that can be repaired is: all nodes run, all connections and disks work.
  void stop_and_heal();
  uint64_t faults() const { return faults_; }
  const std::array<uint64_t, kFaultCount>& faults_by_kind() const { return faults_by_kind_; }

 private:
  void strike_later();
  void strike();
  void cause(Fault fault);
  void kill_for_a_while(NodeId id, Death death);
  void pause_for_a_while(NodeId id);
  void split(const std::vector<NodeId>& side);
  void lose_directories();
  bool is_whole() const;
  NodeId draw_node();
  /// The leader, or anyone if there is none.
  NodeId leader_or_any();
  CutMode draw_cut_mode();
  Duration draw_length();
  /// Runs `repair` after a while, unless everything was healed by then.
  void later(Duration delay, std::function<void()> repair);

  World& world_;
  const Observer& observer_;
  Prng prng_;
  NemesisOptions options_;
  NetworkOptions calm_network_;
  bool is_active_ = false;
  uint64_t faults_ = 0;
  std::array<uint64_t, kFaultCount> faults_by_kind_{};
};

}  // namespace torc::sim
