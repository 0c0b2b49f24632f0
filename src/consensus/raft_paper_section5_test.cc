// One test per claim of sections 5.1 to 5.6 of the Raft paper (extended version) that figure 2 does not make already.
// Where we do something else docs/testing.md names the paragraph of docs/protocol.md.
#include <gtest/gtest.h>

#include <set>

#include "consensus/test_paper.h"

namespace torc::consensus {
namespace {

// ---- 5.1 Raft basics ----

TEST(RaftPaper, Section5_1_RequestsAndAnswersOfAnOldTermChangeNothing) {
  TestReplica r = TestReplica::established();
  r.receive(kPeer, append(0, 0, 0, 0, {}));
  r.receive(kPeer, VoteReply{Term(0), true});
  AppendReply old;
  old.accepted = true;
  old.match_index = LogIndex(1);
  r.receive(kPeer, old);
  EXPECT_EQ(r.status().role, Role::kLeader);
  EXPECT_EQ(r.status().term, Term(1));
  EXPECT_EQ(r.status().last_index, LogIndex(1));
}

// ---- 5.2 leader election ----

TEST(RaftPaper, Section5_2_EachServerVotesForOneCandidateOfATermWhoComesFirst) {
  TestReplica r = TestReplica::settled();
  r.receive(kPeer, VoteRequest{Term(1), LogIndex(5), Term(0)});
  r.receive(kOther, VoteRequest{Term(1), LogIndex(9), Term(0)});  // fresher, and too late
  const Ready ready = r.take();
  EXPECT_TRUE(r.sent<VoteReply>(ready.send_when_durable, kPeer)->granted);
  EXPECT_FALSE(r.sent<VoteReply>(ready.send_when_durable, kOther)->granted);
}

TEST(RaftPaper, Section5_2_AVoteIsRememberedAcrossARestart) {
  RestoredState restored = TestReplica::empty();
  restored.hard_state = {Term(1), kPeer};
  TestReplica r(restored);
  r.advance(r.options.election_timeout_min);
  r.receive(kOther, VoteRequest{Term(1), LogIndex(9), Term(0)});
  EXPECT_FALSE(r.sent<VoteReply>(r.take().send_when_durable)->granted);
}

TEST(RaftPaper, Section5_2_TimeoutsAreDrawnAnewForEveryElectionFromAnIntervalAndDifferByServer) {
  std::set<int64_t> waits;
  for (const uint64_t node : {1, 2, 3}) {
    ReplicaOptions options = paper_options();
    options.self = replica_id(node);
    TestReplica r(TestReplica::empty(), options);
    for (int i = 0; i < 100; ++i) {
      const Duration wait = r.replica.next_deadline() - r.now;
      EXPECT_GE(wait, options.election_timeout_min);
      EXPECT_LT(wait, 2 * options.election_timeout_min);
      waits.insert(wait.count());
      r.time_out();
    }
  }
  EXPECT_GT(waits.size(), 290u);
}

TEST(RaftPaper, Section5_2_ASplitVoteElectsNobodyAndTheNextElectionDoes) {
  TestReplica r(of_five(), paper_options());
  r.time_out();
  r.persist_all();
  r.receive(replica_id(2), VoteReply{Term(1), true});
  for (const uint64_t voter : {3, 4, 5}) r.receive(replica_id(voter), VoteReply{Term(1), false});
  EXPECT_EQ(r.status().role, Role::kCandidate);
  r.time_out();
  r.persist_all();
  for (const uint64_t voter : {3, 4}) r.receive(replica_id(voter), VoteReply{Term(2), true});
  EXPECT_EQ(r.status().role, Role::kLeader);
  EXPECT_EQ(r.status().term, Term(2));
}

TEST(RaftPaper, Section5_2_ACandidateDoesNotObeyALeaderOfAnOlderTerm) {
  TestReplica r(with_log({1}), paper_options());
  r.time_out();
  r.receive(kPeer, append(1, 1, 1, 1, {}));
  EXPECT_EQ(r.status().role, Role::kCandidate);
  EXPECT_EQ(r.sent<AppendReply>(r.take().send_now)->term, Term(2));
}

// ---- 5.3 log replication ----

TEST(RaftPaper, Section5_3_ALeaderCreatesOneEntryPerIndexAndNeverChangesOrDeletesItsOwn) {
  TestReplica r = TestReplica::established();
  for (uint64_t index = 2; index <= 4; ++index) {
    EXPECT_EQ(r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now)->index, LogIndex(index));
  }
  r.receive(kPeer, append(1, 1, 1, 1, {entry_of(1, 2, "other")}));  // there is no other leader of its term
  EXPECT_EQ(r.status().messages_refused, 1u);
  EXPECT_EQ(r.status().last_index, LogIndex(4));
  EXPECT_EQ(r.status().role, Role::kLeader);
}

TEST(RaftPaper, Section5_3_CommittingAnEntryCommitsAllBeforeItAlsoOfEarlierLeaders) {
  LeaderAfter r({1, 2, 2});
  r.persist_all();
  EXPECT_EQ(r.status().commit, LogIndex(0));
  r.acknowledge(kOther, 4, 0);
  EXPECT_EQ(r.take().commit, LogIndex(4));
}

TEST(RaftPaper, Section5_3_FollowersLearnFromLaterMessagesWhatIsCommitted) {
  TestReplica r = TestReplica::established();
  r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now);
  r.persist_all();
  r.acknowledge(kPeer, 2, 0);
  r.acknowledge(kOther, 2, 0);
  r.time_out();
  EXPECT_EQ(r.sent<HeartbeatRequest>(r.take().send_now, kPeer)->commit, LogIndex(2));
  r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now);
  EXPECT_EQ(r.sent<AppendRequest>(r.take().send_now, kPeer)->commit, LogIndex(2));
}

