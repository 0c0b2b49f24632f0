// One test per claim of sections 6 (membership), 7 (compaction) and 8 (clients) of the Raft paper (extended version).
// Where we do something else docs/testing.md names the paragraph of docs/protocol.md.
#include <gtest/gtest.h>

#include <algorithm>

#include "consensus/test_paper.h"

namespace torc::consensus {
namespace {

const ReplicaId kLearner = replica_id(4);

/// The leader of 1, 2 and 3 with learner 4; its no-op is committed.
struct LeaderWithLearner : LeaderOf {
  LeaderWithLearner() : LeaderOf(with_a_learner()) {
    persist_all();
    for (const ReplicaId peer : {kPeer, kOther}) acknowledge(peer, 1, 0);
    take();
  }
  void propose_change(const ConfigurationChange& change) {
    ASSERT_TRUE(replica.propose_change(change, now).ok());
    persist_all();
  }
};

// ---- 6 cluster membership changes ----

TEST(RaftPaper, Section6_EntriesGoToAllServersOfBothConfigurations) {
  LeaderWithLearner r;
  ASSERT_TRUE(r.replica.propose_change({.promote = {kLearner}, .remove = {kPeer, kOther}}, r.now).ok());
  const Ready ready = r.take();
  EXPECT_TRUE(r.replica.configuration().is_joint());
  for (const ReplicaId peer : {kPeer, kOther}) EXPECT_TRUE(r.sent<AppendRequest>(ready.send_now, peer)) << peer;
  EXPECT_EQ(r.replica.peers().size(), 3u);
}

TEST(RaftPaper, Section6_AServerOfEitherConfigurationMayLeadWhileBothCount) {
  for (const uint64_t self : {1, 4}) {  // only in the outgoing one; only in the incoming one
    ReplicaOptions options = paper_options();
    options.self = replica_id(self);
    TestReplica r(joint(), options);
    r.time_out();
    r.persist_all();
    for (const uint64_t voter : {2, 3, 5}) r.receive(replica_id(voter), VoteReply{Term(1), true});
    EXPECT_EQ(r.status().role, Role::kLeader) << self;
  }
}

TEST(RaftPaper, Section6_AnElectionNeedsSeparateMajorities) {
  TestReplica r(joint(), paper_options());
  r.time_out();
  EXPECT_EQ(r.count<VoteRequest>(r.take().send_when_durable), 4u);
  r.replica.persisted(1, r.now);
  for (const uint64_t voter : {2, 3}) r.receive(replica_id(voter), VoteReply{Term(1), true});
  EXPECT_EQ(r.status().role, Role::kCandidate) << "all of the outgoing, one of three incoming";
  r.receive(replica_id(4), VoteReply{Term(1), true});
  EXPECT_EQ(r.status().role, Role::kLeader);
}

TEST(RaftPaper, Section6_ACommitmentNeedsSeparateMajorities) {
  LeaderWithLearner r;
  r.propose_change({.promote = {kLearner}, .remove = {kPeer, kOther}});  // 1 and 4 for 1, 2 and 3
  for (const ReplicaId peer : {kPeer, kOther}) r.acknowledge(peer, 2, 0);
  EXPECT_EQ(r.status().commit, LogIndex(1)) << "all of the outgoing, one of two incoming";
  r.acknowledge(kLearner, 2, 0);
  EXPECT_EQ(r.status().commit, LogIndex(2));
}

TEST(RaftPaper, Section6_AConfigurationCountsAsSoonAsItIsInTheLogCommittedOrNot) {
  TestReplica r(with_a_learner(), paper_options());
  Configuration next = with_a_learner().configuration;
  next.voters.push_back(kLearner);
  next.outgoing = with_a_learner().configuration.voters;
  next.learners.clear();
  const Entry entry =
      make_entry(Term(1), LogIndex(1), EntryKind::kConfiguration, buffer_of(encode_configuration(next)));
  r.receive(kPeer, append(1, 0, 0, 0, {entry}));
  EXPECT_EQ(r.status().commit, LogIndex(0));
  EXPECT_EQ(r.replica.configuration(), next);
  r.persist_all();
  r.time_out();
  EXPECT_TRUE(r.sent<VoteRequest>(r.take().send_when_durable, kLearner)) << "its votes are asked for already";
}

TEST(RaftPaper, Section6_TheNewConfigurationIsProposedOnceTheJointOneIsCommitted) {
  LeaderWithLearner r;
  r.propose_change({.promote = {kLearner}});
  EXPECT_TRUE(r.replica.configuration().is_joint());
  for (const ReplicaId peer : {kPeer, kOther}) r.acknowledge(peer, 2, 0);
  EXPECT_FALSE(r.replica.configuration().is_joint());
  EXPECT_EQ(r.replica.configuration().voters.size(), 4u);
  EXPECT_EQ(r.status().last_index, LogIndex(3));
  EXPECT_EQ(r.status().commit, LogIndex(2));
}

TEST(RaftPaper, Section6_OneChangeAtATime) {
  LeaderWithLearner r;
  r.propose_change({.promote = {kLearner}});
  EXPECT_FALSE(r.replica.propose_change({.remove = {kOther}}, r.now).ok()) << "joint";
  for (const ReplicaId peer : {kPeer, kOther}) r.acknowledge(peer, 2, 0);
  r.persist_all();
  EXPECT_FALSE(r.replica.propose_change({.remove = {kOther}}, r.now).ok()) << "the new one is not committed";
  for (const ReplicaId peer : {kPeer, kOther}) r.acknowledge(peer, 3, 0);
  EXPECT_TRUE(r.replica.propose_change({.remove = {kOther}}, r.now).ok());
}

TEST(RaftPaper, Section6_NewServersFirstReceiveEntriesWithoutBeingCounted) {
  LeaderWithLearner r;
  r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now);
  r.persist_all();
  r.acknowledge(kLearner, 2, 0);
  EXPECT_EQ(r.status().commit, LogIndex(1));
  r.acknowledge(kPeer, 2, 0);
  EXPECT_EQ(r.status().commit, LogIndex(2));

