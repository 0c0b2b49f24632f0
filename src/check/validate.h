// Refuses histories that no client can have produced, before the search draws conclusions from them.
#pragma once

#include "base/result.h"
#include "check/history.h"

namespace torc::check {

/// Errors: kInvalid, naming the operation by its 1-based position (= line number of a file without blank lines): it
/// ends before it starts, its outcome cannot be an answer to its kind, its end is missing or superfluous, or its client
/// had another operation under way.
Status validate(const History& history);

/// The first of these alone: everything that can be said of one operation. The message does not name the operation.
Status validate(const Operation& operation);

}  // namespace torc::check
