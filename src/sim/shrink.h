// From a seed that fails to a short story that fails the same way: fewer faults, fewer clients, less time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/campaign.h"

namespace torc::sim {

/// What became of one run in a process of its own, so that a failed CHECK is an answer, too.
struct Probe {
  CampaignEnd end = CampaignEnd::kPassed;
  bool has_crashed = false;  // the program died: a failed CHECK
  std::string message;
  Duration simulated{0};  // of a run that ended by itself
  Duration fire{0};
  std::vector<StruckFault> faults;
};
Probe probe(uint64_t seed, const SeedOptions& options);

struct Shrunk {
  SeedOptions options;  // repeat the failure with these
  Probe last;           // of the shortest run that failed
  size_t runs = 0;
};

/// Removes what is not needed for the failure of `seed`. Every fault draws alone and strikes at a time of its own, so
/// removing one leaves the others what they were; what follows from them may still change, so every step is run.
/// Requires: `first` is the failed probe of (seed, options).
Shrunk shrink(uint64_t seed, const SeedOptions& options, const Probe& first);

/// The command line of torc-sim that runs `seed` with these options.
std::string command_of(uint64_t seed, const SeedOptions& options);

}  // namespace torc::sim