  ReplicaOptions options = paper_options();
  options.self = kLearner;
  TestReplica learner(with_a_learner(), options);
  EXPECT_EQ(learner.replica.next_deadline(), Instant::never()) << "it does not campaign";
}

TEST(RaftPaper, Section6_ALeaderThatIsNotInTheNewConfigurationStepsDownWhenThatIsCommittedNotCountingItself) {
  LeaderWithLearner r;
  r.propose_change({.remove = {r.options.self}});  // 2 and 3 for 1, 2 and 3
  r.acknowledge(kPeer, 2, 0);
  EXPECT_EQ(r.status().commit, LogIndex(1)) << "1 and 2 are a majority of the outgoing only";
  r.acknowledge(kOther, 2, 0);
  r.persist_all();
  r.acknowledge(kPeer, 3, 0);
  EXPECT_EQ(r.status().role, Role::kLeader) << "it does not count itself";
  r.acknowledge(kOther, 3, 0);
  EXPECT_EQ(r.status().role, Role::kFollower);
  EXPECT_EQ(r.status().commit, LogIndex(3));
  EXPECT_EQ(r.replica.next_deadline(), Instant::never()) << "it does not campaign";
}

TEST(RaftPaper, Section6_VoteRequestsAreDisregardedWithinTheMinimumTimeoutOfHearingALeader) {
  TestReplica r = TestReplica::settled();
  r.receive(kPeer, append(1, 0, 0, 0, {}));
  r.take();
  r.advance(r.options.election_timeout_min - 1ns);
  r.receive(kOther, VoteRequest{Term(9), LogIndex(9), Term(8)});
  EXPECT_EQ(r.status().term, Term(1)) << "neither is the vote granted nor the term taken over";
  EXPECT_FALSE(r.replica.has_ready());
}

// ---- 7 log compaction ----

TEST(RaftPaper, Section7_ASnapshotNamesItsLastIndexItsTermAndTheConfigurationInForceThere) {
  LeaderWithLearner r;
  r.propose_change({.promote = {kLearner}});
  for (const ReplicaId peer : {kPeer, kOther}) r.acknowledge(peer, 2, 0);
  r.persist_all();
  for (const ReplicaId peer : {kPeer, kOther}) r.acknowledge(peer, 3, 0);
  for (const bool is_cut : {false, true}) {
    if (is_cut) r.replica.log_cut(LogIndex(2));
    EXPECT_EQ(r.replica.term_at(LogIndex(2)), Term(1));
    EXPECT_TRUE(r.replica.configuration_at(LogIndex(2)).is_joint()) << "not the latest, which is not";
    EXPECT_FALSE(r.replica.configuration().is_joint());
  }
  EXPECT_EQ(r.replica.term_at(LogIndex(1)), std::nullopt);
}

TEST(RaftPaper, Section7_TheFirstEntryBehindASnapshotIsCheckedAgainstItsIndexAndTerm) {
  RestoredState restored = TestReplica::empty();
  restored.hard_state.term = restored.start_term = Term(3);
  restored.start_index = restored.last_index = restored.commit = LogIndex(5);
  TestReplica r(restored);
  r.receive(kPeer, append(4, 7, 3, 5, {entry_of(4, 8)}));
  EXPECT_EQ(r.sent<AppendReply>(r.take().send_now)->hint_index, LogIndex(5));
  r.receive(kPeer, append(4, 5, 3, 5, {entry_of(4, 6)}));
  EXPECT_TRUE(r.sent<AppendReply>(r.take().send_when_durable)->accepted);
  EXPECT_EQ(r.status().last_index, LogIndex(6));
}

TEST(RaftPaper, Section7_AFollowerWhoseNextEntryIsDiscardedIsSentASnapshot) {
  LeaderWithLearner r;
  r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now);
  r.persist_all();
  for (const ReplicaId peer : {kPeer, kOther}) r.acknowledge(peer, 2, 0);
  r.take();
  r.replica.log_cut(LogIndex(2));
  r.advance(r.options.heartbeat_interval);
  r.receive(kLearner, HeartbeatReply{Term(1), 0, LogIndex(0)});  // alive, and what it was sent is lost
  const Ready ready = r.take();
  ASSERT_EQ(ready.snapshots_wanted.size(), 1u);
  EXPECT_EQ(ready.snapshots_wanted[0].peer, kLearner);
  EXPECT_FALSE(r.sent<AppendRequest>(ready.send_now, kLearner));
}

