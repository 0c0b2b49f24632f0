// A leader's writes between "came in" and "is decided": gathered into one entry per turn (rules.md#batches), then
// waited for.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "kv/batch.h"
#include "kv/cost.h"
#include "node/request.h"

namespace torc::node {

/// What is kept of a write whose command stands in a batch.
struct WriteWaiter {
  Waiter waiter;
  Retry retry = Retry::kNone;
};

struct ProposalLimits {
  size_t batch_bytes_max = 1u << 20;
  size_t batch_work_max = 8u << 20;  // kv::Cost::work: some milliseconds of every replica's loop
  size_t in_flight_max = 1;
};

/// A batch closes before a command that would pass a limit, so it is within all of them unless it is a single command:
/// an entry is never larger than one operation may be. (It once closed when it had reached its limit: a request near
/// the limit of one request on top of it was more than an entry may hold, and ended every leader that tried:
/// rules.md#close-before-overflow.)
class Proposals {
 public:
  Proposals(size_t reserved_bytes, const ProposalLimits& limits);

  /// Its deadline is that of its proposal, and not before those of earlier ones. Requires: is_within_limits(command).
  void add(const Request& request, const kv::Cost& cost);

  using Label = std::pair<kv::SessionId, uint64_t>;  // session and sequence
  struct Batch {
    std::string buffer;  // payload behind the reserved bytes
    std::vector<WriteWaiter> waiters;
    std::vector<Label> labels;
    kv::Cost cost;
    size_t bytes = 0;      // of the commands, encoded
    bool has_own = false;  // a command of the node's own is among them: nobody waits for it
  };
  /// The next batch to propose: at most `in_flight_max` undecided ones at a time, so that commands gather while the
  /// disk and the peers are busy with the last.
  std::optional<Batch> next(WallMs stamp);
  /// The batch stands in the log at (term, index).
  void proposed(Term term, LogIndex index, Batch batch, Instant deadline);

  /// Nobody took the batch that next() gave.
  void refused(const Batch& batch);

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
  /// A command of the node's own, which nobody waits for, is among those.
  bool has_own_unproposed() const { return own_unproposed_ > 0; }
  /// Zero if there are none: a batch without a command has bytes, too.
  size_t bytes_unproposed() const { return closed_bytes_ + (open_.builder.empty() ? 0 : open_.builder.bytes()); }
  /// Of batches that were proposed and are not decided yet.
  size_t bytes_in_flight() const { return in_flight_bytes_; }
  /// Of everything that was added and is not decided yet.
  const kv::Cost& cost_undecided() const { return undecided_; }
  /// Whether the call is among that.
  bool is_undecided(const kv::SessionCall& call) const { return undecided_labels_.contains(label_of(call)); }
  /// Forgets how many are in flight: after losing leadership old proposals must not hold back new ones.
  void reset_window() { window_.clear(); }

 private:
  struct Open {
    kv::BatchBuilder builder;
    std::vector<WriteWaiter> waiters;
    std::vector<Label> labels;
    kv::Cost cost;
    Instant deadline;  // of the first command
    bool has_own = false;
  };
  struct InFlight {
    std::vector<WriteWaiter> waiters;
    std::vector<Label> labels;
    kv::Cost cost;
    Instant deadline;
    size_t bytes = 0;
  };
  using InFlights = std::map<std::pair<LogIndex, Term>, InFlight>;
  void end(InFlights::iterator proposal);
  void close_open();
  Batch take(Open&& open, WallMs stamp);
  void forget_own(bool has_own) { own_unproposed_ -= has_own ? 1 : 0; }
  static Label label_of(const kv::SessionCall& call) { return {call.session, call.sequence}; }
  void forget(const kv::Cost& cost, const std::vector<Label>& labels);

  const size_t reserved_bytes_;
  const ProposalLimits limits_;
  Open open_;
  std::deque<Open> closed_;
  size_t closed_bytes_ = 0;
  size_t own_unproposed_ = 0;  // batches with commands of the node's own
  InFlights in_flight_;
  size_t in_flight_bytes_ = 0;
  std::deque<LogIndex> window_;  // undecided proposals of the current leadership
  kv::Cost undecided_;
  std::multiset<Label> undecided_labels_;
};

}  // namespace torc::node
