#include "explore/walk.h"

#include <algorithm>

#include "base/prng.h"
#include "explore/world.h"

namespace torc::explore {
namespace {

// Most of what may happen is the delivery of some message, and most of those are old.
constexpr uint64_t kNewestPerAction = 3;

class Walker {
 public:
  Walker(const Config& config, const WalkLimits& limits)
      : cast_(config), limits_(limits), prng_(limits.seed), first_(first_world(cast_)) {}

  Report run() {
    while (report_.walks < limits_.walks && report_.violation.empty() && cast_.actors() < limits_.states &&
           !limits_.is_over()) {
      ++report_.walks;
      walk();
    }
    report_.replica_states = cast_.actors();
    report_.messages = cast_.lines();
    return report_;
  }

 private:
  void walk() {
    World world = first_;
    std::vector<Action> taken;
    while (taken.size() < limits_.steps && report_.violation.empty() && step(world, taken)) ++report_.steps;
    report_.depth = std::max<uint64_t>(report_.depth, taken.size());
  }

  // False if nothing can happen any more.
  bool step(World& world, std::vector<Action>& taken) {
    actions_of(world, cast_, actions_);
    while (!actions_.empty()) {
      const size_t chosen = choose();
      const Action action = actions_[chosen];
      actions_.erase(actions_.begin() + static_cast<ptrdiff_t>(chosen));
      std::optional<Outcome> outcome = act(world, action, cast_);
      if (!outcome) continue;
      taken.push_back(action);
      world = std::move(outcome->world);
      if (!outcome->violation.empty()) tell(outcome->violation, taken);
      return true;
    }
    return false;
  }

  // Messages come first in the list, in the order in which they were first met: later ones are mostly newer.
  size_t choose() {
    size_t chosen = prng_.below(actions_.size());
    for (uint64_t i = 1; i < kNewestPerAction; ++i) chosen = std::max<size_t>(chosen, prng_.below(actions_.size()));
    return prng_.chance(1, 4) ? prng_.below(actions_.size()) : chosen;
  }

  void tell(const std::string& violation, const std::vector<Action>& taken) {
    report_.violation = violation;
    World world = first_;
    for (const Action action : taken) {
      world = act(world, action, cast_)->world;
      report_.trace.push_back(describe(action, world, cast_));
    }
  }

  Cast cast_;
  const WalkLimits& limits_;
  Prng prng_;
  const World first_;
  Report report_;
  std::vector<Action> actions_;
};

}  // namespace

Report walk(const Config& config, const WalkLimits& limits) { return Walker(config, limits).run(); }

}  // namespace torc::explore
