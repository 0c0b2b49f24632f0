#include "check/model.h"

#include <string>

#include "check/filler.h"

namespace torc::check {
namespace {

using Kind = Outcome::Kind;

bool is_text(StateSpace& space, StateId state, const Fingerprint& text) {
  return state != kNilState && space.fingerprint(state) == text;
}

bool is_answer(StateSpace& space, StateId state, const ModelOperation& operation) {
  const Outcome& outcome = operation.source->outcome;
  if (operation.is_open) return true;
  return outcome.kind == Kind::kNil ? state == kNilState : is_text(space, state, operation.outcome_text);
}

bool is_answer(int64_t answer, const ModelOperation& operation) {
  return operation.is_open || answer == operation.source->outcome.integer;
}

/// Increment: the new number, or the beginning of the error.
struct Sum {
  int64_t number = 0;
  const char* error = nullptr;
};
Sum add(StateSpace& space, StateId state, int64_t delta) {
  const std::optional<int64_t> number = space.number(state);
  if (!number) return {0, kNotAnInteger};
  Sum sum;
  if (__builtin_add_overflow(*number, delta, &sum.number)) return {0, kWouldOverflow};
  return sum;
}

std::optional<StateId> step_incr(StateSpace& space, StateId state, const ModelOperation& operation) {
  const Outcome& outcome = operation.source->outcome;
  const Sum sum = add(space, state, operation.source->delta);
  if (sum.error != nullptr) {
    const bool is_told = operation.is_open || (outcome.kind == Kind::kError && outcome.text.starts_with(sum.error));
    return is_told ? std::optional(state) : std::nullopt;
  }
  if (!operation.is_open && (outcome.kind != Kind::kInteger || outcome.integer != sum.number)) return std::nullopt;
  return space.of_number(sum.number);
}

bool is_telling_error(const Operation& operation) {
  return operation.kind == OperationKind::kIncr &&
         (operation.outcome.text.starts_with(kNotAnInteger) || operation.outcome.text.starts_with(kWouldOverflow));
}

bool is_read_only(const Operation& operation) {
  const Outcome& outcome = operation.outcome;
  if (outcome.kind == Kind::kUnknown) return false;
  switch (operation.kind) {
    case OperationKind::kGet:
      return true;
    case OperationKind::kGetDel:
      return outcome.kind == Kind::kNil;
    case OperationKind::kSetNx:
    case OperationKind::kDel:
    case OperationKind::kCas:
      return outcome.integer == 0;
    case OperationKind::kIncr:
      return outcome.kind == Kind::kError;
    case OperationKind::kSet:
    case OperationKind::kGetSet:
    case OperationKind::kAppend:
      return false;
  }
  return false;
}

/// Is the text of `state` a beginning of `text`?
bool is_prefix(StateSpace& space, StateId state, std::string_view text) {
  if (state == kNilState) return true;
  const Fingerprint& fingerprint = space.fingerprint(state);
  return fingerprint.written <= text.size() && Fingerprint::of(text.substr(0, fingerprint.written)) == fingerprint;
}

}  // namespace

ModelOperation prepare(const Operation& operation, StateSpace& space) {
  ModelOperation prepared;
  prepared.source = &operation;
  prepared.is_open = operation.outcome.kind == Kind::kUnknown;
  prepared.is_blind = operation.kind == OperationKind::kSet && !prepared.is_open;
  prepared.is_read_only = is_read_only(operation);
  prepared.value = Fingerprint::of(operation.value);
  prepared.expected = Fingerprint::of(operation.expected);
  prepared.outcome_text = Fingerprint::of(operation.outcome.text);
  switch (operation.kind) {
    case OperationKind::kSet:
    case OperationKind::kSetNx:
    case OperationKind::kGetSet:
    case OperationKind::kCas:
      prepared.value_state = space.of_text(operation.value);
      break;
    case OperationKind::kGet:
    case OperationKind::kGetDel:
    case OperationKind::kDel:
    case OperationKind::kAppend:
    case OperationKind::kIncr:
      break;
  }
  return prepared;
}

bool is_irrelevant(const Operation& operation) {
  if (operation.outcome.kind == Kind::kUnknown) return operation.kind == OperationKind::kGet;
  return operation.outcome.kind == Kind::kError && !is_telling_error(operation);
}

std::optional<StateId> step(StateSpace& space, StateId state, const ModelOperation& operation) {
  const bool exists = state != kNilState;
  switch (operation.source->kind) {
    case OperationKind::kGet:
      if (!is_answer(space, state, operation)) return std::nullopt;
      return state;
    case OperationKind::kSet:
      return operation.value_state;
    case OperationKind::kSetNx:
      if (!is_answer(exists ? 0 : 1, operation)) return std::nullopt;
      return exists ? state : operation.value_state;
    case OperationKind::kGetSet:
      if (!is_answer(space, state, operation)) return std::nullopt;
      return operation.value_state;
    case OperationKind::kGetDel:
      if (!is_answer(space, state, operation)) return std::nullopt;
      return kNilState;
    case OperationKind::kDel:
      if (!is_answer(exists ? 1 : 0, operation)) return std::nullopt;
      return kNilState;
    case OperationKind::kAppend: {
      const uint64_t length = space.fingerprint(state).length + operation.value.length;
      if (!is_answer(static_cast<int64_t>(length), operation)) return std::nullopt;
      return space.appended(state, operation.source->value);
    }
    case OperationKind::kCas: {
      const bool is_equal = is_text(space, state, operation.expected);
      if (!is_answer(is_equal ? 1 : 0, operation)) return std::nullopt;
      return is_equal ? operation.value_state : state;
    }
    case OperationKind::kIncr:
      return step_incr(space, state, operation);
  }
  return std::nullopt;
}

Outcome answer_on(StateSpace& space, StateId state, const Operation& operation) {
  const bool exists = state != kNilState;
  switch (operation.kind) {
    case OperationKind::kGet:
    case OperationKind::kGetSet:
    case OperationKind::kGetDel:
      return exists ? Outcome::of_text(space.text(state)) : Outcome::nil();
    case OperationKind::kSet:
      return Outcome::ok();
    case OperationKind::kSetNx:
      return Outcome::of_integer(exists ? 0 : 1);
    case OperationKind::kDel:
      return Outcome::of_integer(exists ? 1 : 0);
    case OperationKind::kAppend:
      return Outcome::of_integer(
          static_cast<int64_t>(space.fingerprint(state).length + expanded_bytes(operation.value)));
    case OperationKind::kCas:
      return Outcome::of_integer(is_text(space, state, Fingerprint::of(operation.expected)) ? 1 : 0);
    case OperationKind::kIncr: {
      const Sum sum = add(space, state, operation.delta);
      return sum.error != nullptr ? Outcome::error(sum.error) : Outcome::of_integer(sum.number);
    }
  }
  return Outcome::unknown();
}

bool may_observe(StateSpace& space, const ModelOperation& observer, StateId before, StateId state) {
  const Operation& operation = *observer.source;
  const Outcome& outcome = operation.outcome;
  switch (operation.kind) {
    case OperationKind::kGet:
    case OperationKind::kGetSet:
    case OperationKind::kGetDel:
      return !observer.is_open && outcome.kind == Kind::kText && is_prefix(space, state, outcome.text);
    case OperationKind::kSet:
      return false;
    case OperationKind::kCas:
      if (observer.is_open || outcome.integer == 1) return is_prefix(space, state, operation.expected);
      break;
    case OperationKind::kAppend:
      return !observer.is_open &&
             space.fingerprint(state).length + observer.value.length <= static_cast<uint64_t>(outcome.integer);
    case OperationKind::kIncr:
      return true;
    case OperationKind::kSetNx:
    case OperationKind::kDel:
      if (observer.is_open) return false;
      break;
  }
  return !step(space, before, observer).has_value();  // it only asks whether the key exists, or differs
}

}  // namespace torc::check
