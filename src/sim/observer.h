// Watches every node after every turn for what must never be: two leaders in a term, two logs or two states at one
// index, a lease beside a later leader.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/strong_id.h"
#include "consensus/invariants.h"
#include "sim/world.h"

namespace torc::sim {

class Observer {
 public:
  explicit Observer(World& world);

  void after_turn(NodeId id);
  /// Every member has applied the same entries and stands in the same state; one line why not, else empty.
  std::string difference() const;

  // ---- what a run consisted of ----
  uint64_t leaderships() const;
  uint64_t leaderships_of(GroupId group) const;
  LogIndex highest_applied() const { return highest_applied_; }
  uint64_t digests_compared() const { return digests_compared_; }
  uint64_t snapshots_installed() const { return snapshots_installed_; }
  LogIndex highest_checkpoint() const { return highest_checkpoint_; }
  uint64_t largest_state_bytes() const { return largest_state_bytes_; }
  uint64_t largest_log_bytes() const { return largest_log_bytes_; }
  /// Of whichever group elected one last; none before the first.
  NodeId latest_leader() const { return latest_leader_; }

 private:
  struct Seen {
    uint64_t life = 0;
    consensus::ReplicaId replica;
    consensus::Role role = consensus::Role::kFollower;
    Term term;
    LogIndex commit;
    LogIndex applied;
    uint64_t snapshots_installed = 0;
  };
  /// Groups are judged apart: nothing of one says anything about another.
  struct Group {
    consensus::GroupInvariants invariants;
    std::map<NodeId, Seen> seen;
    std::map<Term, NodeId> leaders;
    std::map<LogIndex, std::pair<uint64_t, NodeId>> digests;  // first one seen at an applied index, and whose
  };
  Seen& seen_of(Group& group, NodeId id, consensus::ReplicaId replica) const;
  void check_core(NodeId id, Group& record, const Seen& seen, GroupId group);
  void check_leader(NodeId id, Group& record, const Seen& seen, const node::GroupStatus& group);
  void check_lease(NodeId id, const Group& record, const node::GroupStatus& group);
  void check_leases_of_others(NodeId leader, GroupId group, Term term);
  void check_order(NodeId id, const Seen& seen, const node::GroupStatus& group);
  std::string difference_of(GroupId group) const;
  void check_state(NodeId id, Group& record, const node::GroupStatus& group);
  void check_memory(NodeId id, const node::NodeStatus& status);
  void look_at_clocks();
  void check_stamp(NodeId id, const node::GroupStatus& group);

  World& world_;
  std::map<GroupId, Group> groups_;
  NodeId latest_leader_;
  std::vector<WallMs> clocks_;             // shown at this moment
  int64_t majority_ahead_ms_ = INT64_MIN;  // of the world: what a majority's wall clocks have shown at one moment
  LogIndex highest_applied_;
  LogIndex highest_checkpoint_;
  uint64_t largest_state_bytes_ = 0;
  uint64_t largest_log_bytes_ = 0;
  uint64_t digests_compared_ = 0;
  uint64_t snapshots_installed_ = 0;
};

}  // namespace torc::sim
