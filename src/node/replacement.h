// How a node whose replica was lost takes its place again: the new one joins as a learner, catches up, and replaces the
// former one in one joint change (rules.md#new-life-new-id, #membership-change). The former one stays a voter until
// then: removing it first would leave a group of three with two voters, which stops when either fails.
//
//   (2, old) voter, gone   --add-->   (2, old) voter, gone   --promote + remove-->   (2, new) voter
//                                     (2, new) learner
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/time.h"
#include "consensus/replica.h"

namespace torc::node {

class Replacement {
 public:
  /// The cluster was not born with `newcomer`, its node says.
  void met(consensus::ReplicaId newcomer) { newcomers_[newcomer.node] = newcomer.number; }
  bool is_idle() const { return newcomers_.empty(); }

  /// What the leader should propose next, if anything: call it now and then, with what it knows. A proposal that was
  /// refused or lost comes again.
  std::optional<consensus::ConfigurationChange> next(const consensus::Configuration& configuration,
                                                     const std::vector<consensus::PeerStatus>& peers, LogIndex commit,
                                                     Instant now);

  /// A learner has caught up if it holds what was committed this long ago (thesis 4.2.1: a round that is short enough).
  static constexpr Duration kCaughtUpWithin = 100ms;

 private:
  struct Sample {
    Instant at;
    LogIndex commit;
  };
  bool has_caught_up(consensus::ReplicaId learner, const std::vector<consensus::PeerStatus>& peers, Instant now) const;

  std::map<NodeId, ReplicaNumber> newcomers_;  // the latest replica of each
  std::optional<Sample> before_;               // at least kCaughtUpWithin old once it is used
  std::optional<Sample> latest_;
};

}  // namespace torc::node
