// What a replica does with each message: who it obeys, and which part it hands the rest to.
#include <algorithm>

#include "consensus/follower.h"
#include "consensus/replica_parts.h"

namespace torc::consensus {

void Replica::Parts::on(ReplicaId from, const PreVoteRequest& request) {
  election.on_pre_vote_request(from, request, now);
}

void Replica::Parts::on(ReplicaId from, const PreVoteReply& reply) {
  // A grant names the term the sender would vote in, which nobody is in yet; only a refusal tells of a higher term.
  const bool was_pre_candidate = election.role() == Role::kPreCandidate;
  if (reply.granted || reply.term <= election.term()) {
    election.on_pre_vote_reply(from, reply, now);
    const bool may_gain = was_pre_candidate && may_pull() && pull.on_pre_vote_reply(from, reply, now);
    if (may_gain) campaign();
    return;
  }
  step_down(reply.term, {}, RoleCause::kHigherTerm);
  if (was_pre_candidate) campaign();  // at once: the question was about a term that has passed
}

void Replica::Parts::on(ReplicaId from, const VoteRequest& request) {
  if (request.term > election.term()) {
    // Not even the term is taken over: a replica that was cut off must not depose a leader others hear (thesis 4.2.3).
    if (!request.transfer && election.withholds_votes(now)) return;
    step_down(request.term, {}, RoleCause::kHigherTerm);
  }
  election.on_vote_request(from, request, now);
}

void Replica::Parts::on(ReplicaId from, const VoteReply& reply) {
  observe(reply.term);
  election.on_vote_reply(from, reply);
}

void Replica::Parts::on(ReplicaId from, const AppendRequest& request) {
  if (request.term < election.term()) {
    AppendReply stale;
    stale.term = election.term();
    outbox.send_now(from, stale);
    return;
  }
  if (!obeys(from, request.term)) return;
  const AppendOutcome outcome = accept_append(log, request);
  switch (outcome.verdict) {
    case AppendVerdict::kAccepted:
      outbox.send_accepted(from, outcome.reply);
      raise_replicated_to_all(request.replicated_to_all);
      break;
    case AppendVerdict::kRejected:
      outbox.send_now(from, outcome.reply);
      break;
    case AppendVerdict::kRefused:
      ++messages_refused;
      break;
  }
}

void Replica::Parts::on(ReplicaId from, const AppendReply& reply) {
  observe(reply.term);
  if (!is_leader() || reply.term != election.term()) return;
  if (!replication.on_append_reply(from, reply, now)) ++messages_refused;
}

void Replica::Parts::on(ReplicaId from, const HeartbeatRequest& request) {
  if (request.term < election.term()) {
    outbox.send_now(from, HeartbeatReply{election.term(), 0, log.stable_index()});
    return;
  }
  if (!obeys(from, request.term)) return;
  if (request.commit > log.last_index()) {  // it was told of entries we never acknowledged
    ++messages_refused;
    return;
  }
  log.commit_to(request.commit);
  raise_replicated_to_all(request.replicated_to_all);
  outbox.send_now(from, HeartbeatReply{election.term(), request.stamp, log.stable_index()});
}

void Replica::Parts::on(ReplicaId from, const HeartbeatReply& reply) {
  observe(reply.term);
  if (!is_leader() || reply.term != election.term()) return;
  if (!replication.on_heartbeat_reply(from, reply, now)) ++messages_refused;
}

void Replica::Parts::on(ReplicaId from, const TimeoutNow& request) {
  if (!obeys(from, request.term)) return;
  if (log.configuration().is_voter(options.self)) election.campaign_for_transfer(now);
}

void Replica::Parts::on(ReplicaId from, const PullRequest& request) {
  pull_source.on_request(from, request, election.term());
}

void Replica::Parts::on(ReplicaId from, const PullReply& reply) {
  if (!may_pull() || !pull.is_waiting_for(from, reply)) return;
  const PullPlan plan = plan_pull(log, election.term(), pull.is_for_vote(), reply);
  if (plan.verdict == PullVerdict::kRefused) ++messages_refused;
  if (plan.verdict == PullVerdict::kTaken && plan.is_news) {
    // One Ready carries both, the term first: no crash can keep the entries and lose the term
    // (rules.md#pull-before-voting).
    if (plan.term > election.term()) step_down(plan.term, {}, RoleCause::kHigherTerm);
    take_pull(log, reply, plan);
  }
  if (pull.answered(reply, plan, now) && log.configuration().is_voter(options.self)) campaign();
}

}  // namespace torc::consensus
