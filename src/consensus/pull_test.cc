// Pulling before voting (rules.md#pull-before-voting), seen from one replica: what may be taken from whom, and in which
// term.
#include "consensus/pull.h"

#include <gtest/gtest.h>

#include "consensus/test_replica.h"

namespace torc::consensus {
namespace {

const ReplicaId kPeer = replica_id(2);
const ReplicaId kOther = replica_id(3);

LogView log_of(const std::vector<uint64_t>& terms, uint64_t commit = 0) {
  RestoredState empty;
  empty.configuration.voters = {replica_id(1)};
  LogView log(empty, 1 << 20);
  for (const uint64_t term : terms) log.append(entry_of(term, log.last_index().value + 1));
  log.commit_to(LogIndex(commit));
  return log;
}

// What a source in `term` whose log has these terms answers to a question about `prev`.
PullReply reply_of(uint64_t term, const std::vector<uint64_t>& terms, uint64_t prev, uint64_t commit = 0) {
  PullReply reply;
  reply.term = Term(term);
  reply.asked_prev = reply.prev_index = LogIndex(prev);
  reply.prev_term = Term(prev == 0 ? 0 : terms.at(prev - 1));
  reply.last_index = LogIndex(terms.size());
  reply.last_term = Term(terms.empty() ? 0 : terms.back());
  reply.commit = LogIndex(commit);
  for (uint64_t i = prev + 1; i <= terms.size(); ++i) reply.entries.push_back(entry_of(terms[i - 1], i));
  return reply;
}

PreVoteReply refusal_of(uint64_t term, uint64_t last_term, uint64_t last_index, bool hears_leader = false) {
  return {Term(term), false, Term(last_term), LogIndex(last_index), hears_leader};
}

RestoredState restored_of(uint64_t term, const std::vector<uint64_t>& terms) {
  RestoredState restored = TestReplica::empty();
  restored.hard_state.term = Term(term);
  restored.last_index = LogIndex(terms.size());
  for (uint64_t i = 0; i < terms.size(); ++i) {
    if (i == 0 || terms[i] != terms[i - 1]) restored.term_runs.push_back({LogIndex(i + 1), Term(terms[i])});
  }
  return restored;
}

TEST(PullPlan, TakesWhatFollowsWithItsTermsAndRaisesTheTermToTheSources) {
  LogView log = log_of({1, 1});
  const PullReply reply = reply_of(4, {1, 1, 2, 3}, 2, 3);
  const PullPlan plan = plan_pull(log, Term(1), false, reply);
  ASSERT_EQ(plan.verdict, PullVerdict::kTaken);
  EXPECT_EQ(plan.term, Term(4));
  take_pull(log, reply, plan);
  EXPECT_EQ(log.last_index(), LogIndex(4));
  EXPECT_EQ(log.term_at(LogIndex(3)), Term(2));
  EXPECT_EQ(log.last_term(), Term(3));
  EXPECT_EQ(log.commit(), LogIndex(3));
}

TEST(PullPlan, TruncatesOnlyAtAConflict) {
  // ours   1 1 2
  // source 1 1 3 3     asked about 1: entry 2 is known and stays what it is
  LogView log = log_of({1, 1, 2}, 1);
  const PullReply reply = reply_of(3, {1, 1, 3, 3}, 1);
  const PullPlan plan = plan_pull(log, Term(2), false, reply);
  ASSERT_EQ(plan.verdict, PullVerdict::kTaken);
  EXPECT_EQ(plan.known, 1u);
  take_pull(log, reply, plan);
  EXPECT_EQ(log.last_index(), LogIndex(4));
  EXPECT_EQ(log.term_at(LogIndex(3)), Term(3));
}

TEST(PullPlan, ADelayedPieceDoesNotShortenTheLog) {
  LogView log = log_of({1, 1, 2, 2});
  const PullReply reply = reply_of(2, {1, 1, 2}, 1);
  const PullPlan plan = plan_pull(log, Term(2), true, reply);
  ASSERT_EQ(plan.verdict, PullVerdict::kTaken);
  EXPECT_FALSE(plan.is_news);
  take_pull(log, reply, plan);
  EXPECT_EQ(log.last_index(), LogIndex(4));
}

TEST(PullPlan, NeverReplacesEntriesInFavourOfALessFreshLog) {
  const LogView log = log_of({1, 3});
  EXPECT_EQ(plan_pull(log, Term(3), true, reply_of(3, {1, 2, 2, 2}, 1)).verdict, PullVerdict::kUseless);
}

TEST(PullPlan, NeverTruncatesAtOrBelowCommit) {
  // Ours was committed in term 4; the source has not heard of it, and its log ends in a higher term than ours. A
  // correct replica may be in this state: it is no offence.
  const LogView log = log_of({1, 2}, 2);
  PullReply reply = reply_of(4, {1, 3}, 1);
  EXPECT_EQ(plan_pull(log, Term(4), true, reply).verdict, PullVerdict::kUseless) << "asked below commit";
  reply = reply_of(4, {1, 3}, 2);
  reply.entries.clear();
  reply.prev_index = LogIndex(1);
  reply.prev_term = Term(1);
  EXPECT_EQ(plan_pull(log, Term(4), true, reply).verdict, PullVerdict::kUseless) << "disagrees at commit";
}

TEST(PullPlan, ADisagreementIsFollowedDownByWholeTermsToTheCommitIndex) {
  const LogView log = log_of({1, 1, 2, 2, 2}, 1);
  PullReply reply = reply_of(3, {1, 1, 1, 3}, 4);
  reply.asked_prev = LogIndex(5);
  reply.prev_index = LogIndex(3);  // the source's last place not above term 2
  reply.prev_term = Term(1);
  const PullPlan plan = plan_pull(log, Term(3), true, reply);
  EXPECT_EQ(plan.verdict, PullVerdict::kBelow);
  EXPECT_EQ(plan.match, LogIndex(2)) << "our last place not above term 1";
}

TEST(PullPlan, EntriesAcknowledgedInTheCurrentTermAreGivenUpOnlyForANewTerm) {
  // In term 8 its leader may have counted our entry of term 5; the source knows only of term 7.
  const LogView log = log_of({1, 5});
  const PullReply reply = reply_of(7, {1, 3, 7}, 1);
  EXPECT_EQ(plan_pull(log, Term(8), false, reply).verdict, PullVerdict::kUseless);
  const PullPlan plan = plan_pull(log, Term(8), true, reply);
  EXPECT_EQ(plan.verdict, PullVerdict::kTaken);
  EXPECT_EQ(plan.term, Term(9));
  EXPECT_EQ(plan_pull(log, Term(7), false, reply).term, Term(7)) << "a log that ends in our term is its leader's";
  EXPECT_EQ(plan_pull(log, Term(6), false, reply).term, Term(7)) << "nothing was acknowledged in a term just entered";
}

TEST(PullPlan, RefusesWhatNoCorrectReplicaSends) {
  const LogView log = log_of({1});
  PullReply reply = reply_of(2, {1, 3}, 1);
  EXPECT_EQ(plan_pull(log, Term(1), true, reply).verdict, PullVerdict::kRefused) << "entries above its own term";
  reply = reply_of(3, {1, 3, 2}, 1);
  EXPECT_EQ(plan_pull(log, Term(1), true, reply).verdict, PullVerdict::kRefused) << "terms fall";
  reply = reply_of(3, {1, 3}, 1, 3);
  EXPECT_EQ(plan_pull(log, Term(1), true, reply).verdict, PullVerdict::kRefused) << "commit beyond its log";
  reply = reply_of(3, {1, 3}, 1);
  reply.last_index = LogIndex(1);
  EXPECT_EQ(plan_pull(log, Term(1), true, reply).verdict, PullVerdict::kRefused) << "entries beyond its log";
  reply = reply_of(3, {1, 3}, 1);
  reply.asked_prev = LogIndex(9);
  EXPECT_EQ(plan_pull(log, Term(1), true, reply).verdict, PullVerdict::kRefused) << "entries nobody asked for";
}

TEST(Pull, AReplicaRefusedForFreshnessAloneFetchesTheTailAndCampaignsAtOnce) {
  TestReplica r(restored_of(1, {1}));
  r.time_out();
  r.take();
  r.receive(kPeer, refusal_of(1, 1, 3));
  const auto request = r.sent<PullRequest>(r.take().send_now, kPeer);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->prev_index, LogIndex(1));
  EXPECT_EQ(request->prev_term, Term(1));
  r.receive(kPeer, reply_of(1, {1, 1, 1}, 1));
  const Ready ready = r.take();
  EXPECT_EQ(ready.entries.size(), 2u);
  EXPECT_EQ(r.sent<PreVoteRequest>(ready.send_now)->last_index, LogIndex(3));
  EXPECT_EQ(r.count<AppendReply>(ready.send_when_durable), 0u) << "a pull acknowledges nothing";
}

TEST(Pull, TheTermRisesInTheReadyThatCarriesTheEntriesAndTheVoteIsCleared) {
  RestoredState restored = restored_of(2, {1});
  restored.hard_state.vote = kOther;
  TestReplica r(restored);
  r.time_out();
  r.take();
  r.receive(kPeer, refusal_of(2, 2, 3));
  r.take();
  r.receive(kPeer, reply_of(6, {1, 2, 2}, 1));
  const Ready ready = r.take();
  EXPECT_EQ(ready.entries.size(), 2u);
  EXPECT_EQ(ready.hard_state, (HardState{Term(6), {}}));
  EXPECT_EQ(r.sent<PreVoteRequest>(ready.send_now)->term, Term(7));
}

TEST(Pull, GoesOnPieceByPieceUntilTheEndOfTheSourcesLog) {
  TestReplica r(restored_of(1, {1}));
  r.time_out();
  r.take();
  r.receive(kPeer, refusal_of(1, 1, 3));
  r.take();
  PullReply piece = reply_of(1, {1, 1, 1}, 1);
  piece.entries.pop_back();
  r.receive(kPeer, piece);
  Ready ready = r.take();
  EXPECT_EQ(r.sent<PullRequest>(ready.send_now, kPeer)->prev_index, LogIndex(2));
  EXPECT_FALSE(r.sent<PreVoteRequest>(ready.send_now));
  r.receive(kPeer, piece);
  EXPECT_FALSE(r.replica.has_ready()) << "a second copy is nothing new";
  r.receive(kPeer, reply_of(1, {1, 1, 1}, 2));
  EXPECT_TRUE(r.sent<PreVoteRequest>(r.take().send_now));
}

TEST(Pull, FreshnessOfTheWholeQuorumDecidesWhomToAsk) {
  ReplicaOptions options = TestReplica::default_options();
  RestoredState restored = restored_of(2, {1});
  restored.configuration.voters = {replica_id(1), replica_id(2), replica_id(3), replica_id(4), replica_id(5)};
  TestReplica r(restored, options);
  r.time_out();
  r.take();
  r.receive(kPeer, refusal_of(2, 1, 9));
  EXPECT_FALSE(r.sent<PullRequest>(r.take().send_now)) << "two of five: others may be fresher";
  r.receive(kOther, refusal_of(2, 2, 2));
  EXPECT_TRUE(r.sent<PullRequest>(r.take().send_now, kOther)) << "the higher term wins over the longer log";
}

TEST(Pull, WhoIsCutOffFromTheLeaderAloneFollowsThroughAnotherAtABoundedRate) {
  TestReplica r(restored_of(1, {1}));
  r.time_out();
  r.take();
  r.receive(kPeer, refusal_of(1, 1, 1, true));
  EXPECT_FALSE(r.sent<PullRequest>(r.take().send_now));
  for (uint64_t last = 2; last < 4; ++last) {
    const Instant before = r.now;
    r.time_out();
    EXPECT_EQ(r.now, before + r.options.heartbeat_interval);
    const auto request = r.sent<PullRequest>(r.take().send_now, kPeer);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->prev_index, LogIndex(last - 1));
    r.receive(kPeer, reply_of(1, std::vector<uint64_t>(last, 1), last - 1, last));
    const Ready ready = r.take();
    EXPECT_EQ(ready.entries.size(), 1u);
    EXPECT_EQ(ready.commit, LogIndex(last)) << "what is committed there is committed";
    EXPECT_FALSE(r.sent<PreVoteRequest>(ready.send_now)) << "the leader is alive";
  }
}

