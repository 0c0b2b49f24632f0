// What goes wrong in a simulated world: faults drawn from the seed, bounded by what a correct cluster must survive.
//
// Anything that can be repaired may strike any node at any time, all of them at once included: crashes, pauses, cuts,
// clocks, failing and full disks. What destroys data (a lost directory, damage) strikes at most a minority of the nodes
// until all of them are voters again, because more than that no protocol survives: see docs/testing.md.
//
// Every fault has a generator of its own, so that leaving some out changes nothing in what the others draw.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "sim/fault.h"
#include "sim/observer.h"
#include "sim/world.h"

namespace torc::sim {

class Nemesis {
 public:
  Nemesis(World& world, const Observer& observer, Prng prng, const NemesisOptions& options,
          const NetworkOptions& calm_network);

  void start();
  /// No new faults; everything that can be repaired is: all nodes run, all connections and disks work.
  void stop_and_heal();
  /// Those that struck, in order.
  const std::vector<StruckFault>& struck() const { return struck_; }

 private:
  using Pair = std::pair<NodeId, NodeId>;

  void strike_later();
  void strike();
  /// These return whether anything happened.
  bool cause(Fault fault, Prng& prng);
  bool cause_network(Fault fault, Prng& prng);
  bool cause_disk(Fault fault, Prng& prng);

  bool kill_for_a_while(NodeId id, Death death, Prng& prng);
  bool pause_for_a_while(NodeId id, Prng& prng);
  bool slow_cpu_for_a_while(NodeId id, Prng& prng);
  bool hand_over(NodeId id);
  void bring_up(NodeId id);

  bool cut_for_a_while(std::vector<Pair> directions, Prng& prng);
  bool split(const std::vector<NodeId>& side, Prng& prng);
  void flap(NodeId a, NodeId b, Prng prng, Instant end);
  void disturb_network(NetworkOptions disturbed, Prng& prng);

  bool lose_directories(Prng& prng);
  bool lose_replicas(Prng& prng);
  bool damage(Fault fault, Prng& prng);
  bool keep_copy(NodeId id, Duration length);
  void put_copy_back_when_possible(NodeId id);
  bool put_copy_back(NodeId id);
  /// Nodes whose data may be destroyed, all of them at once; none if enough was.
  std::vector<NodeId> draw_victims(Prng& prng, size_t count_max);
  bool is_whole() const;

  NodeId draw_node(Prng& prng);
  /// The leader, or anyone if there is none.
  NodeId leader_or_any(Prng& prng);
  Duration draw_length(Prng& prng);
  /// Runs `repair` after a while, unless everything was healed by then.
  void later(Duration delay, std::function<void()> repair);

  World& world_;
  const Observer& observer_;
  Prng prng_;
  NemesisOptions options_;
  NetworkOptions calm_network_;
  bool is_active_ = false;
  uint64_t strikes_ = 0;
  std::vector<StruckFault> struck_;
};

}  // namespace torc::sim
