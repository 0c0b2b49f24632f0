#include "check/checker.h"

#include <map>
#include <string_view>
#include <utility>

#include "check/explanation.h"
#include "check/model.h"
#include "check/timeline.h"
#include "check/validate.h"
#include "check/window.h"

namespace torc::check {
namespace {

/// One key's share of the history, ready to be searched.
struct KeyHistory {
  StateSpace space;
  std::vector<size_t> positions;  // in the history, by OperationIndex
  std::vector<ModelOperation> operations;
  std::vector<const Operation*> refused;
  std::vector<Event> events;
};

void fill(KeyHistory& key_history, const History& history, const std::vector<size_t>& positions) {
  for (const size_t position : positions) {
    const Operation& operation = history[position];
    if (is_irrelevant(operation)) {
      if (operation.outcome.kind == Outcome::Kind::kError) key_history.refused.push_back(&operation);
      continue;
    }
    key_history.positions.push_back(position);
    key_history.operations.push_back(prepare(operation, key_history.space));
  }
  key_history.events = timeline_of(key_history.operations);
}

Violation explain(KeyHistory& key_history, const Search& search, const CheckOptions& options) {
  const std::vector<StateId> tried = search.states_tried();
  const OperationIndex stuck = key_history.events[search.stuck_event()].operation;
  const Window window = smallest_window(key_history.space, key_history.operations, key_history.events,
                                        search.stuck_event(), options.configurations_max);
  Violation violation;
  violation.key = key_history.operations[stuck].source->key;
  for (const OperationIndex i : window.operations) violation.operations.push_back(key_history.positions[i]);
  violation.stuck = key_history.positions[stuck];
  for (const StateId state : window.states_before) {
    violation.states_before.push_back(state_text(key_history.space, state));
  }
  violation.reason = reason_of(key_history.space, key_history.operations, window, stuck, tried, key_history.refused);
  return violation;
}

}  // namespace

Result<Report> check_history(const History& history, const CheckOptions& options) {
  if (Status status = validate(history); !status.ok()) return status.error();
  std::map<std::string_view, std::vector<size_t>> positions_by_key;
  for (size_t i = 0; i < history.size(); ++i) positions_by_key[history[i].key].push_back(i);

  Report report;
  report.operations = history.size();
  report.keys = positions_by_key.size();
  int64_t earliest_end_ns = INT64_MAX;
  for (const auto& [key, positions] : positions_by_key) {
    KeyHistory key_history;
    fill(key_history, history, positions);
    Search search(key_history.space, key_history.operations, key_history.events, options.configurations_max);
    switch (search.run()) {
      case Verdict::kLinearizable:
        break;
      case Verdict::kUndecided:
        report.undecided_keys.emplace_back(key);
        break;
      case Verdict::kNotLinearizable: {
        ++report.keys_without_order;
        const OperationIndex stuck = key_history.events[search.stuck_event()].operation;
        const int64_t end_ns = *key_history.operations[stuck].source->end_ns;
        if (end_ns >= earliest_end_ns) break;
        earliest_end_ns = end_ns;
        report.violation = explain(key_history, search, options);
        break;
      }
    }
  }
  if (report.keys_without_order > 0) {
    report.verdict = Verdict::kNotLinearizable;
  } else if (!report.undecided_keys.empty()) {
    report.verdict = Verdict::kUndecided;
  }
  return report;
}

}  // namespace torc::check
