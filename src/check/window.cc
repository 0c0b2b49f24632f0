#include "check/window.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace torc::check {
namespace {

// Ends looked at before the one that got stuck. Enough to meet the write that made a stale value stale in any history
// with some traffic; few enough to try leaving out each operation.
constexpr size_t kWindowEndsMax = 64;
// Leaving out an operation makes the rest freer, so a try may need more configurations; then it stays in the drawing.
constexpr size_t kTryConfigurationsMax = 1u << 14;

/// Part of a timeline from a known set of configurations to the end that got stuck.
class Excerpt {
 public:
  Excerpt(StateSpace& space, const std::vector<ModelOperation>& operations, SearchStart start,
          std::vector<Event> events)
      : space_(space), operations_(operations), start_(std::move(start)), events_(std::move(events)) {}

  /// Is there no order even if the operations that are not in `kept` may take effect at any time, or never, whatever
  /// they answered? (Merely leaving them out would turn every history into nonsense: without its set, each get is
  /// stale.)
  bool is_stuck_with(const std::vector<bool>& kept) const {
    std::vector<ModelOperation> operations = operations_;
    for (size_t i = 0; i < operations.size(); ++i) {
      if (kept[i]) continue;
      operations[i].is_open = true;
      operations[i].is_blind = false;
      operations[i].is_read_only = false;
    }
    const auto is_gone = [&](OperationIndex i) {
      return !kept[i] && (operations_[i].is_open || operations_[i].is_read_only || is_plain_read(i));
    };
    std::vector<Event> events;
    for (const Event& event : events_) {
      if (!is_gone(event.operation) && (kept[event.operation] || !event.is_end)) events.push_back(event);
    }
    SearchStart start;
    for (const OperationIndex i : start_.under_way) {
      if (!is_gone(i)) start.under_way.push_back(i);
    }
    for (const SearchStart::Way& way : start_.ways) {
      SearchStart::Way& freer = start.ways.emplace_back(SearchStart::Way{way.state, {}});
      for (const auto& pending : way.pending) {
        if (is_gone(pending.operation)) continue;
        freer.pending.push_back({pending.operation, pending.is_mandatory && kept[pending.operation]});
      }
    }
    Search search(space_, operations, std::move(events), kTryConfigurationsMax, start);
    return search.run() == Verdict::kNotLinearizable;
  }

 private:
  bool is_plain_read(OperationIndex i) const { return operations_[i].source->kind == OperationKind::kGet; }

  StateSpace& space_;
  const std::vector<ModelOperation>& operations_;
  SearchStart start_;
  std::vector<Event> events_;
};

/// The operations of a part of the timeline, renumbered from 0, so that trying a part costs the part.
struct Part {
  std::vector<OperationIndex> originals;  // in the order of their starts
  std::vector<ModelOperation> operations;
  std::vector<Event> events;
  SearchStart start;
};

Part part_of(StateSpace& space, const std::vector<ModelOperation>& operations, const std::vector<Event>& events,
             size_t first, size_t last, size_t configurations_max) {
  Search before(space, operations, events, configurations_max);
  CHECK(before.advance(first) == Verdict::kLinearizable);
  Part part;
  part.start = before.reached();
  part.originals = part.start.under_way;
  std::stable_sort(part.originals.begin(), part.originals.end(), [&](OperationIndex a, OperationIndex b) {
    return operations[a].source->start_ns < operations[b].source->start_ns;
  });
  for (size_t i = first; i <= last; ++i) {
    if (!events[i].is_end) part.originals.push_back(events[i].operation);
  }
  std::vector<OperationIndex> renumbered(operations.size(), 0);
  for (size_t i = 0; i < part.originals.size(); ++i) {
    renumbered[part.originals[i]] = static_cast<OperationIndex>(i);
    part.operations.push_back(operations[part.originals[i]]);
  }
  for (size_t i = first; i <= last; ++i) part.events.push_back({renumbered[events[i].operation], events[i].is_end});
  for (OperationIndex& operation : part.start.under_way) operation = renumbered[operation];
  for (SearchStart::Way& way : part.start.ways) {
    for (auto& pending : way.pending) pending.operation = renumbered[pending.operation];
  }
  return part;
}

size_t window_begin(const std::vector<Event>& events, size_t stuck_event) {
  size_t begin = stuck_event;
  for (size_t ends = 0; begin > 0 && ends < kWindowEndsMax; --begin) {
    if (events[begin - 1].is_end) ++ends;
  }
  return begin;
}

/// Leaves out one operation after the other, oldest first, as long as the rest stays stuck.
std::vector<bool> shrink(const Excerpt& excerpt, const Part& part, OperationIndex stuck) {
  std::vector<bool> kept(part.operations.size(), true);
  for (size_t i = 0; i < kept.size(); ++i) {
    if (part.operations[i].is_open) kept[i] = false;  // what cannot help with them cannot help without them
  }
  for (bool is_smaller = true; is_smaller;) {
    is_smaller = false;
    for (size_t i = 0; i < kept.size(); ++i) {
      if (!kept[i] || i == stuck) continue;
      kept[i] = false;
      if (excerpt.is_stuck_with(kept)) {
        is_smaller = true;
      } else {
        kept[i] = true;
      }
    }
  }
  return kept;
}

std::vector<StateId> states_of(const SearchStart& start) {
  std::vector<StateId> states;
  for (const SearchStart::Way& way : start.ways) states.push_back(way.state);
  std::sort(states.begin(), states.end());
  states.erase(std::unique(states.begin(), states.end()), states.end());
  return states;
}

}  // namespace

Window smallest_window(StateSpace& space, const std::vector<ModelOperation>& operations,
                       const std::vector<Event>& events, size_t stuck_event, size_t configurations_max) {
  const size_t begin = window_begin(events, stuck_event);
  const Part part = part_of(space, operations, events, begin, stuck_event, configurations_max);
  const Excerpt excerpt(space, part.operations, part.start, part.events);
  const std::vector<bool> kept = shrink(excerpt, part, part.events.back().operation);

  Window window;
  window.states_before = states_of(part.start);
  std::vector<bool> is_kept(operations.size(), false);
  for (size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) continue;
    window.operations.push_back(part.originals[i]);
    is_kept[part.originals[i]] = true;
  }
  // Begin as late as the rest allows: fewer values are possible right before the first operation that matters.
  size_t first = begin;
  while (first < stuck_event && (events[first].is_end || !is_kept[events[first].operation])) ++first;
  const Part later = part_of(space, operations, events, first, stuck_event, configurations_max);
  std::vector<bool> kept_later;
  for (const OperationIndex original : later.originals) kept_later.push_back(is_kept[original]);
  const Excerpt tightened(space, later.operations, later.start, later.events);
  if (tightened.is_stuck_with(kept_later)) window.states_before = states_of(later.start);
  return window;
}

}  // namespace torc::check
