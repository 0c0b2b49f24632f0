// Pulling before voting (rules.md#pull-before-voting): a replica without a leader fetches what fresher logs hold that
// its own lacks, so that it can win an ordinary election although nobody with the freshest log reaches a majority; and
// a replica that is cut off from its leader alone keeps its log fresh through the others. docs/protocol.md has the
// safety argument.
#pragma once

#include <map>

#include "base/time.h"
#include "consensus/log_view.h"
#include "consensus/message.h"
#include "consensus/outbox.h"
#include "consensus/replica.h"

namespace torc::consensus {

enum class PullVerdict : uint8_t {
  kTaken,    // the log agrees with the source's up to `match` once take_pull() is done
  kBelow,    // the logs differ at the place asked about; `match` is the next place to ask about
  kUseless,  // nothing may be taken from this source now
  kRefused,  // no correct peer sends this
};

struct PullPlan {
  PullVerdict verdict = PullVerdict::kRefused;
  LogIndex match;
  Term term;             // kTaken: the term to be in before or together with what is taken
  size_t known = 0;      // kTaken: that many of the entries are in the log already
  bool is_news = false;  // kTaken: entries are added, or the commit index rises
};

/// What to do with a pulled piece of a log. `is_for_vote`: the puller is about to raise its term anyway.
/// Requires: `reply` answers a question about its asked_prev, which is not below log.commit().
PullPlan plan_pull(const LogView& log, Term current, bool is_for_vote, const PullReply& reply);
/// Requires: plan.verdict is kTaken and the current term is plan.term or more.
void take_pull(LogView& log, const PullReply& reply, const PullPlan& plan);

/// When and from whom to pull. One question is out at a time; nothing is remembered across rounds of pre-votes but the
/// log itself, so that a pull resumes wherever it was, from anybody and in any term.
class Pull {
 public:
  /// `options`, `log` and `outbox` outlive this object.
  Pull(const ReplicaOptions& options, const LogView& log, Outbox& outbox)
      : options_(options), log_(log), outbox_(outbox) {}

  /// A round of pre-votes has been sent.
  void start_round();
  /// A voter answered it. True if it is worth to campaign again at once: the log grew since the round began and a
  /// quorum is reached in which nobody hears a leader.
  [[nodiscard]] bool on_pre_vote_reply(ReplicaId from, const PreVoteReply& reply, Instant now);
  /// A leader is there, or an election is under way: the log is left alone.
  void stop();

  bool is_waiting_for(ReplicaId from, const PullReply& reply) const {
    return source_ == from && asked_prev_ == reply.asked_prev;
  }
  bool is_for_vote() const { return is_for_vote_; }
  /// The reply that was waited for was planned, and taken if it was to be. True if it is worth to campaign at once.
  [[nodiscard]] bool answered(const PullReply& reply, const PullPlan& plan, Instant now);

  Instant deadline() const { return wake_at_; }
  /// Requires: now >= deadline().
  void tick(Instant now);

 private:
  friend struct StateEncoding;  // reads everything, for the model checker
  struct Freshness {
    Term last_term;
    LogIndex last_index;
    auto operator<=>(const Freshness&) const = default;
  };
  struct Offer {
    Freshness log;
    bool hears_leader = false;
  };

  Freshness own() const { return {log_.last_term(), log_.last_index()}; }
  bool is_quorum_leaderless() const;
  const ReplicaId* best_source() const;
  void ask(ReplicaId source, LogIndex prev, Instant now);
  bool ask_best(Instant now);

  const ReplicaOptions& options_;
  const LogView& log_;
  Outbox& outbox_;
  std::map<ReplicaId, Offer> offers_;  // what the voters told in this round
  Freshness round_log_;                // ours when the round began
  ReplicaId source_;                   // none: no question is out
  LogIndex asked_prev_;
  bool is_for_vote_ = false;  // refused by a quorum for freshness only: campaign as soon as the pull has ended
  Instant wake_at_ = Instant::never();
};

}  // namespace torc::consensus
