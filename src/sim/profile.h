// What kind of world a seed lives in: the options of everything, drawn before the world begins.
#pragma once

#include <cstddef>

#include "base/prng.h"
#include "sim/nemesis.h"
#include "sim/workload.h"
#include "sim/world.h"

namespace torc::sim {

struct Profile {
  WorldOptions world;
  NemesisOptions faults;
  WorkloadOptions workload;
  bool is_calm = false;  // no faults at all: then everything has to go well (sim/calm.h)
};

/// `is_calm`: certainly; otherwise the seed says.
Profile draw_profile(Prng& prng, size_t node_count, bool is_calm = false);

}  // namespace torc::sim
