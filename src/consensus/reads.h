// Reads without log entries: send stamps, the leader's lease and ReadIndex (thesis 6.4).
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

#include "base/time.h"
#include "consensus/message.h"
#include "consensus/ready.h"

namespace torc::consensus {

/// Hands out SendStamps: strictly increasing, never below the clock.
class SendClock {
 public:
  SendStamp next(Instant now) {
    last_ = std::max(last_ + 1, now.ns);
    ahead_max_ = std::max(ahead_max_, last_ - now.ns);
    return last_;
  }
  /// Every later stamp is larger.
  SendStamp last() const { return last_; }
  /// The message with this stamp was sent at this time or later: several messages of one clock reading run ahead of the
  /// clock by a nanosecond each, which a lease must not profit from.
  Instant sent_not_before(SendStamp stamp) const { return Instant{stamp - ahead_max_}; }

 private:
  friend struct StateEncoding;  // reads everything, for the model checker
  SendStamp last_ = 0;
  SendStamp ahead_max_ = 0;
};

/// The reads that wait at a leader. A quorum's echo of a stamp confirms every read registered before that stamp was
/// drawn: at that time no later leader existed, so nothing newer than our commit index can have been acknowledged.
class Reads {
 public:
  /// Confirmed by the leader alone: it is the only voter.
  static constexpr SendStamp kConfirmedForever = INT64_MAX;

  /// Leadership begins. `noop` is the term's first entry: before it is committed the leader does not know how far its
  /// predecessors committed, so all reads wait for it (thesis 6.4, step 1). `last_stamp`: the last one drawn before.
  void start(LogIndex noop, SendStamp last_stamp);
  void add(ReadToken token, LogIndex commit, SendStamp last_stamp);
  /// A message to every member was just stamped; `first` is the smallest of the stamps.
  void round_sent(SendStamp first);
  bool is_waited_for() const { return !waiting_.empty(); }
  /// A read waits and no round that could confirm it is under way: reads that arrive during one share the next.
  bool wants_round() const;
  /// `confirmed` is the largest stamp that a quorum has echoed, or kConfirmedForever. Moves reads that may be served
  /// now to `outcomes`.
  void confirm(SendStamp confirmed, LogIndex commit, std::vector<ReadOutcome>& outcomes);
  /// Leadership ended: nothing is known about the waiting reads.
  void fail_all(std::vector<ReadOutcome>& outcomes);

  /// Until when a lease of `length` holds that counts from the send of the confirmed round; nothing before the first
  /// one.
  std::optional<Instant> lease_end(const SendClock& clock, Duration length) const;

 private:
  friend struct StateEncoding;  // reads everything, for the model checker
  struct Waiting {
    ReadToken token;
    LogIndex index;        // serve at or after this index
    SendStamp registered;  // confirmed by a quorum's echo of anything larger
  };

  LogIndex noop_;
  SendStamp start_stamp_ = 0;  // larger stamps are of this leadership
  SendStamp confirmed_ = 0;
  SendStamp round_stamp_ = 0;  // smallest stamp of the newest round
  bool is_quorum_alone_ = false;
  std::deque<Waiting> waiting_;
};

}  // namespace torc::consensus
