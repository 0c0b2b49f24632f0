// One member as the leader sees it: what it has, what is on its way, when it was last heard.
#pragma once

#include <deque>

#include "base/time.h"
#include "consensus/message.h"
#include "consensus/types.h"

namespace torc::consensus {

class Progress {
 public:
  enum class State : uint8_t {
    kProbe,      // looking for the place where the logs agree: one request at a time
    kSnapshot,   // what it needs is only in our checkpoint: nothing is sent until a snapshot has arrived there
    kReplicate,  // logs agree up to next - 1 if nothing is lost: requests are pipelined
  };

  Progress(LogIndex next, Instant now) : next_(next), heard_at_(now) {}

  State state() const { return state_; }
  LogIndex match() const { return match_; }
  /// First entry not sent yet (kReplicate), or the one after the probed place (kProbe).
  LogIndex next() const { return next_; }
  size_t in_flight_bytes() const { return in_flight_bytes_; }
  Instant heard_at() const { return heard_at_; }
  SendStamp echoed() const { return echoed_; }

  /// The member answered; `stamp` echoes a message of this leadership.
  void heard(SendStamp stamp, Instant now);

  /// It has the log up to `last`, nothing is on its way to it, and there is nothing to find out.
  bool is_idle(LogIndex last) const { return state_ == State::kReplicate && flights_.empty() && next_ == last + 1; }
  /// Another request may be sent now.
  bool can_send(size_t in_flight_bytes_max) const;
  /// The next probe should carry no entries: an earlier one did, and was not answered.
  bool wants_empty_probe() const { return state_ == State::kProbe && was_probe_lost_; }
  /// A request after prev = next() - 1 with entries up to `last` (prev if empty) was sent.
  void sent(LogIndex last, size_t bytes, Instant now);
  void accepted(LogIndex match, Instant now);
  /// The member's log does not hold our entry at `prev`. True if that is news; then `retry_next` (clipped above match)
  /// is the first entry of the next probe.
  bool rejected(LogIndex prev, LogIndex retry_next);
  /// Its next entry lies behind our start.
  void become_snapshot();
  /// The snapshot was sent, or sending it has failed: a probe behind `index` will tell what the member has.
  void snapshot_finished(LogIndex index);
  /// A heartbeat was answered, so the member is alive: anything unanswered for long was lost and is probed for again.
  void check_lost(LogIndex last_durable, Duration heartbeat_interval, Duration election_timeout_min, Instant now);

 private:
  friend struct StateEncoding;  // reads everything, for the model checker
  struct Flight {
    LogIndex last;
    size_t bytes;
  };
  void become_probe(LogIndex next);
  void land(LogIndex match);

  State state_ = State::kProbe;
  LogIndex match_;
  LogIndex next_;
  bool is_probe_out_ = false;    // kProbe: a request is unanswered
  bool was_probe_lost_ = false;  // kProbe
  Instant waiting_since_;        // the oldest unanswered request was sent, or an answer freed something, at this time
  std::deque<Flight> flights_;   // kReplicate: unanswered requests with entries
  size_t in_flight_bytes_ = 0;
  Instant heard_at_;
  SendStamp echoed_ = 0;
};

}  // namespace torc::consensus
