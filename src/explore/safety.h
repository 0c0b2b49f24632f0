// What must hold in every world (Raft figure 3, and what clients were promised).
#pragma once

#include <string>

#include "explore/world.h"

namespace torc::explore {

/// Writes what the replica at `position` just did into the past and checks all promises. Empty if they hold.
std::string observe(World& world, uint8_t position, const Step& step, const Cast& cast);

}  // namespace torc::explore