TEST(RaftPaper, Section5_3_EntriesAreSentAgainForEverAlsoAfterTheClientWasAnswered) {
  TestReplica r = TestReplica::established();
  r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now);
  r.persist_all();
  r.acknowledge(kPeer, 2, 0);
  EXPECT_EQ(r.take().commit, LogIndex(2));
  for (int i = 0; i < 5; ++i) {  // kOther is alive and gets nothing else
    r.advance(r.options.election_timeout_min);
    r.receive(kPeer, HeartbeatReply{Term(1), 0, LogIndex(2)});
    r.receive(kOther, HeartbeatReply{Term(1), 0, LogIndex(1)});
    EXPECT_TRUE(r.sent<AppendRequest>(r.take().send_now, kOther)) << i;
  }
}

TEST(RaftPaper, Section5_3_OneRejectionSkipsATermNotAnEntry) {
  TestReplica r(with_log({1, 2, 2, 2, 2, 3, 3, 3}));
  r.receive(kPeer, append(4, 8, 1, 0, {}));
  const auto reply = r.sent<AppendReply>(r.take().send_now);
  EXPECT_FALSE(reply->accepted);
  EXPECT_EQ(reply->hint_index, LogIndex(1));
  EXPECT_EQ(reply->hint_term, Term(1));
}

// The logs of figure 7, the leader of term 8 on top.
const std::vector<std::vector<uint64_t>> kFigure7 = {
    {1, 1, 1, 4, 4, 5, 5, 6, 6, 6},    {1, 1, 1, 4, 4, 5, 5, 6, 6},          {1, 1, 1, 4},
    {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6}, {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7}, {1, 1, 1, 4, 4, 4, 4},
    {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3}};

TEST(RaftPaper, Section5_3_ALeaderBringsEveryLogOfFigure7ToItsOwn) {
  TestCluster cluster(1, kFigure7.size());
  for (uint64_t i = 0; i < kFigure7.size(); ++i) {
    const ReplicaId id = replica_id(i + 1);
    cluster.crash(id, 0);
    TestDisk& disk = cluster.node(id).disk;
    for (const uint64_t term : kFigure7[i]) disk.entries.push_back(entry_of(term, disk.entries.size() + 1));
    disk.hard_state.term = Term(7);
    cluster.start(id);
  }
  const ReplicaId leader = replica_id(1);
  cluster.advance(2 * cluster.node(leader).options.election_timeout_min);
  cluster.tick(leader);
  cluster.settle();
  ASSERT_EQ(cluster.leader(), leader);
  EXPECT_EQ(cluster.status(leader).term, Term(8));
  cluster.run(1s);
  EXPECT_EQ(cluster.violation, "");
  const std::deque<Entry>& expected = cluster.node(leader).disk.entries;
  EXPECT_EQ(expected.size(), kFigure7[0].size() + 1);
  for (uint64_t node = 2; node <= kFigure7.size(); ++node) {
    EXPECT_TRUE(cluster.node(replica_id(node)).disk.entries == expected) << node;
    EXPECT_EQ(cluster.status(replica_id(node)).commit, LogIndex(expected.size())) << node;
  }
}

// ---- 5.4 safety ----

TEST(RaftPaper, Section5_4_1_AVoterDeniesItsVoteToWhoseLogIsLessUpToDate) {
  struct Case {
    std::vector<uint64_t> voter;
    uint64_t last_term, last_index;
    bool is_granted;
  };
  const std::vector<Case> cases = {
      {{1}, 1, 1, true},     {{1}, 1, 2, true},  {{1, 1}, 1, 1, false},  // equal terms: the longer log
      {{1}, 2, 1, true},     {{1}, 2, 2, true},  {{1, 1}, 2, 1, true},   // the later term, whatever the lengths
      {{1, 2}, 1, 3, false}, {{2}, 1, 9, false}, {{1, 1, 1}, 2, 1, true}};
  for (const Case& c : cases) {
    TestReplica r(with_log(c.voter));
    r.advance(r.options.election_timeout_min);
    r.receive(kPeer, VoteRequest{Term(5), LogIndex(c.last_index), Term(c.last_term)});
    EXPECT_EQ(r.sent<VoteReply>(r.take().send_when_durable)->granted, c.is_granted) << c.last_term << c.last_index;
  }
}

