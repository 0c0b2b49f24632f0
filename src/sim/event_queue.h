// The one time line of a simulated world: events in the order (time, order of scheduling). Nothing else makes time
// pass.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/time.h"

namespace torc::sim {

using EventId = uint64_t;  // 0: no event; never reused

class EventQueue {
 public:
  /// World time; starts at 0. No node sees it: nodes have clocks of their own.
  Instant now() const { return now_; }
  /// A time in the past means now, after everything already scheduled for now.
  EventId schedule_at(Instant when, std::function<void()> work);
  EventId schedule(Duration delay, std::function<void()> work) { return schedule_at(now_ + delay, std::move(work)); }
  /// The work will not run. Unknown, spent and cancelled ids are ignored.
  void cancel(EventId id);
  /// Advances to the earliest event and runs it; false if there is none.
  bool run_next();
  /// Runs every event up to and including `end`, then stands at `end`.
  void run_until(Instant end);
  /// Time of the earliest event; Instant::never() if there is none.
  Instant next_time();
  uint64_t events_run() const { return events_run_; }

 private:
  struct Due {
    int64_t time_ns;
    EventId id;
    bool operator>(const Due& other) const {
      return time_ns != other.time_ns ? time_ns > other.time_ns : id > other.id;
    }
  };
  struct Slot {
    EventId id = 0;
    std::function<void()> work;
  };
  void drop_cancelled();

  Instant now_;
  EventId last_sequence_ = 0;
  uint64_t events_run_ = 0;
  std::vector<Due> heap_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
};

}  // namespace torc::sim
