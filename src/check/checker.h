// Is a history linearizable: could one copy of each key, doing one thing at a time, have given every answer in it?
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "check/history.h"
#include "check/search.h"

namespace torc::check {

struct CheckOptions {
  /// Configurations kept at one time before the checker gives up; about 100 bytes each.
  size_t configurations_max = 1u << 20;
};

/// Why there is no order.
struct Violation {
  std::string key;
  std::vector<size_t> operations;  // positions in the history: what is needed to see it, in the order of their starts
  size_t stuck = 0;                // one of them: no order explains its answer
  std::vector<std::string> states_before;  // every value possible before them, as people write them
  std::string reason;                      // one sentence
};

struct Report {
  Verdict verdict = Verdict::kLinearizable;
  size_t operations = 0;
  size_t keys = 0;
  size_t keys_without_order = 0;
  std::vector<std::string> undecided_keys;  // kUndecided
  std::optional<Violation> violation;       // kNotLinearizable: the earliest
};

/// Linearizability is compositional, so each key is checked alone (Herlihy & Wing 1990, theorem 1).
/// Errors: kInvalid if no client can have produced this history (check/validate.h).
Result<Report> check_history(const History& history, const CheckOptions& options = {});

}  // namespace torc::check
