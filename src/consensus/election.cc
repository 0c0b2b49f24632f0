#include "consensus/election.h"

#include "consensus/quorum.h"

namespace torc::consensus {
namespace {

// Replicas that were given the same seed must not campaign in step.
uint64_t own_seed(const ReplicaOptions& options) {
  Prng mixed(options.seed ^ options.self.node.value);
  return mixed.next() ^ options.self.number.value;
}

}  // namespace

Election::Election(const ReplicaOptions& options, const HardState& restored, const LogView& log, Outbox& outbox,
                   Instant now)
    : options_(options), log_(log), outbox_(outbox), prng_(own_seed(options)), ballot_(restored), started_at_(now) {
  restart_timer(now);
}

Instant Election::deadline() const {
  if (role_ == Role::kLeader || !log_.configuration().is_voter(options_.self)) return Instant::never();
  if (writing_since_ && options_.waits_for_disk) return Instant::never();
  return deadline_;
}

std::optional<HardState> Election::offer_ballot(uint64_t sequence, Instant now) {
  const std::optional<HardState> offered = ballot_.offer(sequence);
  if (offered && !writing_since_) writing_since_ = now;
  return offered;
}

bool Election::hears_leader(Instant now) const {
  return role_ == Role::kLeader || (leader_heard_at_ && now < *leader_heard_at_ + options_.election_timeout_min);
}

bool Election::withholds_votes(Instant now) const {
  return hears_leader(now) || now < started_at_ + options_.election_timeout_min;
}

void Election::campaign(Instant now) {
  if (options_.pre_vote) {
    start_pre_vote(now);
  } else {
    start_vote(false, now);
  }
}

void Election::campaign_for_transfer(Instant now) { start_vote(true, now); }

void Election::become_follower(Term term, ReplicaId leader, RoleCause cause, Instant now) {
  if (term > ballot_.term()) {
    ballot_.advance(term);
    leader_ = {};
  }
  const bool was_leader = role_ == Role::kLeader;
  role_ = Role::kFollower;
  role_cause_ = cause;
  answers_.clear();
  if (was_leader) {
    leader_ = {};
    restart_timer(now);
  }
  if (leader) hear_leader(leader, now);
}

void Election::become_leader() {
  CHECK(has_won()) << to_string(role_) << " in term " << term();
  role_ = Role::kLeader;
  role_cause_ = RoleCause::kVotesWon;
  leader_ = options_.self;
  answers_.clear();
}

void Election::hear_leader(ReplicaId leader, Instant now) {
  CHECK(role_ == Role::kFollower) << to_string(role_);
  leader_ = leader;
  leader_heard_at_ = now;
  restart_timer(now);
}

void Election::start_pre_vote(Instant now) {
  role_ = Role::kPreCandidate;
  role_cause_ = RoleCause::kSilence;
  leader_ = {};
  restart_timer(now);
  answers_.clear();
  answers_[options_.self] = true;
  const PreVoteRequest request{term() + 1, log_.last_index(), log_.last_term()};
  for (const ReplicaId peer : log_.configuration().members()) {
    if (peer != options_.self && log_.configuration().is_voter(peer)) outbox_.send_now(peer, request);
  }
  if (count_votes(log_.configuration(), answers_) == VoteResult::kWon) start_vote(false, now);
}

void Election::start_vote(bool is_transfer, Instant now) {
  role_ = Role::kCandidate;
  role_cause_ = is_transfer         ? RoleCause::kAskedByLeader
                : options_.pre_vote ? RoleCause::kPreVotesWon
                                    : RoleCause::kSilence;
  leader_ = {};
  restart_timer(now);
  answers_.clear();  // the own vote counts once it is durable, see persisted()
  ballot_.advance(term() + 1);
  ballot_.vote_for(options_.self);
  const VoteRequest request{term(), log_.last_index(), log_.last_term(), is_transfer};
  for (const ReplicaId peer : log_.configuration().members()) {
    if (peer != options_.self && log_.configuration().is_voter(peer)) outbox_.send_when_durable(peer, request);
  }
}

void Election::on_pre_vote_request(ReplicaId from, const PreVoteRequest& request, Instant now) {
  PreVoteReply reply;
  reply.granted =
      !withholds_votes(now) && request.term > term() && log_.is_up_to_date(request.last_term, request.last_index);
  reply.term = reply.granted ? request.term : term();
  reply.last_term = log_.last_term();
  reply.last_index = log_.last_index();
  reply.hears_leader = hears_leader(now);
  outbox_.send_now(from, reply);
}

void Election::on_pre_vote_reply(ReplicaId from, const PreVoteReply& reply, Instant now) {
  if (role_ != Role::kPreCandidate || (reply.granted && reply.term != term() + 1)) return;
  // A grant is never taken back: a refusal of an earlier round may arrive late.
  answers_[from] |= reply.granted;
  if (count_votes(log_.configuration(), answers_) == VoteResult::kWon) start_vote(false, now);
}

void Election::on_vote_request(ReplicaId from, const VoteRequest& request, Instant now) {
  CHECK(request.term <= term()) << request.term << " above " << term();
  // A leader and a candidate have voted for themselves; only a follower's vote can still be free.
  const bool is_free = request.term == term() && (!ballot_.vote() || ballot_.vote() == from);
  const bool is_granted = is_free && (request.transfer || !withholds_votes(now)) &&
                          log_.is_up_to_date(request.last_term, request.last_index);
  if (is_granted) {
    ballot_.vote_for(from);
    restart_timer(now);
  }
  outbox_.send_when_durable(from, VoteReply{term(), is_granted});
}

void Election::on_vote_reply(ReplicaId from, const VoteReply& reply) {
  if (role_ != Role::kCandidate || reply.term != term()) return;
  answers_[from] |= reply.granted;
}

void Election::persisted(uint64_t sequence, Instant now) {
  ballot_.persisted(sequence);
  if (writing_since_ && ballot_.is_durable()) {
    if (options_.waits_for_disk) deadline_ = deadline_ + 2 * (now - *writing_since_);
    writing_since_.reset();
  }
  if (role_ == Role::kCandidate && ballot_.is_durable()) answers_[options_.self] = true;
}

bool Election::has_won() const {
  return role_ == Role::kCandidate && count_votes(log_.configuration(), answers_) == VoteResult::kWon;
}

void Election::restart_timer(Instant now) {
  const auto timeout_min = static_cast<uint64_t>(std::max(options_.election_timeout_min, patience_).count());
  deadline_ = now + Duration(static_cast<int64_t>(timeout_min + prng_.below(timeout_min)));
}

}  // namespace torc::consensus