SnapshotHead snapshot_of(uint64_t index, uint64_t term) {
  return {kPeer, Term(5), LogIndex(index), Term(term), with_a_learner().configuration};
}

TEST(RaftPaper, Section7_ASnapshotWithNewInformationReplacesTheWholeLog) {
  for (const std::vector<uint64_t>& terms : {std::vector<uint64_t>{1, 1}, {1, 1, 1, 1}}) {  // shorter; conflicting
    TestReplica r(with_log(terms));
    EXPECT_TRUE(r.replica.snapshot_staged(snapshot_of(3, 2), r.now));
    EXPECT_EQ(r.status().last_index, LogIndex(3));
    EXPECT_EQ(r.status().commit, LogIndex(3));
    EXPECT_EQ(r.replica.configuration(), with_a_learner().configuration);
    const Ready ready = r.take();
    ASSERT_TRUE(ready.install);
    EXPECT_TRUE(ready.entries.empty());
  }
}

TEST(RaftPaper, Section7_ASnapshotOfAPrefixOfTheLogLeavesWhatIsBehindIt) {
  TestReplica r(with_log({1, 2, 2, 2}));
  EXPECT_FALSE(r.replica.snapshot_staged(snapshot_of(2, 2), r.now));
  EXPECT_EQ(r.status().last_index, LogIndex(4));
  EXPECT_EQ(r.status().commit, LogIndex(2));
}

