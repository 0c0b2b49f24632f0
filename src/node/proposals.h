// A leader's writes between "came in" and "is decided": gathered into one entry per turn (rules.md#batches), then
// waited for.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "kv/batch.h"
#include "node/clients.h"

namespace torc::node {

/// What may be told to a waiter whose write was refused or lost here.
enum class Retry : uint8_t {
  kNone,       // a plain command, proposed here at most once: lost means it was not executed
  kSameLabel,  // the waiter holds the label: it sends the same call again, here or elsewhere
  kUnknown,    // sent before under a label its client does not know of: it may have been executed whatever happens here
};

struct WriteWaiter {
  Waiter waiter;
  Retry retry = Retry::kNone;
};

class Proposals {
 public:
  Proposals(size_t reserved_bytes, size_t batch_bytes_max, size_t in_flight_max);

  /// `deadline`: of its proposal; not before those of earlier commands.
  void add(const WriteWaiter& writer, const kv::CommandView& command, const kv::SessionCall* call, Instant deadline);

  struct Batch {
    std::string buffer;  // payload behind the reserved bytes
    std::vector<WriteWaiter> waiters;
  };
  /// The next batch to propose: at most `in_flight_max` undecided ones at a time, so that commands gather while the
  /// disk and the peers are busy with the last.
  std::optional<Batch> next(WallMs stamp);
  /// The batch stands in the log at (term, index).
  void proposed(Term term, LogIndex index, std::vector<WriteWaiter> waiters, Instant deadline);

  /// The entry at (term, index) is decided: whose commands it holds (empty if not ours).
  std::vector<WriteWaiter> take_decided(Term term, LogIndex index);
  /// Proposed at an index that another entry has been decided for: these commands never happened and never will.
  std::vector<WriteWaiter> take_lost(LogIndex decided);
  /// Proposals undecided at their deadline: nobody knows.
  std::vector<WriteWaiter> take_overdue(Instant now);
  /// Commands that gathered behind an undecided proposal beyond their deadline. They are not proposed any more.
  std::vector<WriteWaiter> take_overdue_unproposed(Instant now);
  /// Gathered and never proposed: may be sent elsewhere. Payloads as built, in order.
  std::vector<Batch> take_unproposed();
  size_t bytes_unproposed() const { return closed_bytes_ + open_.builder.bytes(); }
  /// Forgets how many are in flight: after losing leadership old proposals must not hold back new ones.
  void reset_window() { window_.clear(); }

 private:
  struct Open {
    kv::BatchBuilder builder;
    std::vector<WriteWaiter> waiters;
    Instant deadline;  // of the first command
  };
  struct InFlight {
    std::vector<WriteWaiter> waiters;
    Instant deadline;
  };
  void close_open();

  size_t reserved_bytes_;
  size_t batch_bytes_max_;
  size_t in_flight_max_;
  Open open_;
  std::deque<Open> closed_;
  size_t closed_bytes_ = 0;
  std::map<std::pair<LogIndex, Term>, InFlight> in_flight_;
  std::deque<LogIndex> window_;  // undecided proposals of the current leadership
};

}  // namespace torc::node
