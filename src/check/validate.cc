#include "check/validate.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace torc::check {
namespace {

using Kind = Outcome::Kind;

Error invalid(std::string message) { return Error{ErrorCode::kInvalid, std::move(message)}; }

bool is_zero_or_one(const Outcome& outcome) {
  return outcome.kind == Kind::kInteger && (outcome.integer == 0 || outcome.integer == 1);
}

/// What the answers to an operation look like, or null if `outcome` is one of them.
const char* expected_answer(OperationKind kind, const Outcome& outcome) {
  switch (kind) {
    case OperationKind::kGet:
    case OperationKind::kGetSet:
    case OperationKind::kGetDel:
      return outcome.kind == Kind::kText || outcome.kind == Kind::kNil ? nullptr : "a string or null";
    case OperationKind::kSet:
      return outcome.kind == Kind::kText && outcome.text == "OK" ? nullptr : "\"OK\"";
    case OperationKind::kSetNx:
    case OperationKind::kDel:
    case OperationKind::kCas:
      return is_zero_or_one(outcome) ? nullptr : "0 or 1";
    case OperationKind::kAppend:
      return outcome.kind == Kind::kInteger && outcome.integer >= 0 ? nullptr : "the new length";
    case OperationKind::kIncr:
      return outcome.kind == Kind::kInteger ? nullptr : "the new number";
  }
  return nullptr;
}

}  // namespace

Status validate(const Operation& operation) {
  const Outcome& outcome = operation.outcome;
  if (outcome.kind == Kind::kUnknown) {
    if (operation.end_ns) return invalid("has an end although its outcome is unknown");
    return {};
  }
  if (!operation.end_ns) return invalid("has an outcome but no end");
  if (*operation.end_ns < operation.start_ns) return invalid("ends before it starts");
  if (outcome.kind == Kind::kError) return {};
  if (const char* expected = expected_answer(operation.kind, outcome)) {
    return invalid(std::string("the result of ") + name_of(operation.kind) + " must be " + expected);
  }
  return {};
}

Status validate(const History& history) {
  for (size_t i = 0; i < history.size(); ++i) {
    if (Status status = validate(history[i]); !status.ok()) {
      return invalid("operation " + std::to_string(i + 1) + ": " + status.error().message);
    }
  }
  std::vector<size_t> by_client(history.size());
  std::iota(by_client.begin(), by_client.end(), 0);
  std::stable_sort(by_client.begin(), by_client.end(), [&](size_t a, size_t b) {
    if (history[a].client != history[b].client) return history[a].client < history[b].client;
    return history[a].start_ns < history[b].start_ns;
  });
  for (size_t i = 1; i < by_client.size(); ++i) {
    const Operation& earlier = history[by_client[i - 1]];
    const Operation& later = history[by_client[i]];
    if (earlier.client != later.client || !earlier.end_ns || *earlier.end_ns <= later.start_ns) continue;
    return invalid("operation " + std::to_string(by_client[i] + 1) + ": client " + std::to_string(later.client) +
                   " starts it while its operation " + std::to_string(by_client[i - 1] + 1) +
                   " is still under way; give concurrent operations clients of their own");
  }
  return {};
}

}  // namespace torc::check