TEST(RaftPaper, Section7_ASnapshotIsAcknowledgedOnceItIsDurable) {
  TestReplica r(with_log({1}));
  r.receive(kPeer, append(5, 9, 4, 0, {}));
  r.take();
  ASSERT_TRUE(r.replica.snapshot_staged(snapshot_of(3, 2), r.now));
  const Ready ready = r.take();
  EXPECT_TRUE(ready.send_now.empty());
  const auto reply = r.sent<AppendReply>(ready.send_when_durable, kPeer);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->accepted);
  EXPECT_EQ(reply->match_index, LogIndex(3));
}

// ---- 8 client interaction ----

TEST(RaftPaper, Section8_ALeaderCommitsABlankEntryAtTheStartOfItsTerm) {
  LeaderAfter r({1, 1});
  const Ready ready = r.take();
  ASSERT_EQ(ready.entries.size(), 1u);
  EXPECT_EQ(ready.entries[0].kind, EntryKind::kNoop);
  EXPECT_EQ(ready.entries[0].term, Term(2));
  EXPECT_EQ(ready.entries[0].index, LogIndex(3));
}

TEST(RaftPaper, Section8_AReadWaitsUntilTheLeaderKnowsWhatIsCommitted) {
  LeaderAfter r({1, 1});
  const auto exchange_heartbeats = [&] {
    const Ready ready = r.take();
    r.replica.persisted(ready.sequence, r.now);
    const auto heartbeat = r.sent<HeartbeatRequest>(ready.send_now, kPeer);
    r.receive(kPeer, HeartbeatReply{Term(2), heartbeat->stamp, LogIndex(2)});
    return ready.reads.size();
  };
  exchange_heartbeats();
  r.replica.read(1, r.now);
  EXPECT_EQ(exchange_heartbeats(), 0u);
  if (r.replica.has_ready()) {
    EXPECT_TRUE(r.take().reads.empty()) << "it leads, and does not know what is committed";
  }
  r.acknowledge(kPeer, 3, 0);
  const Ready committed = r.take();
  ASSERT_EQ(committed.reads.size(), 1u);
  EXPECT_EQ(committed.reads[0].index, LogIndex(3));
}

TEST(RaftPaper, Section8_AReadIsAnsweredAfterHeartbeatsWereExchangedWithAMajority) {
  ReplicaOptions options = TestReplica::default_options();
  options.lease_reads = false;
  TestReplica r = TestReplica::established(options);
  r.replica.read(1, r.now);
  const Ready asked = r.take();
  EXPECT_TRUE(asked.reads.empty());
  const auto heartbeat = r.sent<HeartbeatRequest>(asked.send_now, kPeer);
  ASSERT_TRUE(heartbeat);
  r.receive(kPeer, HeartbeatReply{Term(1), heartbeat->stamp, LogIndex(1)});
  const Ready answered = r.take();
  ASSERT_EQ(answered.reads.size(), 1u);
  EXPECT_EQ(answered.reads[0].index, LogIndex(1));
}

TEST(RaftPaper, Section8_ADeposedLeaderAnswersNoRead) {
  TestReplica r = TestReplica::established();
  r.replica.read(1, r.now);
  r.take();
  r.receive(kPeer, HeartbeatReply{Term(2), 0, LogIndex(2)});
  const Ready ready = r.take();
  ASSERT_EQ(ready.reads.size(), 1u);
  EXPECT_EQ(ready.reads[0].index, std::nullopt);
}

TEST(RaftPaper, Section8_ALeaseServesReadsWithoutMessagesWhileClocksDifferByLittle) {
  TestReplica r = TestReplica::established();
  const Duration length = r.options.election_timeout_min * (100 - r.options.lease_drift_percent) / 100;
  EXPECT_EQ(r.replica.lease_read_index(r.now), LogIndex(1));
  EXPECT_EQ(r.replica.lease_read_index(r.now + length), std::nullopt);
}

}  // namespace
}  // namespace torc::consensus
