#include "consensus/pull.h"

#include <algorithm>

#include "consensus/quorum.h"

namespace torc::consensus {
namespace {

bool is_well_formed(const PullReply& reply) {
  if (reply.last_term > reply.term || reply.commit > reply.last_index || reply.prev_index > reply.asked_prev) {
    return false;
  }
  if (reply.needs_snapshot) return reply.entries.empty();
  if (!reply.entries.empty() && reply.prev_index != reply.asked_prev) return false;
  return is_run(reply.prev_index, reply.prev_term, reply.last_term, reply.entries) &&
         (reply.entries.empty() || reply.entries.back().index <= reply.last_index);
}

}  // namespace

PullPlan plan_pull(const LogView& log, Term current, bool is_for_vote, const PullReply& reply) {
  PullPlan plan;
  if (!is_well_formed(reply)) return plan;
  plan.verdict = PullVerdict::kUseless;
  const LogIndex prev = reply.asked_prev;
  if (reply.needs_snapshot || prev < log.commit() || prev > log.last_index()) return plan;
  if (reply.prev_index != prev || log.term_at(prev) != reply.prev_term) {
    // Both sides skip whole terms, as in the back-up of AppendReply. Nothing at or below our commit is in question.
    if (prev == log.commit()) return plan;
    plan.verdict = PullVerdict::kBelow;
    plan.match = std::clamp(log.last_not_above(reply.prev_index, reply.prev_term), log.commit(), prev - 1);
    return plan;
  }
  plan.term = std::max(current, reply.term);
  plan.known = log.count_known(reply.entries);
  const bool is_truncating = plan.known < reply.entries.size() && reply.entries[plan.known].index <= log.last_index();
  if (is_truncating) {
    if (!log.is_up_to_date(reply.last_term, reply.last_index)) return plan;  // ours is the fresher log
    // What was acknowledged in the current term must stay as long as the term does: its leader counts on it. In a log
    // that ends in the current term nothing of that is in conflict; otherwise only a new term frees us from it.
    if (reply.last_term < plan.term && plan.term == current) {
      if (!is_for_vote) return plan;
      plan.term = current + 1;
    }
  }
  plan.verdict = PullVerdict::kTaken;
  plan.match = prev + reply.entries.size();
  plan.is_news = plan.known < reply.entries.size() || std::min(reply.commit, plan.match) > log.commit();
  return plan;
}

void take_pull(LogView& log, const PullReply& reply, const PullPlan& plan) {
  CHECK(plan.verdict == PullVerdict::kTaken);
  for (size_t i = plan.known; i < reply.entries.size(); ++i) {
    if (i == plan.known) log.truncate_suffix(reply.entries[i].index - 1);
    log.append(reply.entries[i]);
  }
  log.commit_to(std::min(reply.commit, plan.match));
}

void Pull::start_round() {
  offers_.clear();
  round_log_ = own();
  if (!source_) wake_at_ = Instant::never();
}

bool Pull::on_pre_vote_reply(ReplicaId from, const PreVoteReply& reply, Instant now) {
  offers_[from] = {{reply.last_term, reply.last_index}, reply.hears_leader};
  if (!is_quorum_leaderless()) {
    // Other answers should be there by then; the freshest log is the one to ask for.
    if (wake_at_ == Instant::never() && best_source()) wake_at_ = now + options_.heartbeat_interval;
    return false;
  }
  if (source_) {
    is_for_vote_ = true;
    return false;
  }
  is_for_vote_ = ask_best(now);
  return !is_for_vote_ && own() != round_log_;
}

void Pull::stop() {
  offers_.clear();
  source_ = {};
  is_for_vote_ = false;
  wake_at_ = Instant::never();
}

bool Pull::answered(const PullReply& reply, const PullPlan& plan, Instant now) {
  const ReplicaId source = std::exchange(source_, {});
  const auto offer = offers_.find(source);
  if (offer != offers_.end()) offer->second.log = {reply.last_term, reply.last_index};
  switch (plan.verdict) {
    case PullVerdict::kBelow:
      ask(source, plan.match, now);
      return false;
    case PullVerdict::kTaken:
      if (plan.match < reply.last_index && !reply.entries.empty()) {
        ask(source, plan.match, now);
        return false;
      }
      break;
    case PullVerdict::kUseless:
    case PullVerdict::kRefused:
      if (offer != offers_.end()) offers_.erase(offer);
      if (ask_best(now)) return false;
      wake_at_ = Instant::never();
      return std::exchange(is_for_vote_, false) && own() != round_log_;
  }
  // A source that hears the leader will have more to give.
  const bool is_fed = offer != offers_.end() && offer->second.hears_leader;
  wake_at_ = is_fed ? now + options_.heartbeat_interval : Instant::never();
  return std::exchange(is_for_vote_, false) && own() != round_log_;
}

void Pull::tick(Instant now) {
  CHECK(now >= wake_at_);
  source_ = {};  // lost, if one was out
  if (!ask_best(now)) wake_at_ = Instant::never();
}

bool Pull::is_quorum_leaderless() const {
  std::map<ReplicaId, bool> leaderless{{options_.self, true}};
  for (const auto& [id, offer] : offers_) leaderless[id] = !offer.hears_leader;
  return count_votes(log_.configuration(), leaderless) == VoteResult::kWon;
}

// The freshest log that has something for us, or will have because its owner hears the leader.
const ReplicaId* Pull::best_source() const {
  const ReplicaId* best = nullptr;
  Freshness best_log;
  for (const auto& [id, offer] : offers_) {
    if ((!offer.hears_leader && offer.log <= own()) || (best && offer.log <= best_log)) continue;
    best = &id;
    best_log = offer.log;
  }
  return best;
}

void Pull::ask(ReplicaId source, LogIndex prev, Instant now) {
  source_ = source;
  asked_prev_ = prev;
  wake_at_ = now + options_.election_timeout_min / 2;
  outbox_.send_now(source, PullRequest{prev, log_.term_at(prev).value()});
}

bool Pull::ask_best(Instant now) {
  const ReplicaId* best = best_source();
  if (best) ask(*best, log_.last_index(), now);
  return best != nullptr;
}

}  // namespace torc::consensus
