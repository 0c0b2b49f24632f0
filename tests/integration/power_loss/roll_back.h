// Power fails: what a process had not synced is taken back.
#pragma once

#include <string>

#include "base/prng.h"

namespace torc::power_loss {

/// What may be left of what was not synced. The real thing leaves anything between all and nothing of it.
enum class Extent {
  kNothing,  // everything unsynced is gone
  kSome,     // pages, sectors of torn pages, sizes and names, each for itself
};

/// Requires: the process that worked in `root` under the preloaded library has ended. Leaves no state behind. Returns
/// what was taken back, one line. Throws std::runtime_error if the state makes no sense.
std::string roll_back(const std::string& root, Extent extent, Prng& prng);

}  // namespace torc::power_loss
