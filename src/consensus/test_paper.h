// Situations of the Raft paper, for the tests named after its claims.
#pragma once

#include <vector>

#include "consensus/test_replica.h"

namespace torc::consensus {

inline constexpr ReplicaId kPeer{NodeId(2), ReplicaNumber(1)};
inline constexpr ReplicaId kOther{NodeId(3), ReplicaNumber(1)};

/// Without pre-votes and pulls: elections exactly as in the paper.
inline ReplicaOptions paper_options() {
  ReplicaOptions options = TestReplica::default_options();
  options.pre_vote = options.pull = false;
  options.waits_for_disk = false;
  return options;
}

/// A voter of three whose log has an entry of each of these terms, nothing known to be committed.
inline RestoredState with_log(const std::vector<uint64_t>& terms) {
  RestoredState restored = TestReplica::empty();
  for (const uint64_t term : terms) {
    ++restored.last_index;
    if (restored.term_runs.empty() || restored.term_runs.back().term != Term(term)) {
      restored.term_runs.push_back({restored.last_index, Term(term)});
    }
    restored.hard_state.term = Term(term);
  }
  return restored;
}

inline RestoredState of_five() {
  RestoredState restored;
  for (uint64_t node = 1; node <= 5; ++node) restored.configuration.voters.push_back(replica_id(node));
  return restored;
}

inline AppendRequest append(uint64_t term, uint64_t prev, uint64_t prev_term, uint64_t commit,
                            std::vector<Entry> entries) {
  AppendRequest request;
  request.term = Term(term);
  request.prev_index = LogIndex(prev);
  request.prev_term = Term(prev_term);
  request.commit = LogIndex(commit);
  request.entries = std::move(entries);
  return request;
}

/// Replicas 1, 2 and 3 vote; 4 is a learner.
inline RestoredState with_a_learner() {
  RestoredState restored = TestReplica::empty();
  restored.configuration.learners = {replica_id(4)};
  return restored;
}

/// 1, 2 and 3 are to be replaced by 3, 4 and 5.
inline RestoredState joint() {
  RestoredState restored;
  restored.configuration.voters = {replica_id(3), replica_id(4), replica_id(5)};
  restored.configuration.outgoing = {replica_id(1), replica_id(2), replica_id(3)};
  return restored;
}

/// The leader of the term after what was restored, by the vote of `kPeer`; its first Ready has not been taken.
struct LeaderOf : TestReplica {
  explicit LeaderOf(const RestoredState& restored, const ReplicaOptions& replica_options = paper_options())
      : TestReplica(restored, replica_options) {
    time_out();
    persist_all();
    receive(kPeer, VoteReply{status().term, true});
    CHECK(status().role == Role::kLeader);
  }
};
struct LeaderAfter : LeaderOf {
  explicit LeaderAfter(const std::vector<uint64_t>& terms) : LeaderOf(with_log(terms)) {}
};

}  // namespace torc::consensus
