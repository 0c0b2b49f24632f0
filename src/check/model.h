// What each operation does to a key's value, and which answers it may give: the sequential specification.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "check/history.h"
#include "check/state_space.h"

namespace torc::check {

/// An operation prepared for the search: texts hashed and interned once, its role decided once.
struct ModelOperation {
  const Operation* source = nullptr;  // outlives this
  StateId value_state = kNilState;    // of `value`, where the operation writes it whole
  Fingerprint value;
  Fingerprint expected;      // cas
  Fingerprint outcome_text;  // kText
  bool is_open = false;      // unknown outcome: may take effect at any time after its start, or never
  /// Whatever the value, it is replaced, and the answer says nothing: a set that was acknowledged.
  bool is_blind = false;
  /// Given its answer it cannot have changed anything.
  bool is_read_only = false;
};

/// Requires: validate(operation) passed; it and the space outlive the result.
ModelOperation prepare(const Operation& operation, StateSpace& space);

/// The operation cannot tell or change anything: a refused one, or a get without an answer.
bool is_irrelevant(const Operation& operation);

/// The value after `operation` was executed on `state`, or none if it would have answered something else.
std::optional<StateId> step(StateSpace& space, StateId state, const ModelOperation& operation);

/// What the operation would have answered on `state`.
Outcome answer_on(StateSpace& space, StateId state, const Operation& operation);

/// Could `observer` still answer as it did if the value became `state` now and then only grew by appends and
/// increments? `before`: the value before it became `state`. May say yes too often, never no too often.
bool may_observe(StateSpace& space, const ModelOperation& observer, StateId before, StateId state);

}  // namespace torc::check
