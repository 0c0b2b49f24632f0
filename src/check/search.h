// Is there an order? Walks along one key's timeline and keeps every configuration that explains what ended so far.
//
// This is Wing & Gong's search with Lowe's memoisation ("Testing for linearizability", 2017) in his just-in-time form:
// an operation is put in order no earlier than at the end of some operation that needs it. Walking breadth first
// instead of backtracking bounds memory by what is under way at one time, not by the length of the history, and the
// first end that no configuration survives is where the shortest prefix without an order ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "check/configurations.h"
#include "check/model.h"
#include "check/timeline.h"

namespace torc::check {

enum class Verdict {
  kLinearizable,
  kNotLinearizable,
  kUndecided,  // more configurations than the limit: too many concurrent operations without an answer
};

/// Where a search begins if not at the beginning of time.
struct SearchStart {
  struct Pending {
    OperationIndex operation = 0;
    bool is_mandatory = false;
  };
  struct Way {
    StateId state = kNilState;
    std::vector<Pending> pending;
  };
  std::vector<OperationIndex> under_way;
  std::vector<Way> ways;
};

class Search {
 public:
  /// Requires: `space` and `operations` outlive this; `events` has the start of each operation that is not in
  /// start.under_way. `configurations_max` bounds what one end may need.
  Search(StateSpace& space, const std::vector<ModelOperation>& operations, std::vector<Event> events,
         size_t configurations_max, const SearchStart& start);
  Search(StateSpace& space, const std::vector<ModelOperation>& operations, std::vector<Event> events,
         size_t configurations_max);

  /// Walks up to, not including, event `end`. Anything but kLinearizable is final; stuck_event() is then the one that
  /// no configuration survived.
  Verdict advance(size_t end);
  Verdict run() { return advance(events_.size()); }
  size_t stuck_event() const { return next_event_; }
  /// The configurations reached, as a start for another search. Requires: this one began at the beginning of time.
  SearchStart reached() const;
  /// After kNotLinearizable: the values at which the stuck operation can have been tried.
  std::vector<StateId> states_tried() const;

 private:
  void assign_slots(const SearchStart& start);
  void seat(OperationIndex operation);
  void on_start(OperationIndex operation);
  Verdict on_end(OperationIndex operation);
  /// Tries every operation under way next, so that `ending` may follow it.
  void extend(const Configuration& from, size_t ending);
  bool is_worth_trying(const Configuration& from, const ModelOperation& operation, StateId state) const;
  /// `from` after the operation in `slot` took effect and left `state`.
  void take_effect(const Configuration& from, size_t slot, StateId state, Configuration& to) const;
  /// Reads that answer what the value now is have happened: nothing can be gained by waiting.
  void settle_reads(Configuration& configuration) const;
  template <typename Visit>
  void for_each_pending(const Configuration& configuration, Visit visit) const;

  StateSpace& space_;
  const std::vector<ModelOperation>& operations_;
  std::vector<Event> events_;
  size_t configurations_max_;
  size_t next_event_ = 0;
  std::vector<uint32_t> slot_of_;             // by operation
  std::vector<OperationIndex> operation_at_;  // by slot
  std::vector<uint64_t> blind_;               // slots with acknowledged sets
  std::vector<uint32_t> twins_;               // by operation: equal for open operations that do the same
  std::vector<uint64_t> twin_tried_;          // by twins_: last extend() that tried one
  uint64_t extends_ = 0;
  size_t words_ = 0;
  ConfigurationSet reached_;
  ConfigurationSet tried_;      // on_end: before the ending operation took effect
  ConfigurationSet surviving_;  // on_end: after it
};

}  // namespace torc::check
