// Breadth first through all worlds, so that the first violation found is one of the shortest.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "explore/config.h"

namespace torc::explore {

struct Limits {
  uint64_t depth = UINT64_MAX;
  uint64_t states = 20'000'000;
  bool counts_groups = false;                            // costs time
  std::function<bool()> is_over = [] { return false; };  // asked now and then, for limits of time
};

struct Report {
  uint64_t expanded = 0;  // worlds whose successors were all looked at
  uint64_t distinct = 0;  // worlds, up to symmetry
  uint64_t groups = 0;    // worlds, whatever is on the network; only if asked for
  uint64_t walks = 0;     // only of walk()
  uint64_t steps = 0;     // that changed something
  uint64_t depth = 0;     // all worlds this many actions from the first are known
  uint64_t frontier = 0;  // worlds not expanded
  uint64_t replica_states = 0;
  uint64_t messages = 0;
  uint64_t histories_compared = 0;
  bool is_complete = false;        // within the bounds there is no other world
  std::string violation;           // empty: none
  std::vector<std::string> trace;  // the actions that lead to it
};

Report explore(const Config& config, const Limits& limits, const std::function<void(const Report&)>& on_level = {});

}  // namespace torc::explore
