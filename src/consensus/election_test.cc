// Elections, seen from one replica: what it promises, when, and what is durable before it says so.
#include <gtest/gtest.h>

#include "consensus/test_replica.h"

namespace torc::consensus {
namespace {

const ReplicaId kPeer = replica_id(2);
const ReplicaId kOther = replica_id(3);

VoteRequest vote_for(uint64_t term, uint64_t last_term, uint64_t last_index) {
  return {Term(term), LogIndex(last_index), Term(last_term), false};
}

TEST(Election, ARestartedReplicaGrantsNothingForOneElectionTimeout) {
  TestReplica r;
  r.receive(kPeer, PreVoteRequest{Term(1), LogIndex(0), Term(0)});
  EXPECT_FALSE(r.sent<PreVoteReply>(r.take().send_now)->granted);
  r.receive(kPeer, vote_for(1, 0, 0));
  EXPECT_EQ(r.status().term, Term(0)) << "not even the term is taken over";
  r.advance(r.options.election_timeout_min - 1ns);
  r.receive(kPeer, vote_for(1, 0, 0));
  EXPECT_FALSE(r.sent<VoteReply>(r.take().send_when_durable));
  r.advance(1ns);
  r.receive(kPeer, vote_for(1, 0, 0));
  EXPECT_TRUE(r.sent<VoteReply>(r.take().send_when_durable)->granted);
}

TEST(Election, WhoHearsALeaderGrantsNothingUntilAnElectionTimeoutHasPassed) {
  TestReplica r = TestReplica::settled();
  r.receive(kPeer, HeartbeatRequest{Term(1), LogIndex(0), LogIndex(0), 5});
  r.take();
  r.advance(r.options.election_timeout_min - 1ns);
  r.receive(kOther, PreVoteRequest{Term(2), LogIndex(9), Term(1)});
  const auto reply = r.sent<PreVoteReply>(r.take().send_now);
  EXPECT_FALSE(reply->granted);
  EXPECT_TRUE(reply->hears_leader);
  r.receive(kOther, vote_for(7, 6, 9));
  EXPECT_EQ(r.status().term, Term(1));
  r.advance(1ns);
  r.receive(kOther, vote_for(7, 6, 9));
  EXPECT_TRUE(r.sent<VoteReply>(r.take().send_when_durable)->granted);
}

TEST(Election, AVoteRequestedForATransferDoesNotWaitForTheLease) {
  TestReplica r = TestReplica::settled();
  r.receive(kPeer, HeartbeatRequest{Term(1), LogIndex(0), LogIndex(0), 5});
  VoteRequest request = vote_for(2, 1, 9);
  request.transfer = true;
  r.receive(kOther, request);
  EXPECT_TRUE(r.sent<VoteReply>(r.take().send_when_durable)->granted);
}

// With syncs that take longer than an election timeout each candidate began the next term before its vote was durable,
// and none was ever elected.
TEST(Election, NobodyCampaignsWhileItsOwnVoteIsOnItsWayToTheDisk) {
  TestReplica r;
  r.time_out();
  r.take();
  r.receive(kPeer, PreVoteReply{Term(1), true, Term(0), LogIndex(0), false});
  const Ready ready = r.take();
  const Instant campaigned = r.now;
  ASSERT_EQ(ready.hard_state, (HardState{Term(1), r.options.self}));
  const Duration slow = 10 * r.options.election_timeout_min;
  EXPECT_EQ(r.replica.next_deadline(), Instant::never());
  r.advance(slow);
  r.replica.tick(r.now);
  EXPECT_EQ(r.status().role, Role::kCandidate);
  EXPECT_EQ(r.status().term, Term(1));
  r.replica.persisted(ready.sequence, r.now);
  // The others' disks may be as slow: as long again, and an election timeout.
  EXPECT_GE(r.replica.next_deadline(), campaigned + 2 * slow + r.options.election_timeout_min);
  EXPECT_LE(r.replica.next_deadline(), campaigned + 2 * slow + 2 * r.options.election_timeout_min);
  r.receive(kPeer, VoteReply{Term(1), true});
  EXPECT_EQ(r.status().role, Role::kLeader);
}

TEST(Election, AVoterWhoseVoteIsOnItsWayToTheDiskLeavesTheCandidateItsTime) {
  TestReplica r = TestReplica::settled();
  r.receive(kPeer, vote_for(1, 0, 0));
  const Ready ready = r.take();
  ASSERT_TRUE(r.sent<VoteReply>(ready.send_when_durable)->granted);
  r.advance(5 * r.options.election_timeout_min);
  r.replica.tick(r.now);
  EXPECT_EQ(r.status().role, Role::kFollower);
  r.replica.persisted(ready.sequence, r.now);
  EXPECT_GT(r.replica.next_deadline(), r.now + r.options.election_timeout_min);
}

TEST(Election, VotesForOneCandidateInATermAndRepeatsTheAnswer) {
  TestReplica r = TestReplica::settled();
  r.receive(kPeer, vote_for(1, 0, 0));
  const Ready ready = r.take();
  EXPECT_EQ(ready.hard_state, (HardState{Term(1), kPeer}));
  EXPECT_TRUE(r.sent<VoteReply>(ready.send_when_durable)->granted);
  EXPECT_TRUE(ready.send_now.empty()) << "a vote must be durable before it is told";
  r.receive(kOther, vote_for(1, 0, 0));
  EXPECT_FALSE(r.sent<VoteReply>(r.take().send_when_durable)->granted);
  r.receive(kPeer, vote_for(1, 0, 0));
  EXPECT_TRUE(r.sent<VoteReply>(r.take().send_when_durable)->granted);
}

TEST(Election, AVoteSurvivesACrash) {
  RestoredState restored = TestReplica::empty();
  restored.hard_state = {Term(4), kPeer};
  TestReplica r(restored);
  r.advance(r.options.election_timeout_min);
  r.receive(kOther, vote_for(4, 0, 0));
  EXPECT_FALSE(r.sent<VoteReply>(r.take().send_when_durable)->granted);
}

TEST(Election, RefusesCandidatesWhoseLogIsBehindButTakesTheirTerm) {
  RestoredState restored = TestReplica::empty();
  restored.hard_state.term = Term(3);
  restored.last_index = LogIndex(2);
  restored.term_runs = {{LogIndex(1), Term(3)}};
  TestReplica r(restored);
  r.advance(r.options.election_timeout_min);
  r.receive(kPeer, vote_for(4, 3, 1));
  const Ready ready = r.take();
  EXPECT_FALSE(r.sent<VoteReply>(ready.send_when_durable)->granted);
  EXPECT_EQ(ready.hard_state, (HardState{Term(4), {}}));
}

TEST(Election, APreVoteChangesNothing) {
  TestReplica r = TestReplica::settled();
  r.receive(kPeer, PreVoteRequest{Term(5), LogIndex(0), Term(0)});
  const Ready ready = r.take();
  EXPECT_TRUE(r.sent<PreVoteReply>(ready.send_now)->granted);
  EXPECT_FALSE(ready.hard_state);
  EXPECT_EQ(r.status().term, Term(0));
}

TEST(Election, WithoutAPreVoteQuorumTheTermStaysAndGrantsDoNotRaiseIt) {
  TestReplica r;
  r.time_out();
  EXPECT_EQ(r.status().role, Role::kPreCandidate);
  EXPECT_EQ(r.sent<PreVoteRequest>(r.take().send_now)->term, Term(1));
  PreVoteReply refusal;
  r.receive(kPeer, refusal);
  EXPECT_EQ(r.status().term, Term(0));
  PreVoteReply stray{Term(9), true, Term(0), LogIndex(0), false};
  r.receive(kOther, stray);
  EXPECT_EQ(r.status().term, Term(0)) << "a grant for another round";
  EXPECT_EQ(r.status().role, Role::kPreCandidate);
}

TEST(Election, ARefusedPreVoteTellsAStragglerTheTermAndItAsksAgainAtOnce) {
  TestReplica r;
  r.time_out();
  r.take();
  PreVoteReply refusal;
  refusal.term = Term(6);
  r.receive(kPeer, refusal);
  EXPECT_EQ(r.status().term, Term(6));
  EXPECT_EQ(r.sent<PreVoteRequest>(r.take().send_now)->term, Term(7));
  r.receive(kPeer, refusal);
  EXPECT_FALSE(r.sent<PreVoteRequest>(r.take().send_now)) << "nothing new was learned";
}

TEST(Election, ACandidatesOwnVoteIsDurableBeforeItAsksOrCounts) {
  TestReplica r;
  r.time_out();
  r.take();
  r.receive(kPeer, PreVoteReply{Term(1), true, Term(0), LogIndex(0), false});
  EXPECT_EQ(r.status().role, Role::kCandidate);
  const Ready ready = r.take();
  EXPECT_EQ(ready.hard_state, (HardState{Term(1), r.options.self}));
  EXPECT_TRUE(ready.send_now.empty());
  EXPECT_EQ(ready.send_when_durable.size(), 2u);
  r.receive(kPeer, VoteReply{Term(1), true});
  EXPECT_EQ(r.status().role, Role::kCandidate) << "one vote of three is durable";
  r.replica.persisted(ready.sequence, r.now);
  EXPECT_EQ(r.status().role, Role::kLeader);
}

TEST(Election, ANewLeaderStartsItsTermWithANoopAndTellsEverybody) {
  TestReplica r = TestReplica::leading();
  const Ready ready = r.take();
  ASSERT_EQ(ready.entries.size(), 1u);
  EXPECT_EQ(ready.entries[0].kind, EntryKind::kNoop);
  EXPECT_EQ(ready.entries[0].term, Term(1));
  EXPECT_EQ(r.count<AppendRequest>(ready.send_now), 2u) << "before its own fsync";
  EXPECT_EQ(r.count<HeartbeatRequest>(ready.send_now), 2u);
}

TEST(Election, ACandidateThatHearsTheLeaderOfItsTermFollowsIt) {
  TestReplica r = TestReplica::campaigning();
  r.receive(kPeer, HeartbeatRequest{Term(1), LogIndex(0), LogIndex(0), 5});
  EXPECT_EQ(r.status().role, Role::kFollower);
  EXPECT_EQ(r.status().leader, kPeer);
}

TEST(Election, ALateGrantFromAnotherTermDoesNotCount) {
  TestReplica r = TestReplica::campaigning();
  r.receive(kPeer, VoteReply{Term(0), true});
  EXPECT_EQ(r.status().role, Role::kCandidate);
  r.receive(kPeer, VoteReply{Term(3), false});
  EXPECT_EQ(r.status().role, Role::kFollower);
  EXPECT_EQ(r.status().term, Term(3));
}

TEST(Election, WaitsAreDrawnFromOneToTwoElectionTimeouts) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    ReplicaOptions options = TestReplica::default_options();
    options.seed = seed;
    const Replica replica(options, TestReplica::empty(), Instant{0});
    EXPECT_GE(replica.next_deadline(), Instant{0} + options.election_timeout_min);
    EXPECT_LT(replica.next_deadline(), Instant{0} + 2 * options.election_timeout_min);
  }
}