TEST(Pull, ALostQuestionIsAskedAgain) {
  TestReplica r(restored_of(1, {1}));
  r.time_out();
  r.take();
  r.receive(kPeer, refusal_of(1, 1, 3));
  EXPECT_TRUE(r.sent<PullRequest>(r.take().send_now));
  r.advance(r.options.election_timeout_min / 2);
  r.replica.tick(r.now);
  EXPECT_TRUE(r.sent<PullRequest>(r.take().send_now, kPeer));
}

TEST(Pull, EndsWhenALeaderIsHeard) {
  TestReplica r(restored_of(1, {1}));
  r.time_out();
  r.take();
  r.receive(kPeer, refusal_of(1, 1, 3));
  r.take();
  r.receive(kOther, HeartbeatRequest{Term(2), LogIndex(0), LogIndex(0), 5});
  r.take();
  r.receive(kPeer, reply_of(1, {1, 1, 1}, 1));
  EXPECT_EQ(r.status().last_index, LogIndex(1));
}

TEST(Pull, CanBeSwitchedOff) {
  ReplicaOptions options = TestReplica::default_options();
  options.pull = false;
  TestReplica r(restored_of(1, {1}), options);
  r.time_out();
  r.take();
  r.receive(kPeer, refusal_of(1, 1, 3));
  EXPECT_FALSE(r.replica.has_ready());
}

