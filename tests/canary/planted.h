// The switches of the planted bugs. Only copies of product sources made by plant.py ask them; no server has any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace torc::planted {

/// What a .bug file says about itself.
struct Bug {
  uint64_t number;
  std::string_view name;
  std::string_view sentence;  // what the product does wrong with it
  std::string_view row;       // of the project's bug list, or where else the bug is from
  std::string_view tests;     // the tests in which it must show; empty: the simulator must find it
  std::string_view faults;    // simulator: the only ones of the run, by commas; empty: as drawn; none: calm worlds
  unsigned nodes;             // simulator
  unsigned groups;            // simulator: of each node
  unsigned seeds;             // simulator: it must be found within so many
};
extern const Bug kBugs[];
extern const size_t kBugCount;

const Bug* bug_of(std::string_view name);

/// Bug::number of the one that is switched on; 0: none.
extern uint64_t active;
inline bool is_on(uint64_t number) { return active == number; }

}  // namespace torc::planted
