#include "check/search.h"

#include <algorithm>
#include <bit>
#include <map>
#include <tuple>
#include <utility>

#include "base/check.h"

namespace torc::check {

Search::Search(StateSpace& space, const std::vector<ModelOperation>& operations, std::vector<Event> events,
               size_t configurations_max)
    : Search(space, operations, std::move(events), configurations_max, SearchStart{{}, {SearchStart::Way{}}}) {}

Search::Search(StateSpace& space, const std::vector<ModelOperation>& operations, std::vector<Event> events,
               size_t configurations_max, const SearchStart& start)
    : space_(space),
      operations_(operations),
      events_(std::move(events)),
      configurations_max_(configurations_max),
      reached_(0),
      tried_(0),
      surviving_(0) {
  assign_slots(start);
  reached_ = tried_ = surviving_ = ConfigurationSet(words_);
  for (const OperationIndex operation : start.under_way) seat(operation);
  Configuration configuration;
  for (const SearchStart::Way& way : start.ways) {
    configuration.state = way.state;
    configuration.pending.assign(words_, 0);
    configuration.mandatory.assign(words_, 0);
    for (const auto& pending : way.pending) {
      configuration.set_pending(slot_of_[pending.operation], pending.is_mandatory);
    }
    reached_.insert(configuration);
  }
}

void Search::assign_slots(const SearchStart& start) {
  constexpr uint32_t kNoSlot = UINT32_MAX;
  slot_of_.assign(operations_.size(), kNoSlot);
  std::vector<uint32_t> free_slots;
  uint32_t slots = 0;
  const auto assign = [&](OperationIndex operation) {
    if (free_slots.empty()) free_slots.push_back(slots++);
    slot_of_[operation] = free_slots.back();
    free_slots.pop_back();
  };
  for (const OperationIndex operation : start.under_way) assign(operation);
  for (const Event& event : events_) {
    if (event.is_end) {
      CHECK(slot_of_[event.operation] != kNoSlot) << "operation " << event.operation << " ends but never started";
      free_slots.push_back(slot_of_[event.operation]);
    } else {
      assign(event.operation);
    }
  }
  words_ = slots / 64 + 1;
  operation_at_.assign(words_ * 64, 0);
  blind_.assign(words_, 0);

  using Deed = std::tuple<OperationKind, std::string_view, std::string_view, int64_t>;
  std::map<Deed, uint32_t> deeds;
  twins_.assign(operations_.size(), 0);
  for (size_t i = 0; i < operations_.size(); ++i) {
    if (!operations_[i].is_open) continue;
    const Operation& source = *operations_[i].source;
    const Deed deed{source.kind, source.value, source.expected, source.delta};
    twins_[i] = deeds.try_emplace(deed, static_cast<uint32_t>(deeds.size())).first->second;
  }
  twin_tried_.assign(deeds.size(), 0);
}

Verdict Search::advance(size_t end) {
  for (; next_event_ < end; ++next_event_) {
    const Event& event = events_[next_event_];
    if (!event.is_end) {
      on_start(event.operation);
    } else if (const Verdict verdict = on_end(event.operation); verdict != Verdict::kLinearizable) {
      return verdict;
    }
  }
  return Verdict::kLinearizable;
}

void Search::seat(OperationIndex operation) {
  const size_t slot = slot_of_[operation];
  operation_at_[slot] = operation;
  const uint64_t bit = uint64_t{1} << (slot % 64);
  if (operations_[operation].is_blind) {
    blind_[slot / 64] |= bit;
  } else {
    blind_[slot / 64] &= ~bit;
  }
}

void Search::on_start(OperationIndex index) {
  seat(index);
  const ModelOperation& operation = operations_[index];
  for (size_t at = 0; at < reached_.end(); ++at) {
    if (!reached_.is_alive(at)) continue;
    if (operation.is_read_only && step(space_, reached_.state(at), operation)) continue;  // settled at once
    reached_.add_pending(at, slot_of_[index], !operation.is_open);
  }
}

Verdict Search::on_end(OperationIndex index) {
  const size_t slot = slot_of_[index];
  const ModelOperation& operation = operations_[index];
  tried_.clear();
  surviving_.clear();
  Configuration from;
  Configuration to;
  bool is_done_everywhere = true;
  for (size_t at = 0; at < reached_.end(); ++at) {
    if (reached_.is_alive(at) && reached_.is_pending(at, slot)) is_done_everywhere = false;
  }
  if (is_done_everywhere) return Verdict::kLinearizable;

  for (size_t at = 0; at < reached_.end(); ++at) {
    if (!reached_.is_alive(at)) continue;
    reached_.read(at, from);
    tried_.insert(from);
  }
  for (size_t at = 0; at < tried_.end(); ++at) {
    if (!tried_.is_alive(at)) continue;
    if (tried_.size() > configurations_max_) return Verdict::kUndecided;
    tried_.read(at, from);
    if (!from.is_pending(slot)) {
      surviving_.insert(from);
      continue;
    }
    if (!from.is_mandatory(slot)) {  // replaced unseen
      to = from;
      to.set_done(slot);
      surviving_.insert(to);
    }
    if (const auto state = step(space_, from.state, operation)) {
      take_effect(from, slot, *state, to);
      surviving_.insert(to);
    }
    extend(from, slot);
  }
  if (surviving_.empty()) return Verdict::kNotLinearizable;
  reached_.swap(surviving_);
  return Verdict::kLinearizable;
}

void Search::extend(const Configuration& from, size_t ending) {
  ++extends_;
  Configuration to;
  for_each_pending(from, [&](size_t slot) {
    const ModelOperation& operation = operations_[operation_at_[slot]];
    if (slot == ending || operation.is_read_only) return;
    if (operation.is_open) {  // of several open operations that do the same, any one will do
      uint64_t& last_try = twin_tried_[twins_[operation_at_[slot]]];
      if (std::exchange(last_try, extends_) == extends_) return;
    }
    const auto state = step(space_, from.state, operation);
    if (!state) return;
    if (*state == from.state && !from.is_mandatory(slot)) return;
    if (operation.is_open && !is_worth_trying(from, operation, *state)) return;
    take_effect(from, slot, *state, to);
    tried_.insert(to);
  });
}

/// An append without an answer can wait until something that is under way could see it. Without this, n of them are
/// tried in all n! orders at every end.
bool Search::is_worth_trying(const Configuration& from, const ModelOperation& operation, StateId state) const {
  if (operation.source->kind != OperationKind::kAppend) return true;
  bool is_seen = false;
  for_each_pending(from, [&](size_t slot) {
    const ModelOperation& observer = operations_[operation_at_[slot]];
    if (!is_seen && &observer != &operation) is_seen = may_observe(space_, observer, from.state, state);
  });
  return is_seen;
}

void Search::take_effect(const Configuration& from, size_t slot, StateId state, Configuration& to) const {
  to = from;
  to.state = state;
  to.set_done(slot);
  if (operations_[operation_at_[slot]].source->kind == OperationKind::kSet) {
    // Every acknowledged set under way may have come right before this one, unseen.
    for (size_t word = 0; word < words_; ++word) to.mandatory[word] &= ~blind_[word];
  }
  settle_reads(to);
}

void Search::settle_reads(Configuration& configuration) const {
  for_each_pending(configuration, [&](size_t slot) {
    const ModelOperation& operation = operations_[operation_at_[slot]];
    if (operation.is_read_only && step(space_, configuration.state, operation)) configuration.set_done(slot);
  });
}

template <typename Visit>
void Search::for_each_pending(const Configuration& configuration, Visit visit) const {
  for (size_t word = 0; word < words_; ++word) {
    for (uint64_t rest = configuration.pending[word]; rest != 0; rest &= rest - 1) {
      visit(word * 64 + static_cast<size_t>(std::countr_zero(rest)));
    }
  }
}

SearchStart Search::reached() const {
  SearchStart start;
  std::vector<bool> is_under_way(operations_.size(), false);
  for (size_t i = 0; i < next_event_; ++i) is_under_way[events_[i].operation] = !events_[i].is_end;
  for (size_t i = 0; i < operations_.size(); ++i) {
    if (is_under_way[i]) start.under_way.push_back(static_cast<OperationIndex>(i));
  }
  Configuration configuration;
  for (size_t at = 0; at < reached_.end(); ++at) {
    if (!reached_.is_alive(at)) continue;
    reached_.read(at, configuration);
    SearchStart::Way way{configuration.state, {}};
    for_each_pending(configuration, [&](size_t slot) {
      way.pending.push_back({operation_at_[slot], configuration.is_mandatory(slot)});
    });
    start.ways.push_back(std::move(way));
  }
  return start;
}

std::vector<StateId> Search::states_tried() const {
  std::vector<StateId> states;
  for (size_t at = 0; at < tried_.end(); ++at) {
    if (tried_.is_alive(at)) states.push_back(tried_.state(at));
  }
  std::sort(states.begin(), states.end());
  states.erase(std::unique(states.begin(), states.end()), states.end());
  return states;
}

}  // namespace torc::check