TEST(PullSource, TellsWhatItHoldsWhateverItsRole) {
  TestReplica r = TestReplica::established();
  r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now);
  r.persist_all();
  r.receive(kPeer, PullRequest{LogIndex(1), Term(1)});
  const auto reply = r.sent<PullReply>(r.take().send_now, kPeer);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->term, Term(1));
  EXPECT_EQ(reply->prev_term, Term(1));
  EXPECT_EQ(reply->last_index, LogIndex(2));
  EXPECT_EQ(reply->commit, LogIndex(1));
  ASSERT_EQ(reply->entries.size(), 1u);
  EXPECT_EQ(reply->entries[0].index, LogIndex(2));
}

TEST(PullSource, WhereTheLogsDifferItTellsWhereTheyMayAgree) {
  TestReplica r(restored_of(3, {1, 1, 3}));
  r.receive(kPeer, PullRequest{LogIndex(4), Term(2)});
  const auto reply = r.sent<PullReply>(r.take().send_now, kPeer);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->asked_prev, LogIndex(4));
  EXPECT_EQ(reply->prev_index, LogIndex(2));
  EXPECT_EQ(reply->prev_term, Term(1));
  EXPECT_TRUE(reply->entries.empty());
}

TEST(PullSource, EntriesOutOfMemoryAreReadBackFirst) {
  TestReplica r(restored_of(1, {1, 1, 1}));
  r.receive(kPeer, PullRequest{LogIndex(1), Term(1)});
  Ready ready = r.take();
  EXPECT_TRUE(ready.send_now.empty());
  ASSERT_EQ(ready.entries_wanted.size(), 1u);
  EXPECT_EQ(ready.entries_wanted[0].first, LogIndex(2));
  EXPECT_EQ(ready.entries_wanted[0].last, LogIndex(3));
  r.receive(kPeer, PullRequest{LogIndex(1), Term(1)});
  EXPECT_FALSE(r.replica.has_ready()) << "one load per peer";
  r.replica.entries_loaded(kPeer, {entry_of(1, 2), entry_of(1, 3)}, r.now);
  EXPECT_EQ(r.sent<PullReply>(r.take().send_now, kPeer)->entries.size(), 2u);
}

TEST(PullSource, BehindItsStartOnlyASnapshotHelps) {
  RestoredState restored = TestReplica::empty();
  restored.hard_state.term = Term(2);
  restored.start_index = restored.last_index = restored.commit = LogIndex(5);
  restored.start_term = Term(2);
  TestReplica r(restored);
  r.receive(kPeer, PullRequest{LogIndex(4), Term(2)});
  EXPECT_TRUE(r.sent<PullReply>(r.take().send_now, kPeer)->needs_snapshot);
  r.receive(kPeer, PullRequest{LogIndex(5), Term(2)});
  EXPECT_FALSE(r.sent<PullReply>(r.take().send_now, kPeer)->needs_snapshot);
}

}  // namespace
}  // namespace torc::consensus
