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
};

Profile draw_profile(Prng& prng, size_t node_count);

}  // namespace torc::sim
