// Cuts a history that has no order down to the few operations that show it.
#pragma once

#include <vector>

#include "check/search.h"

namespace torc::check {

struct Window {
  /// In the order of their starts. From none of states_before can these be put in order, whatever the other operations
  /// of the window did or did not do.
  std::vector<OperationIndex> operations;
  std::vector<StateId> states_before;  // every value the key can have had when the window begins
};

/// Requires: a search over `events` got stuck at `stuck_event`.
Window smallest_window(StateSpace& space, const std::vector<ModelOperation>& operations,
                       const std::vector<Event>& events, size_t stuck_event, size_t configurations_max);

}  // namespace torc::check
