// Many seeds, one after the other in a few worker processes, so that a failed CHECK names its seed instead of ending
// everything. Stops at the first failure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "sim/run_seed.h"

namespace torc::sim {

struct CampaignOptions {
  uint64_t first_seed = 1;
  uint64_t seeds = 100;
  unsigned jobs = 1;
  /// Every n-th seed runs a second time and must give the same trace hash.
  uint64_t repeat_every = 10;
  SeedOptions seed;
};

enum class CampaignEnd : uint8_t { kPassed, kSafety, kLiveness, kNondeterminism };

struct CampaignReport {
  CampaignEnd end = CampaignEnd::kPassed;
  uint64_t failed_seed = 0;
  std::string message;
  uint64_t seeds_passed = 0;
  SeedStats totals;
  SeedStats least;          // of any one seed that passed: simulated, faults, operations
  uint64_t trace_hash = 0;  // of run_one's seed
};

/// Runs one seed, twice if asked, in this process.
CampaignReport run_one(uint64_t seed, const SeedOptions& options, bool twice);
/// `progress` is told the totals so far after each seed.
CampaignReport run_campaign(const CampaignOptions& options, const std::function<void(const CampaignReport&)>& progress);

}  // namespace torc::sim