TEST(RaftPaper, Section5_4_2_OnlyEntriesOfTheLeadersOwnTermAreCommittedByCounting) {
  LeaderAfter r({1, 2});  // figure 8 (c): entry 2 of term 2 is replicated by the leader of term 3
  r.persist_all();
  for (const ReplicaId peer : {kPeer, kOther}) {
    r.acknowledge(peer, 2, 0);
    EXPECT_EQ(r.status().commit, LogIndex(0)) << "on a majority, even on all, and not safe";
  }
  r.acknowledge(kPeer, 3, 0);  // figure 8 (e)
  EXPECT_EQ(r.status().commit, LogIndex(3));
}

TEST(RaftPaper, Section5_4_2_EntriesKeepTheirTermsWhenALaterLeaderSendsThem) {
  LeaderAfter r({1, 2});
  r.take();
  AppendReply rejection;
  rejection.term = Term(3);
  rejection.prev_index = LogIndex(2);
  r.receive(kPeer, rejection);
  const auto request = r.sent<AppendRequest>(r.take().send_now, kPeer);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->term, Term(3));
  EXPECT_TRUE(request->entries.empty()) << "what is no longer held is read back once the place is known";
  r.acknowledge(kPeer, 0, 0);
  const Ready ready = r.take();
  ASSERT_EQ(ready.entries_wanted.size(), 1u);
  r.replica.entries_loaded(kPeer, {entry_of(1, 1), entry_of(2, 2)}, r.now);
  std::vector<Term> terms;
  for (const Message& message : r.take().send_now) {
    if (const auto* request_to = std::get_if<AppendRequest>(&message.body)) {
      for (const Entry& entry : request_to->entries) terms.push_back(entry.term);
    }
  }
  EXPECT_EQ(terms, (std::vector<Term>{Term(1), Term(2), Term(3)}));
}

TEST(RaftPaper, Section5_4_3_WhoeverIsElectedHoldsEveryCommittedEntry) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    TestCluster cluster(seed, 5);
    for (int round = 0; round < 6; ++round) {
      cluster.run(1s);
      ASSERT_TRUE(cluster.leader());
      const ReplicaId leader = *cluster.leader();
      EXPECT_GE(cluster.status(leader).commit, cluster.committed()) << "seed " << seed;
      for (int i = 0; i < 3; ++i) cluster.propose(leader, "x");
      for (uint64_t i = cluster.prng().below(20); i > 0 && !cluster.network().empty(); --i) cluster.deliver(0);
      cluster.crash(leader);
      cluster.run(2s);
      cluster.start(leader);
    }
    ASSERT_EQ(cluster.violation, "") << "seed " << seed;
  }
}

// ---- 5.5 follower and candidate crashes ----

TEST(RaftPaper, Section5_5_ARequestThatArrivesTwiceAlsoAcrossACrashIsAnsweredAlike) {
  const AppendRequest request = append(1, 0, 0, 0, {entry_of(1, 1)});
  TestReplica before(with_log({}));
  before.receive(kPeer, request);
  const auto first = before.sent<AppendReply>(before.take().send_when_durable);
  TestReplica after(with_log({1}));  // it was written, and the answer was lost in a crash
  after.receive(kPeer, request);
  const Ready ready = after.take();
  const auto second = after.sent<AppendReply>(ready.send_when_durable);
  EXPECT_TRUE(ready.entries.empty());
  EXPECT_TRUE(first->accepted && second->accepted);
  EXPECT_EQ(first->match_index, second->match_index);

  TestReplica voter = TestReplica::settled();
  for (int i = 0; i < 2; ++i) {
    voter.receive(kPeer, VoteRequest{Term(1), LogIndex(0), Term(0)});
    EXPECT_TRUE(voter.sent<VoteReply>(voter.take().send_when_durable)->granted);
  }
}

TEST(RaftPaper, Section5_5_WhatACrashedFollowerMissedIsSentWhenItIsBack) {
  TestCluster cluster(1, 3);
  cluster.run(2s);
  const ReplicaId leader = cluster.leader().value();
  const ReplicaId follower = leader == kPeer ? kOther : kPeer;
  cluster.crash(follower, 0);
  for (int i = 0; i < 10; ++i) cluster.propose(leader, "x");
  cluster.run(5s);
  cluster.start(follower);
  cluster.run(1s);
  EXPECT_EQ(cluster.status(follower).commit, cluster.status(leader).commit);
  EXPECT_EQ(cluster.violation, "");
}

// ---- 5.6 timing and availability ----

TEST(RaftPaper, Section5_6_NothingBadHappensWithAnyTimingAndAStableLeaderStaysWithGoodTiming) {
  TestCluster cluster(3, 5);
  cluster.run(2s);
  const ReplicaId leader = cluster.leader().value();
  const Term term = cluster.status(leader).term;
  cluster.run(60s);
  EXPECT_EQ(cluster.leader(), leader);
  EXPECT_EQ(cluster.status(leader).term, term);
  cluster.run(60s, 2s);  // nobody looks at the clock for longer than any timeout
  EXPECT_EQ(cluster.violation, "");
}

}  // namespace
}  // namespace torc::consensus