TEST(Election, ALearnerNeverCampaigns) {
  RestoredState restored = TestReplica::empty();
  restored.configuration.voters = {kPeer, kOther};
  restored.configuration.learners = {replica_id(1)};
  const TestReplica r(restored);
  EXPECT_EQ(r.replica.next_deadline(), Instant::never());
}

TEST(Election, ASoleVoterElectsItselfOnceItsVoteIsDurable) {
  RestoredState restored = TestReplica::empty();
  restored.configuration.voters = {replica_id(1)};
  TestReplica r(restored);
  r.time_out();
  r.persist_all();
  EXPECT_EQ(r.status().role, Role::kLeader);
  EXPECT_EQ(r.status().commit, LogIndex(0)) << "the no-op is not durable";
  r.persist_all();
  EXPECT_EQ(r.status().commit, LogIndex(1));
  EXPECT_EQ(r.replica.next_deadline(), Instant::never());
}

TEST(Election, MessagesForAnotherLifeOfThisNodeAreRefused) {
  TestReplica r = TestReplica::settled();
  Message message{r.options.group, kPeer, ReplicaId{NodeId(1), ReplicaNumber(2)}, vote_for(1, 0, 0)};
  r.replica.receive(message, r.now);
  EXPECT_EQ(r.status().messages_refused, 1u);
  EXPECT_EQ(r.status().term, Term(0));
}

}  // namespace
}  // namespace torc::consensus
