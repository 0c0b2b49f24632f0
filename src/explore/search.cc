#include "explore/search.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>

#include "explore/world.h"

namespace torc::explore {
namespace {

constexpr uint64_t kWorldsBetweenQuestions = 1024;  // whether time is up

struct Place {
  World world;
  uint32_t step;  // how it was reached
};

class Search {
 public:
  Search(const Config& config, const Limits& limits) : cast_(config), limits_(limits) {}

  Report run(const std::function<void(const Report&)>& on_level) {
    level_.push_back({first_world(cast_), UINT32_MAX});
    seen_.insert(fingerprint_of(level_.front().world, cast_));
    while (!level_.empty() && report_.depth < limits_.depth) {
      if (!expand_level()) break;
      ++report_.depth;
      level_ = std::exchange(next_, {});
      count();
      if (on_level) on_level(report_);
    }
    count();
    report_.is_complete = level_.empty() && next_.empty() && report_.violation.empty();
    return report_;
  }

 private:
  struct Reached {
    uint32_t from;
    uint32_t action;
  };

  void count() {
    report_.distinct = seen_.size();
    report_.groups = groups_.size();
    report_.frontier = level_.size() - expanded_in_level_ + next_.size();
    report_.replica_states = cast_.actors();
    report_.messages = cast_.lines();
    report_.histories_compared = cast_.comparisons();
  }

  bool is_over() const {
    if (seen_.size() >= limits_.states) return true;
    return report_.expanded % kWorldsBetweenQuestions == 0 && limits_.is_over();
  }

  // False if a limit or a violation ended it.
  bool expand_level() {
    for (expanded_in_level_ = 0; expanded_in_level_ < level_.size(); ++expanded_in_level_) {
      if (is_over()) return false;
      const Place& place = level_[expanded_in_level_];
      actions_of(place.world, cast_, actions_);
      for (const Action action : actions_) {
        if (!take(place, action)) return false;
      }
      ++report_.expanded;
    }
    expanded_in_level_ = 0;
    level_.clear();
    return true;
  }

  bool take(const Place& place, Action action) {
    std::optional<Outcome> outcome = act(place.world, action, cast_);
    if (!outcome) return true;
    ++report_.steps;
    if (!outcome->violation.empty()) {
      report_.violation = outcome->violation;
      tell(place.step, action);
      return false;
    }
    if (!seen_.insert(fingerprint_of(outcome->world, cast_)).second) return true;
    if (limits_.counts_groups) groups_.insert(fingerprint_of(outcome->world, cast_, false));
    reached_.push_back({place.step, action.packed()});
    next_.push_back({std::move(outcome->world), static_cast<uint32_t>(reached_.size() - 1)});
    return true;
  }

  void tell(uint32_t step, Action last) {
    std::vector<Action> actions{last};
    for (; step != UINT32_MAX; step = reached_[step].from) actions.push_back(Action::unpacked(reached_[step].action));
    std::reverse(actions.begin(), actions.end());
    World world = first_world(cast_);
    for (const Action action : actions) {
      world = act(world, action, cast_)->world;
      report_.trace.push_back(describe(action, world, cast_));
    }
  }

  Cast cast_;
  const Limits& limits_;
  Report report_;
  std::vector<Place> level_;
  std::vector<Place> next_;
  size_t expanded_in_level_ = 0;
  std::vector<Reached> reached_;
  boost::unordered_flat_set<Fingerprint, FingerprintHash> seen_;
  boost::unordered_flat_set<Fingerprint, FingerprintHash> groups_;
  std::vector<Action> actions_;
};

}  // namespace

Report explore(const Config& config, const Limits& limits, const std::function<void(const Report&)>& on_level) {
  CHECK(config.replicas >= 1 && config.replicas <= kReplicasMax && config.terms_max <= kTermsMax &&
        config.reads_max <= kReadsMax && config.time_max <= kTimeMax)
      << "bounds beyond what a world can hold";
  return Search(config, limits).run(on_level);
}

}  // namespace torc::explore
