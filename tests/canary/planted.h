// The switches of the planted bugs. Only copies of product sources made by plant.py ask them; no server has any.
#pragma once

#include <cstddef>
#include <cstdint>

namespace torc::planted {

/// What a .bug file says about itself.
struct Bug {
  uint64_t number;
  const char* name;
  const char* sentence;  // what the product does wrong with it
  const char* row;       // of the project's bug list, or where else the bug is from
  const char* runner;    // which program looks for it: "sim", or "unit"
  const char* faults;    // the only ones of the run, separated by commas; empty: whatever the seed draws
  const char* options;   // of that program
  unsigned nodes;
  unsigned seeds;  // it must be found within so many
};
extern const Bug kBugs[];
extern const size_t kBugCount;

/// The bug that is switched on; 0: none.
extern uint64_t active;
inline bool is_on(uint64_t number) { return active == number; }

}  // namespace torc::planted
