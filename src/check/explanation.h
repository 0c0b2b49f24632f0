// Values, operations and verdicts in words.
#pragma once

#include <string>
#include <vector>

#include "check/history.h"
#include "check/model.h"
#include "check/window.h"

namespace torc::check {

/// `"text"` with unprintable bytes escaped and the middle of a long one left out.
std::string quoted(std::string_view text);
std::string state_text(const StateSpace& space, StateId state);
/// set "1", incr by 2, ...; without the key.
std::string deed_text(const Operation& operation);
std::string outcome_text(const Outcome& outcome);

/// One sentence about the last of `window.operations` to end. `tried`: the values at which it can have been tried.
/// `refused`: operations of this key that answered an error, as they may be where a value came from.
std::string reason_of(StateSpace& space, const std::vector<ModelOperation>& operations, const Window& window,
                      OperationIndex stuck, const std::vector<StateId>& tried,
                      const std::vector<const Operation*>& refused);

}  // namespace torc::check
