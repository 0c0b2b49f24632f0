// What a replica does while its group is at rest: of tick() and receive() what is left where nothing changes but times.
// Each condition below excludes something that those would do beyond that; rest_test.cc compares the states they leave.
#include "consensus/replica_parts.h"

namespace torc::consensus {

// Where it obeys this leader already, and all that the heartbeat may tell is known: commit and replicated_to_all.
std::optional<HeartbeatReply> Replica::follow(ReplicaId from, ReplicaId to, const HeartbeatRequest& request,
                                              Instant now) {
  Parts& p = *parts_;
  const bool is_for_a_follower = to == p.options.self && p.election.role() == Role::kFollower;
  const bool is_of_its_leader = p.election.leader() == from && p.election.term() == request.term;
  const bool is_known = request.commit == p.log.commit() && request.replicated_to_all <= p.replicated_to_all;
  if (!is_for_a_follower || !is_of_its_leader || !is_known) return std::nullopt;
  p.advance(now);
  p.election.hear_leader(from, now);
  return HeartbeatReply{request.term, request.stamp, p.log.stable_index()};
}

// Where members have everything, heartbeats and answers neither commit nor send anything. A leader that is handing over
// or without a quorum has more to do than to beat; reads that wait are answered in a Ready.
bool Replica::beat(Instant now, std::vector<SentHeartbeat>& said) {
  Parts& p = *parts_;
  const bool beats_only = p.is_leader() && now >= p.replication.heartbeat_at() && !p.transfer.is_active() &&
                          !p.reads.is_waited_for() && p.replication.is_idle();
  if (!beats_only || p.lacks_quorum(now)) return false;
  p.advance(now);
  p.reads.round_sent(p.replication.beat(now, said));
  return true;
}

bool Replica::hear(ReplicaId from, ReplicaId to, const HeartbeatReply& reply, Instant now) {
  Parts& p = *parts_;
  const bool is_for_this = to == p.options.self && p.is_leader() && reply.term == p.election.term();
  if (!is_for_this || p.transfer.is_active() || p.reads.is_waited_for() || !p.replication.is_idle()) return false;
  if (!p.replication.hear(from, reply, now)) return false;
  p.advance(now);
  p.reads.confirm(p.replication.quorum_stamp(), p.log.commit(), p.outcomes);
  return true;
}

}  // namespace torc::consensus
