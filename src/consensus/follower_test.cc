// Raft figure 2, "AppendEntries RPC: receiver implementation", claim by claim.
#include "consensus/follower.h"

#include <gtest/gtest.h>

#include "consensus/test_cluster.h"

namespace torc::consensus {
namespace {

LogView log_of(const std::vector<uint64_t>& terms, uint64_t commit = 0) {
  RestoredState empty;
  empty.configuration.voters = {replica_id(1)};
  LogView log(empty, 1 << 20);
  for (const uint64_t term : terms) log.append(entry_of(term, log.last_index().value + 1));
  log.commit_to(LogIndex(commit));
  return log;
}

AppendRequest request_of(uint64_t term, uint64_t prev, uint64_t prev_term, const std::vector<uint64_t>& terms,
                         uint64_t commit = 0) {
  AppendRequest request;
  request.term = Term(term);
  request.prev_index = LogIndex(prev);
  request.prev_term = Term(prev_term);
  request.commit = LogIndex(commit);
  request.stamp = 77;
  for (const uint64_t t : terms) request.entries.push_back(entry_of(t, ++prev));
  return request;
}

TEST(Follower, RejectsWhenItsLogHasNoEntryAtPrev) {
  LogView log = log_of({1, 1});
  const AppendOutcome outcome = accept_append(log, request_of(2, 5, 2, {2}));
  EXPECT_EQ(outcome.verdict, AppendVerdict::kRejected);
  EXPECT_EQ(outcome.reply.prev_index, LogIndex(5));
  EXPECT_EQ(outcome.reply.hint_index, LogIndex(2));
  EXPECT_EQ(outcome.reply.hint_term, Term(1));
  EXPECT_EQ(outcome.reply.stamp, 77);
  EXPECT_EQ(log.last_index(), LogIndex(2));
}

TEST(Follower, TheHintOfARejectionSkipsTermsAboveTheLeaders) {
  // member 1 1 4 4 4      leader's entry at 5 has term 3: entries of term 4 cannot be the leader's.
  LogView log = log_of({1, 1, 4, 4, 4});
  const AppendOutcome outcome = accept_append(log, request_of(6, 5, 3, {}));
  EXPECT_EQ(outcome.verdict, AppendVerdict::kRejected);
  EXPECT_EQ(outcome.reply.hint_index, LogIndex(2));
}

TEST(Follower, ReplacesAConflictingEntryAndAllThatFollowIt) {
  LogView log = log_of({1, 1, 2, 2}, 1);
  const AppendOutcome outcome = accept_append(log, request_of(3, 2, 1, {3}, 3));
  EXPECT_EQ(outcome.verdict, AppendVerdict::kAccepted);
  EXPECT_EQ(outcome.reply.match_index, LogIndex(3));
  EXPECT_EQ(log.last_index(), LogIndex(3));
  EXPECT_EQ(log.term_at(LogIndex(3)), Term(3));
  EXPECT_EQ(log.commit(), LogIndex(3));
}

TEST(Follower, ADelayedRequestDoesNotTruncateWhatCameAfterIt) {
  LogView log = log_of({1, 1, 1, 1});
  const AppendOutcome outcome = accept_append(log, request_of(1, 1, 1, {1}));
  EXPECT_EQ(outcome.reply.match_index, LogIndex(2)) << "nothing is known about 3 and 4";
  EXPECT_EQ(log.last_index(), LogIndex(4));
}

TEST(Follower, CommitsNoFurtherThanTheRequestProvesAgreement) {
  LogView log = log_of({1, 1, 1});
  accept_append(log, request_of(2, 1, 1, {}, 3));
  EXPECT_EQ(log.commit(), LogIndex(1));
}

TEST(Follower, BelowItsCommitIndexItAgreesWithoutComparing) {
  LogView log = log_of({1, 1, 1}, 3);
  log.cut(LogIndex(3));
  const AppendOutcome outcome = accept_append(log, request_of(2, 1, 1, {1, 1, 2}));
  EXPECT_EQ(outcome.verdict, AppendVerdict::kAccepted);
  EXPECT_EQ(outcome.reply.match_index, LogIndex(4));
  EXPECT_EQ(accept_append(log, request_of(2, 0, 0, {1})).reply.match_index, LogIndex(3));
}

TEST(Follower, RefusesWhatContradictsItsCommittedEntries) {
  LogView log = log_of({1, 1, 1}, 2);
  EXPECT_EQ(accept_append(log, request_of(2, 1, 1, {2})).verdict, AppendVerdict::kRefused);
  EXPECT_EQ(log.last_index(), LogIndex(3));
}

TEST(Follower, RefusesMalformedRequestsWithoutTouchingTheLog) {
  LogView log = log_of({1});
  AppendRequest gap = request_of(2, 1, 1, {2, 2});
  gap.entries[1] = entry_of(2, 4);
  EXPECT_EQ(accept_append(log, gap).verdict, AppendVerdict::kRefused);
  EXPECT_EQ(accept_append(log, request_of(5, 1, 1, {3, 2})).verdict, AppendVerdict::kRefused) << "terms fall";
  EXPECT_EQ(accept_append(log, request_of(2, 1, 1, {3})).verdict, AppendVerdict::kRefused) << "from the future";
  AppendRequest damaged = request_of(2, 1, 1, {2});
  damaged.entries[0].kind = EntryKind::kConfiguration;
  EXPECT_EQ(accept_append(log, damaged).verdict, AppendVerdict::kRefused) << "not a configuration";
  EXPECT_EQ(accept_append(log, request_of(2, UINT64_MAX, 1, {2})).verdict, AppendVerdict::kRefused) << "overflow";
  EXPECT_EQ(log.last_index(), LogIndex(1));
}

// Behind the commit index prev_term is not compared, so a peer may claim what it likes there.
TEST(Follower, EntriesOfATermBelowThatOfTheirPlaceAreRefused) {
  LogView log = log_of({1, 3}, 2);
  const AppendOutcome outcome = accept_append(log, request_of(4, 2, 1, {2}));
  EXPECT_EQ(outcome.verdict, AppendVerdict::kRefused);
  EXPECT_EQ(log.last_index(), LogIndex(2));
}

}  // namespace
}  // namespace torc::consensus
