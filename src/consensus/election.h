// Who leads: terms, votes, pre-votes and the election timer of one replica (Raft 5.2, 5.4.1; thesis 4.2.3, 9.6).
#pragma once

#include <map>
#include <optional>

#include "base/prng.h"
#include "base/time.h"
#include "consensus/ballot.h"
#include "consensus/log_view.h"
#include "consensus/message.h"
#include "consensus/outbox.h"
#include "consensus/replica.h"

namespace torc::consensus {

class Election {
 public:
  /// `log` and `outbox` outlive this object.
  Election(const ReplicaOptions& options, const HardState& restored, const LogView& log, Outbox& outbox, Instant now);

  Role role() const { return role_; }
  RoleCause role_cause() const { return role_cause_; }
  Term term() const { return ballot_.term(); }
  ReplicaId leader() const { return leader_; }
  const Ballot& ballot() const { return ballot_; }
  /// Term and vote that Ready `sequence` has to carry to the disk, if they changed.
  std::optional<HardState> offer_ballot(uint64_t sequence, Instant now);

  /// When this replica campaigns if it hears nothing; never for a leader and for who has no vote. Nor while term or
  /// vote are on their way to the disk, and then it waits as long again for the others' disks: with syncs that take
  /// longer than an election timeout every candidate began the next term before anybody could answer, for ever.
  Instant deadline() const;
  /// A live leader was heard within election_timeout_min: its lease may rest on this replica.
  bool hears_leader(Instant now) const;
  /// No vote and no pre-vote is granted at `now`: a live leader was heard, here or, as far as we know, by our earlier
  /// life. A replica echoes heartbeats before anything is durable, so after a restart it cannot know whose lease it
  /// supports; an echo given before the crash supports a lease for less than election_timeout_min (rules.md#leases).
  bool withholds_votes(Instant now) const;

  /// From the next restart of the timer on waits are drawn from [at_least, 2 * at_least) if that is more than usual.
  void set_patience(Duration at_least) { patience_ = at_least; }
  /// Campaigns, with a pre-vote first if so configured.
  void campaign(Instant now);
  /// Campaigns at once because the leader asked for it (thesis 3.10).
  void campaign_for_transfer(Instant now);

  void become_follower(Term term, ReplicaId leader, RoleCause cause, Instant now);
  /// Requires: candidate with a quorum of votes.
  void become_leader();
  /// A message of the leader of this term arrived. Requires: follower.
  void hear_leader(ReplicaId leader, Instant now);

  void on_pre_vote_request(ReplicaId from, const PreVoteRequest& request, Instant now);
  /// A granted pre-vote of a quorum starts the real campaign.
  void on_pre_vote_reply(ReplicaId from, const PreVoteReply& reply, Instant now);
  /// Requires: the request's term is not above term().
  void on_vote_request(ReplicaId from, const VoteRequest& request, Instant now);
  void on_vote_reply(ReplicaId from, const VoteReply& reply);
  /// Everything up to Ready `sequence` is durable; a candidate's own vote counts from here on.
  void persisted(uint64_t sequence, Instant now);
  /// Candidate whose votes are a quorum.
  bool has_won() const;

 private:
  friend struct StateEncoding;  // reads everything, for the model checker
  void start_pre_vote(Instant now);
  void start_vote(bool is_transfer, Instant now);
  void restart_timer(Instant now);

  const ReplicaOptions& options_;
  const LogView& log_;
  Outbox& outbox_;
  Prng prng_;
  Ballot ballot_;
  Role role_ = Role::kFollower;
  RoleCause role_cause_ = RoleCause::kStart;
  ReplicaId leader_;
  Instant started_at_;
  std::optional<Instant> leader_heard_at_;
  Instant deadline_;
  Duration patience_{0};
  std::optional<Instant> writing_since_;  // term or vote are not durable since then
  std::map<ReplicaId, bool> answers_;     // of the current campaign
};

}  // namespace torc::consensus
