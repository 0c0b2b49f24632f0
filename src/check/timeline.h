// One key's operations as starts and ends in the order of real time.
#pragma once

#include <cstdint>
#include <vector>

#include "check/model.h"

namespace torc::check {

/// Position of an operation among those of its key.
using OperationIndex = uint32_t;

struct Event {
  OperationIndex operation = 0;
  bool is_end = false;
};

/// Operations without an answer have no end. At one and the same nanosecond starts come before ends, so that operations
/// which only touch count as concurrent; but a start whose client ended something at that nanosecond comes after all
/// ends that could come before it (simulated clocks tie often, and one client's operations have an order).
std::vector<Event> timeline_of(const std::vector<ModelOperation>& operations);

}  // namespace torc::check
