// Clients that do at once what the workload does one by one: bursts of commands on one connection, thousands of keys
// with one deadline, and requests that lie one past a limit.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "sim/burst.h"
#include "sim/pipe.h"
#include "sim/sizes.h"
#include "sim/world.h"

namespace torc::sim {

class Crowd {
 public:
  /// `sizes` says what of this there is, and pays for it.
  Crowd(World& world, Prng prng, Sizes& sizes);

  void start();
  /// Nothing new is sent; whoever waits for answers is gone.
  void stop();
  void on_node_died(NodeId id);
  /// Told of each answer, and when its command was sent.
  using Judge = std::function<void(Instant sent, const Told& told)>;
  void set_judge(Judge judge) { judge_ = std::move(judge); }

  uint64_t commands_answered() const { return commands_answered_; }

 private:
  struct Visit {
    std::shared_ptr<Pipe> pipe;
    std::unique_ptr<Burst> burst;
    uint64_t number = 0;
    Instant sent;
  };

  /// Again and again: after a while `act` sends something.
  void every(Duration pause_max, std::function<void()> act);
  void visit(std::unique_ptr<Burst> burst);
  void finish(uint64_t visit);
  NodeId draw_node() { return world_.nodes()[prng_.below(world_.nodes().size())]; }

  World& world_;
  Prng prng_;
  Sizes& sizes_;
  Judge judge_;
  bool is_active_ = false;
  uint64_t visits_made_ = 0;
  std::vector<Visit> visits_;
  uint64_t commands_answered_ = 0;
};

}  // namespace torc::sim
