// What must hold after every step, of one replica and of a whole group (Raft figure 3). For tests and the simulator.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "consensus/replica.h"

namespace torc::consensus {

/// The first thing that is wrong inside `replica`; empty if nothing is.
std::string violation_in(const Replica& replica);

/// Watches the replicas of one group from outside, across crashes.
class GroupInvariants {
 public:
  /// Call after every step of `replica`, before its Ready is taken. Returns the first violation; empty if there is
  /// none. Checks election safety, log matching, leader completeness, state machine safety, and that commit never
  /// falls. Cost: what changed since the last call.
  std::string observe(ReplicaId id, const Replica& replica);
  /// `id` crashed: what it had not made durable may be gone, and it may know less about what is committed.
  void crashed(ReplicaId id) { seen_.erase(id); }
  /// Everything any replica knew to be committed.
  LogIndex committed() const { return LogIndex(committed_.size()); }

 private:
  struct Seen {
    LogIndex commit;
    LogIndex last_index;
    Term last_term;
    Term term;
  };
  struct Known {
    Term prev_term;
    uint32_t crc = 0;
  };
  struct Committed {
    Term term;
    uint32_t crc = 0;
    Term by_term;  // committed in this term or earlier
  };

  std::string observe_leader(ReplicaId id, const Replica& replica);
  std::string observe_entries(const Seen& seen, const Replica& replica);
  std::string observe_commit(const Seen& seen, const Replica& replica);

  std::map<ReplicaId, Seen> seen_;
  std::map<Term, ReplicaId> leaders_;
  std::map<std::pair<LogIndex, Term>, Known> entries_;
  std::vector<Committed> committed_;  // position i: index i + 1
};

}  // namespace torc::consensus
