// A violation as a picture for a terminal.
#pragma once

#include <string>

#include "check/checker.h"

namespace torc::check {

/// Several lines, the last one ending in a newline: the values before, one bar per operation (rows by client), the axis
/// of time, and the reason. Ends of bars stand in the true order; distances are not to scale.
std::string draw(const History& history, const Violation& violation);

}  // namespace torc::check
