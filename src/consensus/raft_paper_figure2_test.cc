// One test per claim of figure 2 of the Raft paper (extended version), in its order and words. Where we do something
// else docs/testing.md names the paragraph of docs/protocol.md.
#include <gtest/gtest.h>

#include "consensus/test_paper.h"

namespace torc::consensus {
namespace {

// ---- state ----

TEST(RaftPaper, Figure2_StateIsOnStableStorageBeforeAnAnswerLeaves) {
  TestReplica r = TestReplica::settled();
  r.receive(kPeer, VoteRequest{Term(1), LogIndex(0), Term(0)});
  const Ready vote = r.take();
  EXPECT_EQ(vote.hard_state, (HardState{Term(1), kPeer}));
  EXPECT_TRUE(r.sent<VoteReply>(vote.send_when_durable)->granted);
  r.receive(kPeer, append(1, 0, 0, 0, {entry_of(1, 1)}));
  const Ready entries = r.take();
  EXPECT_EQ(entries.entries.size(), 1u);
  EXPECT_TRUE(r.sent<AppendReply>(entries.send_when_durable)->accepted);
  EXPECT_TRUE(vote.send_now.empty() && entries.send_now.empty());
}

TEST(RaftPaper, Figure2_CommitIndexStartsAtZeroAndIncreases) {
  TestReplica r(with_log({1, 1, 1}));
  EXPECT_EQ(r.status().commit, LogIndex(0));
  r.receive(kPeer, append(1, 3, 1, 2, {}));
  EXPECT_EQ(r.status().commit, LogIndex(2));
  r.receive(kPeer, append(1, 3, 1, 1, {}));
  EXPECT_EQ(r.status().commit, LogIndex(2));
}

TEST(RaftPaper, Figure2_NextIndexStartsBehindTheLeadersLogAndMatchIndexAtZero) {
  LeaderAfter r({1, 1});
  const auto request = r.sent<AppendRequest>(r.take().send_now, kPeer);
  EXPECT_EQ(request->prev_index, LogIndex(2));
  for (const PeerStatus& peer : r.replica.peers()) EXPECT_EQ(peer.match_index, LogIndex(0));
}

// ---- AppendEntries, receiver implementation ----

TEST(RaftPaper, Figure2_AppendEntries1_ReplyFalseIfTheTermIsOld) {
  TestReplica r(with_log({1, 2}));
  r.receive(kPeer, append(1, 2, 2, 2, {entry_of(1, 3)}));
  const auto reply = r.sent<AppendReply>(r.take().send_now);
  EXPECT_FALSE(reply->accepted);
  EXPECT_EQ(reply->term, Term(2));
  EXPECT_EQ(r.status().last_index, LogIndex(2));
}

TEST(RaftPaper, Figure2_AppendEntries2_ReplyFalseIfNoEntryAtPrevHasItsTerm) {
  for (const uint64_t prev : {2, 5}) {  // a different term; no entry
    TestReplica r(with_log({1, 1}));
    r.receive(kPeer, append(3, prev, 2, 0, {entry_of(3, prev + 1)}));
    EXPECT_FALSE(r.sent<AppendReply>(r.take().send_now)->accepted) << prev;
    EXPECT_EQ(r.status().last_index, LogIndex(2));
  }
}

TEST(RaftPaper, Figure2_AppendEntries3_AConflictingEntryAndAllThatFollowItAreDeleted) {
  TestReplica r(with_log({1, 1, 1, 1}));
  r.receive(kPeer, append(2, 1, 1, 0, {entry_of(2, 2)}));
  EXPECT_EQ(r.status().last_index, LogIndex(2));
  EXPECT_EQ(r.replica.term_at(LogIndex(1)), Term(1));
  EXPECT_EQ(r.replica.term_at(LogIndex(2)), Term(2));
}

TEST(RaftPaper, Figure2_AppendEntries4_OnlyEntriesNotAlreadyInTheLogAreAppended) {
  TestReplica r(with_log({1, 1}));
  r.receive(kPeer, append(1, 1, 1, 0, {entry_of(1, 2), entry_of(1, 3)}));
  const Ready ready = r.take();
  ASSERT_EQ(ready.entries.size(), 1u);
  EXPECT_EQ(ready.entries[0].index, LogIndex(3));
  r.receive(kPeer, append(1, 0, 0, 0, {entry_of(1, 1)}));  // delayed: no conflict, nothing is deleted
  EXPECT_TRUE(r.take().entries.empty());
  EXPECT_EQ(r.status().last_index, LogIndex(3));
}

TEST(RaftPaper, Figure2_AppendEntries5_CommitIndexIsTheSmallerOfLeaderCommitAndTheLastNewEntry) {
  TestReplica r(with_log({1, 1, 1}));
  r.receive(kPeer, append(2, 1, 1, 3, {entry_of(1, 2)}));  // what is behind entry 2 may be wrong
  EXPECT_EQ(r.status().commit, LogIndex(2));
  r.receive(kPeer, append(2, 2, 1, 9, {entry_of(2, 3), entry_of(2, 4)}));
  EXPECT_EQ(r.status().commit, LogIndex(4));
}

// ---- RequestVote, receiver implementation ----

TEST(RaftPaper, Figure2_RequestVote1_ReplyFalseIfTheTermIsOld) {
  TestReplica r(with_log({1, 3}));
  r.advance(r.options.election_timeout_min);
  r.receive(kPeer, VoteRequest{Term(2), LogIndex(9), Term(2)});
  const auto reply = r.sent<VoteReply>(r.take().send_when_durable);
  EXPECT_FALSE(reply->granted);
  EXPECT_EQ(reply->term, Term(3));
}

TEST(RaftPaper, Figure2_RequestVote2_GrantIfTheVoteIsFreeOrTheCandidatesAndItsLogIsUpToDate) {
  for (const ReplicaId vote : {ReplicaId(), kPeer, kOther}) {
    for (const bool is_fresh : {false, true}) {
      RestoredState restored = with_log({1, 1});
      restored.hard_state = {Term(2), vote};
      TestReplica r(restored);
      r.advance(r.options.election_timeout_min);
      r.receive(kPeer, VoteRequest{Term(2), LogIndex(is_fresh ? 2 : 1), Term(1)});
      EXPECT_EQ(r.sent<VoteReply>(r.take().send_when_durable)->granted, is_fresh && vote != kOther) << vote << is_fresh;
    }
  }
}

// ---- rules for all servers ----

TEST(RaftPaper, Figure2_AllServers_WhatIsCommittedIsAppliedInOrderAndOnce) {
  TestReplica r;
  LogIndex applied;
  for (uint64_t i = 1; i <= 5; ++i) {
    r.receive(kPeer, append(1, i - 1, i > 1 ? 1 : 0, i - 1, {entry_of(1, i)}));
    const Ready ready = r.take();
    EXPECT_EQ(ready.commit, LogIndex(i - 1));
    EXPECT_GE(ready.commit, applied);
    applied = ready.commit;
  }
}

TEST(RaftPaper, Figure2_AllServers_AHigherTermInARequestOrAnAnswerMakesAFollowerOfIt) {
  const std::vector<MessageBody> bodies = {append(7, 0, 0, 0, {}),
                                           HeartbeatRequest{Term(7), LogIndex(0), LogIndex(0), 1},
                                           VoteRequest{Term(7), LogIndex(9), Term(6), true},
                                           VoteReply{Term(7), false},
                                           AppendReply{.term = Term(7)},
                                           HeartbeatReply{Term(7), 0, LogIndex(0)},
                                           PreVoteReply{Term(7), false, Term(6), LogIndex(9), false}};
  for (const MessageBody& body : bodies) {
    for (const bool is_leader : {false, true}) {
      TestReplica r = is_leader ? TestReplica::established() : TestReplica::campaigning();
      r.receive(kPeer, body);
      EXPECT_EQ(r.status().term, Term(7)) << body.index();
      EXPECT_EQ(r.status().role, Role::kFollower) << body.index();
    }
  }
}

// ---- followers ----

TEST(RaftPaper, Figure2_FollowersRespondToCandidatesAndLeaders) {
  TestReplica r = TestReplica::settled();
  r.receive(kPeer, VoteRequest{Term(1), LogIndex(0), Term(0)});
  r.receive(kPeer, append(1, 0, 0, 0, {}));
  r.receive(kPeer, HeartbeatRequest{Term(1), LogIndex(0), LogIndex(0), 1});
  const Ready ready = r.take();
  EXPECT_TRUE(r.sent<VoteReply>(ready.send_when_durable, kPeer));
  EXPECT_TRUE(r.sent<AppendReply>(ready.send_when_durable, kPeer));
  EXPECT_TRUE(r.sent<HeartbeatReply>(ready.send_now, kPeer));
}

TEST(RaftPaper, Figure2_FollowersBecomeCandidatesWhenTheTimeoutPassesWithoutALeaderOrAGrantedVote) {
  for (const bool is_vote : {false, true}) {
    TestReplica r(TestReplica::empty(), paper_options());
    r.advance(r.options.election_timeout_min - 1ms);
    const Instant before = r.replica.next_deadline();
    r.advance(1ms);
    if (is_vote) {
      r.receive(kPeer, VoteRequest{Term(1), LogIndex(0), Term(0)});
    } else {
      r.receive(kPeer, append(1, 0, 0, 0, {}));
    }
    EXPECT_GE(r.replica.next_deadline(), r.now + r.options.election_timeout_min);
    EXPECT_NE(r.replica.next_deadline(), before);
    r.replica.tick(r.replica.next_deadline() - 1ns);
    EXPECT_EQ(r.replica.status(r.now).role, Role::kFollower);
    r.time_out();
    EXPECT_EQ(r.status().role, Role::kCandidate);
  }
}

// ---- candidates ----

TEST(RaftPaper, Figure2_CandidatesRaiseTheTermVoteForThemselvesResetTheTimerAndAskAll) {
  TestReplica r(with_log({1, 2}), paper_options());
  r.time_out();
  const Ready ready = r.take();
  EXPECT_EQ(ready.hard_state, (HardState{Term(3), r.options.self}));
  for (const ReplicaId peer : {kPeer, kOther}) {
    const auto request = r.sent<VoteRequest>(ready.send_when_durable, peer);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->term, Term(3));
    EXPECT_EQ(request->last_index, LogIndex(2));
    EXPECT_EQ(request->last_term, Term(2));
  }
  EXPECT_GE(r.replica.next_deadline(), r.now + r.options.election_timeout_min);
}

TEST(RaftPaper, Figure2_CandidatesLeadWithTheVotesOfAMajority) {
  TestReplica r(of_five(), paper_options());
  r.time_out();
  r.persist_all();
  r.receive(replica_id(2), VoteReply{Term(1), true});
  r.receive(replica_id(2), VoteReply{Term(1), true});  // counts once
  r.receive(replica_id(3), VoteReply{Term(1), false});
  EXPECT_EQ(r.status().role, Role::kCandidate);
  r.receive(replica_id(5), VoteReply{Term(1), true});
  EXPECT_EQ(r.status().role, Role::kLeader);
}

TEST(RaftPaper, Figure2_CandidatesFollowALeaderOfTheirTerm) {
  TestReplica r = TestReplica::campaigning();
  r.receive(kPeer, append(1, 0, 0, 0, {}));
  EXPECT_EQ(r.status().role, Role::kFollower);
  EXPECT_EQ(r.status().term, Term(1));
  EXPECT_EQ(r.status().leader, kPeer);
}

TEST(RaftPaper, Figure2_CandidatesStartAnotherElectionWhenTheTimeoutPasses) {
  TestReplica r(TestReplica::empty(), paper_options());
  for (uint64_t term = 1; term <= 3; ++term) {
    r.time_out();
    EXPECT_EQ(r.status().role, Role::kCandidate);
    EXPECT_EQ(r.status().term, Term(term));
    EXPECT_EQ(r.count<VoteRequest>(r.take().send_when_durable), 2u);
  }
}

// ---- leaders ----

TEST(RaftPaper, Figure2_LeadersSendHeartbeatsUponElectionAndWhenIdle) {
  TestReplica r = TestReplica::leading();
  EXPECT_EQ(r.count<HeartbeatRequest>(r.take().send_now), 2u);
  for (int i = 0; i < 3; ++i) {
    const Instant before = r.now;
    r.time_out();
    EXPECT_LE(r.now - before, r.options.heartbeat_interval);
    EXPECT_EQ(r.count<HeartbeatRequest>(r.take().send_now), 2u);
  }
}

TEST(RaftPaper, Figure2_LeadersAppendACommandAndAnswerWhenItIsCommitted) {
  TestReplica r = TestReplica::established();
  const auto place = r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now);
  const Ready ready = r.take();
  EXPECT_EQ(ready.entries.back().index, place->index);
  EXPECT_LT(ready.commit, place->index);
  r.replica.persisted(ready.sequence, r.now);
  EXPECT_LT(r.status().commit, place->index);
  r.acknowledge(kPeer, place->index.value, 0);
  EXPECT_EQ(r.take().commit, place->index);
}

