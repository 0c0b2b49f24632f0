// How a part of a simulated machine asks for something to happen later, without knowing the rest of the world.
#pragma once

#include <functional>

#include "base/time.h"

namespace torc::sim {

/// Runs the work after the delay, unless the process that asked has died by then.
using Schedule = std::function<void(Duration delay, std::function<void()> work)>;

}  // namespace torc::sim
