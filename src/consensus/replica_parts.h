// The parts one replica is composed of and the steps that involve several of them. Private to replica.cc,
// replica_messages.cc and the invariant checker.
#pragma once

#include "consensus/election.h"
#include "consensus/entry_loads.h"
#include "consensus/log_view.h"
#include "consensus/outbox.h"
#include "consensus/pull.h"
#include "consensus/pull_source.h"
#include "consensus/reads.h"
#include "consensus/replica.h"
#include "consensus/replication.h"
#include "consensus/snapshot_requests.h"
#include "consensus/transfer.h"

namespace torc::consensus {

struct Replica::Parts {
  Parts(const ReplicaOptions& replica_options, const RestoredState& restored, Instant start);

  ReplicaOptions options;
  Outbox outbox;
  LogView log;
  Election election;
  SendClock clock;
  EntryLoads loads;
  SnapshotRequests snapshots;
  Replication replication;
  Pull pull;
  PullSource pull_source;
  Reads reads;
  Transfer transfer;
  Instant now;
  LogIndex noop;                        // leader: first entry of its term
  LogIndex replicated_to_all;           // the most this replica was ever told or found: never becomes untrue
  std::optional<SnapshotHead> install;  // for the next Ready
  std::vector<ReadOutcome> outcomes;
  uint64_t sequence = 0;     // of the last Ready
  LogIndex commit_reported;  // by the last Ready
  uint64_t messages_refused = 0;

  bool is_leader() const { return election.role() == Role::kLeader; }
  void advance(Instant to);
  /// What follows from any input: win, commit, confirm reads, hand over, send.
  void settle();
  void campaign();
  /// Without a leader and not about to lead: the log may be changed by what others hold.
  bool may_pull() const;
  void become_leader();
  void append_configuration(const Configuration& configuration);
  /// Leader: the latest configuration and an entry of the own term are committed.
  bool is_configuration_committed() const { return log.commit() >= noop && log.configuration_index() <= log.commit(); }
  /// Leader: ends a joint change that is committed, and leadership that a committed configuration has ended.
  void finish_change();
  void step_down(Term term, ReplicaId leader, RoleCause cause);
  /// A higher term was seen: follow it, whoever leads it.
  void observe(Term term);
  /// A message that only the leader of `term` sends. True if it is to be obeyed.
  bool obeys(ReplicaId from, Term term);
  void raise_replicated_to_all(LogIndex index);
  void send_heartbeats();
  bool has_lease(Instant at) const;
  bool has_more_than_messages() const;
  /// Leader: no quorum answered for so long that others lead by now, for all it knows (thesis 6.2).
  bool lacks_quorum(Instant at) const;

  bool take_snapshot(const SnapshotHead& head);

  void on(ReplicaId from, const PreVoteRequest& request);
  void on(ReplicaId from, const PreVoteReply& reply);
  void on(ReplicaId from, const VoteRequest& request);
  void on(ReplicaId from, const VoteReply& reply);
  void on(ReplicaId from, const AppendRequest& request);
  void on(ReplicaId from, const AppendReply& reply);
  void on(ReplicaId from, const HeartbeatRequest& request);
  void on(ReplicaId from, const HeartbeatReply& reply);
  void on(ReplicaId from, const TimeoutNow& request);
  void on(ReplicaId from, const PullRequest& request);
  void on(ReplicaId from, const PullReply& reply);
};

}  // namespace torc::consensus
