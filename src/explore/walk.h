// At random through worlds too large to meet all of: long stories of many terms, changes and crashes at once.
#pragma once

#include <functional>

#include "explore/search.h"

namespace torc::explore {

struct WalkLimits {
  uint64_t seed = 0;  // of the first walk; later ones follow from it
  uint64_t walks = UINT64_MAX;
  uint64_t steps = 100;                                  // of one walk
  uint64_t states = 5'000'000;                           // of single replicas: these are what memory holds
  std::function<bool()> is_over = [] { return false; };  // asked after every walk
};

/// Ends at the first violation, told with the walk that led there: not a shortest way.
Report walk(const Config& config, const WalkLimits& limits);

}  // namespace torc::explore
