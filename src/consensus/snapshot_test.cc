// Snapshots (Raft 7) as far as the core goes: who needs one, what an arrived one does to the log, and what proves it.
#include <gtest/gtest.h>

#include "consensus/test_replica.h"

namespace torc::consensus {
namespace {

const ReplicaId kPeer = replica_id(2);
const ReplicaId kOther = replica_id(3);

Configuration three_and_a_learner() {
  Configuration configuration = TestReplica::empty().configuration;
  configuration.learners = {replica_id(4)};
  return configuration;
}

SnapshotHead head_of(uint64_t sender_term, uint64_t index, uint64_t term) {
  return {kPeer, Term(sender_term), LogIndex(index), Term(term), three_and_a_learner()};
}

// The log of this leader starts after entry 3 from now on, and `kOther` is known to have entry 1 only.
void need_snapshot(TestReplica& r) {
  for (int i = 0; i < 2; ++i) r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now);
  r.persist_all();
  r.acknowledge(kPeer, 3, 0);
  r.replica.log_cut(LogIndex(3));
  // Its flight is lost and it is probed for, behind our start.
  r.advance(r.options.election_timeout_min);
  r.receive(kOther, HeartbeatReply{Term(1), 0, LogIndex(0)});
}

TEST(Snapshot, AMemberBehindTheStartOfTheLogIsAskedForOnceAndSentNothingElse) {
  TestReplica r = TestReplica::established();
  need_snapshot(r);
  Ready ready = r.take();
  ASSERT_EQ(ready.snapshots_wanted.size(), 1u);
  EXPECT_EQ(ready.snapshots_wanted[0].peer, kOther);
  EXPECT_EQ(ready.snapshots_wanted[0].index_min, LogIndex(3));
  EXPECT_FALSE(r.sent<AppendRequest>(ready.send_now, kOther));
  r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now);
  ready = r.take();
  EXPECT_FALSE(r.sent<AppendRequest>(ready.send_now, kOther));
  EXPECT_TRUE(ready.snapshots_wanted.empty());
}

TEST(Snapshot, TheMembersAnswerProvesItAndEntriesGoOnBehindIt) {
  TestReplica r = TestReplica::established();
  need_snapshot(r);
  r.take();
  r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now);
  r.persist_all();
  r.acknowledge(kOther, 3, 0);
  const auto request = r.sent<AppendRequest>(r.take().send_now, kOther);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->prev_index, LogIndex(3));
  EXPECT_EQ(request->entries.size(), 1u);
}

TEST(Snapshot, OneThatWasSentIsFollowedByAnEmptyProbe) {
  TestReplica r = TestReplica::established();
  need_snapshot(r);
  r.take();
  r.replica.snapshot_finished(kOther, LogIndex(3), r.now);
  const auto probe = r.sent<AppendRequest>(r.take().send_now, kOther);
  ASSERT_TRUE(probe);
  EXPECT_EQ(probe->prev_index, LogIndex(3));
  EXPECT_TRUE(probe->entries.empty());
  AppendReply rejection;  // it was lost after all
  rejection.term = Term(1);
  rejection.prev_index = LogIndex(3);
  r.receive(kOther, rejection);
  EXPECT_EQ(r.take().snapshots_wanted.size(), 1u);
}

TEST(Snapshot, OneThatFailedIsAskedForAgainAtThePaceOfHeartbeats) {
  TestReplica r = TestReplica::established();
  need_snapshot(r);
  r.take();
  r.replica.snapshot_finished(kOther, std::nullopt, r.now);
  EXPECT_TRUE(r.take().snapshots_wanted.empty());
  r.advance(r.options.heartbeat_interval);
  r.receive(kOther, HeartbeatReply{Term(1), 0, LogIndex(0)});
  EXPECT_EQ(r.take().snapshots_wanted.size(), 1u);
  r.replica.snapshot_finished(kPeer, LogIndex(9), r.now);
  EXPECT_FALSE(r.replica.has_ready()) << "nobody asked for that one";
}

