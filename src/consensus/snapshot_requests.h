// Peers whose next entry lies behind the start of the log: who is to be sent a snapshot, one at a time for each.
#pragma once

#include <set>
#include <utility>
#include <vector>

#include "consensus/ready.h"

namespace torc::consensus {

class SnapshotRequests {
 public:
  /// Nothing happens while one for `peer` is out.
  void want(ReplicaId peer, LogIndex index_min) {
    if (out_.insert(peer).second) wanted_.push_back({peer, index_min});
  }
  /// The driver ended what it was asked for. False if it was not asked.
  bool finished(ReplicaId peer) { return out_.erase(peer) > 0; }

  bool has_wanted() const { return !wanted_.empty(); }
  std::vector<SnapshotWanted> take_wanted() { return std::exchange(wanted_, {}); }

 private:
  friend struct StateEncoding;  // reads everything, for the model checker
  std::vector<SnapshotWanted> wanted_;
  std::set<ReplicaId> out_;
};

}  // namespace torc::consensus