TEST(RaftPaper, Figure2_LeadersSendTheEntriesFromNextIndexOn) {
  TestReplica r = TestReplica::established();
  for (int i = 0; i < 3; ++i) r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now);
  const Ready ready = r.take();
  for (const ReplicaId peer : {kPeer, kOther}) {
    const auto request = r.sent<AppendRequest>(ready.send_now, peer);
    EXPECT_EQ(request->prev_index, LogIndex(1));
    EXPECT_EQ(request->prev_term, Term(1));
    EXPECT_EQ(request->entries.size(), 3u);
  }
}

TEST(RaftPaper, Figure2_LeadersMoveNextAndMatchIndexOnSuccess) {
  TestReplica r = TestReplica::established();
  r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now);
  r.persist_all();
  r.acknowledge(kPeer, 2, 0);
  EXPECT_EQ(r.replica.peers()[0].match_index, LogIndex(2));
  EXPECT_EQ(r.replica.peers()[1].match_index, LogIndex(1));
  r.take();
  r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now);
  EXPECT_EQ(r.sent<AppendRequest>(r.take().send_now, kPeer)->prev_index, LogIndex(2));
}

TEST(RaftPaper, Figure2_LeadersBackUpAndRetryOnInconsistency) {
  LeaderAfter r({1, 1, 2});
  r.take();
  AppendReply rejection;
  rejection.term = r.status().term;
  rejection.prev_index = LogIndex(3);
  rejection.hint_index = LogIndex(1);
  rejection.hint_term = Term(1);
  r.receive(kPeer, rejection);
  const auto retry = r.sent<AppendRequest>(r.take().send_now, kPeer);
  ASSERT_TRUE(retry);
  EXPECT_EQ(retry->prev_index, LogIndex(1));
}

TEST(RaftPaper, Figure2_LeadersCommitWhatAMajorityStoresOfTheirOwnTerm) {
  LeaderAfter r({1, 1});
  r.persist_all();
  r.acknowledge(kPeer, 2, 0);  // a majority stores entries 1 and 2, of an old term
  EXPECT_EQ(r.status().commit, LogIndex(0));
  r.acknowledge(kPeer, 3, 0);
  EXPECT_EQ(r.status().commit, LogIndex(3));
}

}  // namespace
}  // namespace torc::consensus