TEST(Snapshot, AnArrivedOneTakesThePlaceOfTheLogBehindTheTerm) {
  TestReplica r;
  r.receive(kPeer, HeartbeatRequest{Term(2), LogIndex(0), LogIndex(0), 5});
  r.persist_all();
  ASSERT_TRUE(r.replica.snapshot_staged(head_of(3, 9, 2), r.now));
  const Ready ready = r.take();
  ASSERT_TRUE(ready.install);
  EXPECT_TRUE(ready.must_persist());
  EXPECT_EQ(ready.install->index, LogIndex(9));
  EXPECT_EQ(ready.hard_state, (HardState{Term(3), {}}));
  EXPECT_EQ(ready.commit, LogIndex(9));
  EXPECT_EQ(r.replica.configuration(), three_and_a_learner());
  EXPECT_EQ(r.status().stable_index, LogIndex(0)) << "it is not installed yet";
  r.replica.persisted(ready.sequence, r.now);
  EXPECT_EQ(r.status().stable_index, LogIndex(9));
  EXPECT_FALSE(r.replica.has_ready());
}

TEST(Snapshot, TheLeaderIsToldOnceItIsInstalledAndNobodyElseIs) {
  TestReplica r;
  r.receive(kPeer, HeartbeatRequest{Term(2), LogIndex(0), LogIndex(0), 5});
  r.take();
  ASSERT_TRUE(r.replica.snapshot_staged(head_of(2, 9, 2), r.now));
  Ready ready = r.take();
  const auto reply = r.sent<AppendReply>(ready.send_when_durable, kPeer);
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->accepted);
  EXPECT_EQ(reply->match_index, LogIndex(9));
  SnapshotHead pulled = head_of(2, 12, 2);
  pulled.from = kOther;
  ASSERT_TRUE(r.replica.snapshot_staged(pulled, r.now));
  ready = r.take();
  EXPECT_TRUE(ready.install);
  EXPECT_TRUE(ready.send_when_durable.empty()) << "what comes from another is not acknowledged";
}

TEST(Snapshot, OneThatTellsNothingNewLeavesTheLogAlone) {
  RestoredState restored = TestReplica::empty();
  restored.hard_state.term = Term(2);
  restored.last_index = LogIndex(5);
  restored.term_runs = {{LogIndex(1), Term(2)}};
  TestReplica r(restored);
  EXPECT_FALSE(r.replica.snapshot_staged(head_of(2, 4, 2), r.now));
  const Ready ready = r.take();
  EXPECT_FALSE(ready.install);
  EXPECT_EQ(ready.commit, LogIndex(4)) << "but it tells what is committed";
  EXPECT_EQ(r.status().last_index, LogIndex(5));
  EXPECT_FALSE(r.replica.snapshot_staged(head_of(2, 3, 1), r.now)) << "below commit";
}

TEST(Snapshot, AConflictingTailGivesWay) {
  RestoredState restored = TestReplica::empty();
  restored.hard_state.term = Term(2);
  restored.last_index = LogIndex(5);
  restored.term_runs = {{LogIndex(1), Term(1)}};
  TestReplica r(restored);
  EXPECT_TRUE(r.replica.snapshot_staged(head_of(2, 4, 2), r.now));
  EXPECT_EQ(r.status().last_index, LogIndex(4));
  EXPECT_EQ(r.replica.term_at(LogIndex(4)), Term(2));
}

TEST(Snapshot, WhatNoCorrectReplicaSendsIsRefused) {
  TestReplica r = TestReplica::established();
  EXPECT_FALSE(r.replica.snapshot_staged(head_of(1, 9, 1), r.now)) << "its leader has every committed entry";
  EXPECT_FALSE(r.replica.snapshot_staged(head_of(1, 9, 2), r.now)) << "an entry above the sender's term";
  EXPECT_EQ(r.status().messages_refused, 2u);
  EXPECT_EQ(r.status().last_index, LogIndex(1));
}

TEST(Snapshot, APullBehindTheStartOfALogIsServedByASnapshot) {
  RestoredState restored = TestReplica::empty();
  restored.hard_state.term = Term(2);
  restored.start_index = restored.last_index = restored.commit = LogIndex(5);
  restored.start_term = Term(2);
  TestReplica r(restored);
  r.receive(kPeer, PullRequest{LogIndex(1), Term(1)});
  r.receive(kPeer, PullRequest{LogIndex(1), Term(1)});
  const Ready ready = r.take();
  ASSERT_EQ(ready.snapshots_wanted.size(), 1u) << "one at a time";
  EXPECT_EQ(ready.snapshots_wanted[0].peer, kPeer);
  EXPECT_EQ(ready.snapshots_wanted[0].index_min, LogIndex(5));
}

}  // namespace
}  // namespace torc::consensus
