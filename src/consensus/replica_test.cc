// A leader and a follower, seen from one replica: replication, commit, reads, transfer.
#include "consensus/replica.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "consensus/test_replica.h"

namespace torc::consensus {
namespace {

const ReplicaId kPeer = replica_id(2);
const ReplicaId kOther = replica_id(3);

void propose(TestReplica& r, std::string_view payload = "x") {
  ASSERT_TRUE(r.replica.propose(EntryKind::kCommands, buffer_of(payload), r.now));
}

TEST(Leader, SendsEntriesBeforeItsOwnFsyncAndCountsItselfAfter) {
  TestReplica r = TestReplica::established();
  propose(r);
  const Ready ready = r.take();
  EXPECT_EQ(r.count<AppendRequest>(ready.send_now), 2u);
  r.acknowledge(kPeer, 2, 0);
  EXPECT_EQ(r.status().commit, LogIndex(1)) << "one durable copy of three";
  r.replica.persisted(ready.sequence, r.now);
  EXPECT_EQ(r.status().commit, LogIndex(2));
}

TEST(Leader, CommitsWithoutItsOwnCopyIfTheOthersHaveIt) {
  TestReplica r = TestReplica::established();
  propose(r);
  r.take();
  r.acknowledge(kPeer, 2, 0);
  r.acknowledge(kOther, 2, 0);
  EXPECT_EQ(r.status().commit, LogIndex(2));
  EXPECT_EQ(r.status().stable_index, LogIndex(1));
}

TEST(Leader, ProposalsOfATurnTravelInOneRequestAndShareTheirBytes) {
  TestReplica r = TestReplica::established();
  for (int i = 0; i < 5; ++i) propose(r);
  const Ready ready = r.take();
  EXPECT_EQ(ready.entries.size(), 5u);
  EXPECT_EQ(r.count<AppendRequest>(ready.send_now), 2u);
  const auto request = r.sent<AppendRequest>(ready.send_now, kPeer);
  ASSERT_EQ(request->entries.size(), 5u);
  EXPECT_EQ(request->entries[0].encoded.view().data(), ready.entries[0].encoded.view().data());
}

TEST(Leader, PipelinesBeyondWhatIsAcknowledgedUpToTheFlowLimit) {
  ReplicaOptions options = TestReplica::default_options();
  options.append_bytes_max = 1;
  options.in_flight_bytes_max = 2 * entry_of(1, 1).size();
  TestReplica r = TestReplica::established(options);
  for (int i = 0; i < 5; ++i) propose(r);
  const Ready ready = r.take();
  EXPECT_EQ(r.count<AppendRequest>(ready.send_now), 4u) << "two to each peer";
  r.acknowledge(kPeer, 2, 0);
  EXPECT_EQ(r.sent<AppendRequest>(r.take().send_now, kPeer)->prev_index, LogIndex(3));
}

// Raft figure 8: an entry of an earlier term on a majority is not committed by that alone.
TEST(Leader, DoesNotCommitEntriesOfEarlierTermsByCounting) {
  RestoredState restored = TestReplica::empty();
  restored.hard_state.term = Term(2);
  restored.last_index = LogIndex(2);
  restored.term_runs = {{LogIndex(1), Term(1)}, {LogIndex(2), Term(2)}};
  TestReplica r(restored);
  r.time_out();
  r.take();
  r.receive(kPeer, PreVoteReply{Term(3), true, Term(1), LogIndex(1), false});
  r.persist_all();
  r.receive(kPeer, VoteReply{Term(3), true});
  ASSERT_EQ(r.status().role, Role::kLeader);
  r.acknowledge(kPeer, 2, 0);
  r.acknowledge(kOther, 2, 0);
  EXPECT_EQ(r.status().commit, LogIndex(0));
  r.acknowledge(kPeer, 3, 0);
  r.acknowledge(kOther, 3, 0);
  EXPECT_EQ(r.status().commit, LogIndex(3));
}

TEST(Leader, TellsAReceiverToCommitOnlyWhatItIsKnownToHave) {
  TestReplica r = TestReplica::established();
  propose(r);
  r.persist_all();
  r.acknowledge(kPeer, 2, 0);
  r.time_out();
  const Ready ready = r.take();
  EXPECT_EQ(r.sent<HeartbeatRequest>(ready.send_now, kPeer)->commit, LogIndex(2));
  EXPECT_EQ(r.sent<HeartbeatRequest>(ready.send_now, kOther)->commit, LogIndex(1));
}

// A node's groups, led since whenever, beat in the same turn, and none later than an interval after it last did.
TEST(Leader, HeartbeatsLieOnAGridOfTheInterval) {
  for (const Duration begun : {Duration(0), Duration(1ns), Duration(17ms), Duration(59'999'999ns)}) {
    TestReplica r = TestReplica::established();
    const Duration interval = r.options.heartbeat_interval;
    r.advance(begun);
    for (int i = 0; i < 4; ++i) {
      const Instant before = r.now;
      r.replica.tick(r.now);
      static_cast<void>(r.take());
      r.time_out();
      EXPECT_EQ(r.now.ns % interval.count(), 0);
      EXPECT_LE(r.now - before, interval);
      const Ready ready = r.take();
      EXPECT_EQ(std::ranges::count_if(
                    ready.send_now,
                    [](const Message& message) { return std::holds_alternative<HeartbeatRequest>(message.body); }),
                2);
      r.advance(Duration(3ms));  // the loop was late
      r.receive(replica_id(2), HeartbeatReply{Term(1), 0, r.status().stable_index});
    }
  }
}

TEST(Leader, StepsDownWhenNoQuorumAnswersForALongElectionTimeout) {
  TestReplica r = TestReplica::established();
  const Instant end = r.now + 2 * r.options.election_timeout_min;
  while (r.replica.next_deadline() < end) {
    r.time_out();
    EXPECT_EQ(r.status().role, Role::kLeader);
  }
  r.advance(r.options.heartbeat_interval);
  r.time_out();
  EXPECT_EQ(r.status().role, Role::kFollower);
  EXPECT_EQ(r.status().term, Term(1));
}

TEST(Leader, RefusesConfigurationsAndFollowersRefuseEverything) {
  TestReplica r = TestReplica::established();
  EXPECT_FALSE(r.replica.propose(EntryKind::kConfiguration, buffer_of(""), r.now));
  TestReplica follower = TestReplica::settled();
  EXPECT_FALSE(follower.replica.propose(EntryKind::kCommands, buffer_of("x"), follower.now));
  EXPECT_FALSE(follower.replica.has_ready());
}

TEST(Leader, StepsDownForAHigherTermInAnyReply) {
  TestReplica r = TestReplica::established();
  r.replica.read(1, r.now);
  AppendReply reply;
  reply.term = Term(5);
  r.receive(kPeer, reply);
  EXPECT_EQ(r.status().role, Role::kFollower);
  const Ready ready = r.take();
  EXPECT_EQ(ready.hard_state, (HardState{Term(5), {}}));
  ASSERT_EQ(ready.reads.size(), 1u);
  EXPECT_FALSE(ready.reads[0].index);
}

TEST(Leader, ReadsBackWhatItNoLongerHoldsAndAsksOncePerPeer) {
  ReplicaOptions options = TestReplica::default_options();
  options.held_bytes_max = 0;
  TestReplica r = TestReplica::established(options);
  for (int i = 0; i < 3; ++i) propose(r);
  r.persist_all();
  r.acknowledge(kPeer, 4, 0);  // 2..4 are committed and not held any more; kOther lost the request
  ASSERT_EQ(r.status().commit, LogIndex(4));
  r.advance(options.election_timeout_min);
  r.receive(kOther, HeartbeatReply{Term(1), 0, LogIndex(1)});
  const auto probe = r.sent<AppendRequest>(r.take().send_now, kOther);
  ASSERT_TRUE(probe);
  EXPECT_TRUE(probe->entries.empty());
  r.acknowledge(kOther, 1, 0);
  const Ready ready = r.take();
  ASSERT_EQ(ready.entries_wanted.size(), 1u);
  EXPECT_EQ(ready.entries_wanted[0].first, LogIndex(2));
  EXPECT_EQ(ready.entries_wanted[0].last, LogIndex(4));
  r.receive(kOther, HeartbeatReply{Term(1), 0, LogIndex(1)});
  EXPECT_TRUE(r.take().entries_wanted.empty());

  r.replica.entries_loaded(kOther, {}, r.now);
  EXPECT_TRUE(r.take().entries_wanted.empty()) << "asked again at the pace of heartbeats";
  r.advance(options.heartbeat_interval);
  r.receive(kOther, HeartbeatReply{Term(1), 0, LogIndex(1)});
  ASSERT_EQ(r.take().entries_wanted.size(), 1u);
  r.replica.entries_loaded(kOther, {entry_of(1, 2), entry_of(9, 3)}, r.now);
  EXPECT_FALSE(r.sent<AppendRequest>(r.take().send_now, kOther)) << "not the entries of our log";
  r.advance(options.heartbeat_interval);
  r.receive(kOther, HeartbeatReply{Term(1), 0, LogIndex(1)});
  ASSERT_EQ(r.take().entries_wanted.size(), 1u);
  r.replica.entries_loaded(kOther, {entry_of(1, 2), entry_of(1, 3)}, r.now);
  const Ready more = r.take();
  EXPECT_EQ(r.sent<AppendRequest>(more.send_now, kOther)->entries.size(), 2u);
  ASSERT_EQ(more.entries_wanted.size(), 1u);
  EXPECT_EQ(more.entries_wanted[0].first, LogIndex(4));
}

TEST(Leader, IgnoresRepliesThatCannotBeTrue) {
  TestReplica r = TestReplica::established();
  r.acknowledge(kPeer, 9, 0);
  EXPECT_EQ(r.status().messages_refused, 1u) << "beyond our log";
  r.receive(kPeer, HeartbeatReply{Term(1), INT64_MAX, LogIndex(1)});
  EXPECT_EQ(r.status().messages_refused, 2u) << "a stamp never drawn";
  r.receive(replica_id(9), HeartbeatReply{Term(1), 1, LogIndex(1)});
  EXPECT_EQ(r.status().messages_refused, 2u) << "a former member may answer late";
  EXPECT_EQ(r.status().commit, LogIndex(1));
}

// ---- reads ----

TEST(Reads, ALeaseCountsFromTheSendOfTheConfirmedRoundAndIsShortenedForDrift) {
  TestReplica r = TestReplica::established();
  r.time_out();
  const Instant sent_at = r.now;
  const Ready ready = r.take();
  r.advance(50ms);  // the answer takes its time, which the lease does not get back
  r.receive(kPeer, HeartbeatReply{Term(1), r.sent<HeartbeatRequest>(ready.send_now, kPeer)->stamp, LogIndex(1)});
  const Instant end = sent_at + r.options.election_timeout_min * 9 / 10;
  EXPECT_EQ(r.replica.lease_read_index(end - 100ns), LogIndex(1));
  EXPECT_FALSE(r.replica.lease_read_index(end));
}

TEST(Reads, MessagesOfOneInstantDoNotLengthenTheLease) {
  TestReplica r = TestReplica::established();
  SendStamp last = 0;
  for (int i = 0; i < 1000; ++i) {
    propose(r);
    last = r.sent<AppendRequest>(r.take().send_now, kPeer)->stamp;
  }
  EXPECT_GT(last, r.now.ns) << "stamps run ahead of a clock that stands still";
  r.acknowledge(kPeer, 2, last);
  EXPECT_FALSE(r.replica.lease_read_index(r.now + r.options.election_timeout_min * 9 / 10));
}

TEST(Reads, BeforeTheNoopIsCommittedThereIsNoLeaseAndReadsWait) {
  TestReplica r = TestReplica::leading();
  r.replica.read(1, r.now);
  const Ready ready = r.take();
  for (const ReplicaId peer : {kPeer, kOther}) {
    r.receive(peer, HeartbeatReply{Term(1), r.sent<HeartbeatRequest>(ready.send_now, peer)->stamp, LogIndex(0)});
  }
  EXPECT_FALSE(r.replica.lease_read_index(r.now));
  r.replica.read(2, r.now);
  const Ready round = r.take();
  EXPECT_TRUE(round.reads.empty());
  r.receive(kPeer, HeartbeatReply{Term(1), r.sent<HeartbeatRequest>(round.send_now, kPeer)->stamp, LogIndex(0)});
  EXPECT_TRUE(r.take().reads.empty());
  r.replica.persisted(ready.sequence, r.now);
  r.acknowledge(kPeer, 1, 0);
  const Ready done = r.take();
  ASSERT_EQ(done.reads.size(), 2u);
  EXPECT_EQ(done.reads[0].index, LogIndex(1));
}

TEST(Reads, AReadIsConfirmedOnlyByAnEchoOfAMessageSentAfterIt) {
  TestReplica r = TestReplica::established();
  propose(r);
  const auto before = r.sent<AppendRequest>(r.take().send_now, kPeer);
  r.replica.read(1, r.now);
  r.acknowledge(kPeer, 2, before->stamp);
  const Ready round = r.take();
  EXPECT_TRUE(round.reads.empty()) << "the echo is of the very last stamp before the read";
  const auto heartbeat = r.sent<HeartbeatRequest>(round.send_now, kPeer);
  ASSERT_TRUE(heartbeat) << "a waiting read asks for a round at once";
  r.receive(kPeer, HeartbeatReply{Term(1), heartbeat->stamp, LogIndex(2)});
  ASSERT_EQ(r.take().reads.size(), 1u);
}

TEST(Reads, ReadsThatArriveDuringARoundShareTheNext) {
  TestReplica r = TestReplica::established();
  r.replica.read(1, r.now);
  r.replica.read(2, r.now);
  const Ready first = r.take();
  EXPECT_EQ(r.count<HeartbeatRequest>(first.send_now), 2u) << "one round for both";
  r.replica.read(3, r.now);
  r.replica.read(4, r.now);
  EXPECT_EQ(r.count<HeartbeatRequest>(r.take().send_now), 0u);
  r.receive(kPeer, HeartbeatReply{Term(1), r.sent<HeartbeatRequest>(first.send_now, kPeer)->stamp, LogIndex(1)});
  ASSERT_TRUE(r.replica.has_ready());
  const Ready second = r.take();
  EXPECT_EQ(second.reads.size(), 2u);
  EXPECT_EQ(r.count<HeartbeatRequest>(second.send_now), 2u);
  r.receive(kOther, HeartbeatReply{Term(1), r.sent<HeartbeatRequest>(second.send_now, kOther)->stamp, LogIndex(1)});
  const Ready third = r.take();
  EXPECT_EQ(third.reads.size(), 2u);
  EXPECT_EQ(r.count<HeartbeatRequest>(third.send_now), 0u);
}

TEST(Reads, AppendRepliesConfirmReadsToo) {
  TestReplica r = TestReplica::established();
  r.replica.read(1, r.now);
  propose(r);
  const auto request = r.sent<AppendRequest>(r.take().send_now, kPeer);
  r.acknowledge(kPeer, 2, request->stamp);
  EXPECT_EQ(r.take().reads.size(), 1u);
}

TEST(Reads, AFollowerKnowsNothing) {
  TestReplica r = TestReplica::settled();
  r.replica.read(1, r.now);
  EXPECT_FALSE(r.take().reads.at(0).index);
}

TEST(Reads, WithoutLeasesOrAfterTheLeaseEndedTheyNeedARound) {
  ReplicaOptions options = TestReplica::default_options();
  options.lease_reads = false;
  TestReplica off = TestReplica::established(options);
  EXPECT_FALSE(off.replica.lease_read_index(off.now));
  TestReplica stopped = TestReplica::established();
  EXPECT_TRUE(stopped.replica.lease_read_index(stopped.now));
  EXPECT_FALSE(stopped.replica.lease_read_index(stopped.now + 5s)) << "SIGSTOP for five seconds (rules.md#leases)";
}

// ---- transfer ----

TEST(Transfer, ToldAtOnceWhenTheTargetIsUpToDateAndTheLeaseIsGone) {
  TestReplica r = TestReplica::established();
  ASSERT_TRUE(r.replica.lease_read_index(r.now));
  r.replica.transfer_leadership(kPeer, r.now);
  EXPECT_TRUE(r.sent<TimeoutNow>(r.take().send_now, kPeer));
  EXPECT_FALSE(r.replica.lease_read_index(r.now));
  EXPECT_FALSE(r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now));
}

TEST(Transfer, WaitsUntilTheTargetHasEverything) {
  TestReplica r = TestReplica::established();
  propose(r);
  r.persist_all();
  r.replica.transfer_leadership(kPeer, r.now);
  EXPECT_FALSE(r.sent<TimeoutNow>(r.take().send_now));
  EXPECT_TRUE(r.replica.lease_read_index(r.now)) << "nothing was handed over yet";
  r.acknowledge(kPeer, 2, 0);
  EXPECT_TRUE(r.sent<TimeoutNow>(r.take().send_now, kPeer));
}

TEST(Transfer, IsGivenUpAfterAnElectionTimeoutButTheLeaseStaysAwayForTheTerm) {
  TestReplica r = TestReplica::established();
  r.replica.transfer_leadership(kPeer, r.now);
  r.take();
  const Instant given_up_at = r.now + r.options.election_timeout_min;
  while (r.now < given_up_at) {
    EXPECT_FALSE(r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now));
    r.time_out();
    const Ready ready = r.take();
    for (const ReplicaId peer : {kPeer, kOther}) {
      const auto heartbeat = r.sent<HeartbeatRequest>(ready.send_now, peer);
      if (heartbeat) r.receive(peer, HeartbeatReply{Term(1), heartbeat->stamp, LogIndex(1)});
    }
  }
  EXPECT_TRUE(r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now));
  EXPECT_FALSE(r.replica.lease_read_index(r.now)) << "TimeoutNow may still be on its way";
}

TEST(Transfer, OnlyToAnotherVoter) {
  TestReplica r = TestReplica::established();
  r.replica.transfer_leadership(replica_id(1), r.now);
  r.replica.transfer_leadership(replica_id(9), r.now);
  EXPECT_TRUE(r.replica.propose(EntryKind::kCommands, buffer_of("x"), r.now));
}

TEST(Transfer, TheTargetCampaignsAtOnceWithoutAPreVote) {
  TestReplica r = TestReplica::settled();
  r.receive(kPeer, HeartbeatRequest{Term(1), LogIndex(0), LogIndex(0), 5});
  r.take();
  r.receive(kPeer, TimeoutNow{Term(1)});
  EXPECT_EQ(r.status().role, Role::kCandidate);
  EXPECT_TRUE(r.sent<VoteRequest>(r.take().send_when_durable)->transfer);
}

// ---- follower ----

AppendRequest request_of(uint64_t term, uint64_t prev, std::vector<Entry> entries, SendStamp stamp) {
  AppendRequest request;
  request.term = Term(term);
  request.prev_index = LogIndex(prev);
  request.prev_term = Term(prev == 0 ? 0 : term);
  request.stamp = stamp;
  request.entries = std::move(entries);
  return request;
}

TEST(Follower, AcknowledgesOnlyWhatIsDurableAndOnlyTheNewestOfATurn) {
  TestReplica r = TestReplica::settled();
  r.receive(kPeer, request_of(1, 0, {entry_of(1, 1)}, 10));
  r.receive(kPeer, request_of(1, 1, {entry_of(1, 2)}, 20));
  const Ready ready = r.take();
  EXPECT_EQ(ready.entries.size(), 2u);
  EXPECT_EQ(r.count<AppendReply>(ready.send_now), 0u);
  ASSERT_EQ(r.count<AppendReply>(ready.send_when_durable), 1u);
  const auto reply = r.sent<AppendReply>(ready.send_when_durable);
  EXPECT_EQ(reply->match_index, LogIndex(2));
  EXPECT_EQ(reply->stamp, 20);
}

TEST(Follower, AnswersHeartbeatsAtOnceWithItsDurableIndex) {
  TestReplica r = TestReplica::settled();
  r.receive(kPeer, request_of(1, 0, {entry_of(1, 1)}, 10));
  r.receive(kPeer, HeartbeatRequest{Term(1), LogIndex(0), LogIndex(0), 30});
  const auto reply = r.sent<HeartbeatReply>(r.take().send_now);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->stamp, 30);
  EXPECT_EQ(reply->last_index, LogIndex(0)) << "entry 1 is not durable";
}

TEST(Follower, TellsAStaleLeaderTheTermAndObeysItNot) {
  RestoredState restored = TestReplica::empty();
  restored.hard_state.term = Term(3);
  TestReplica r(restored);
  r.receive(kPeer, request_of(2, 0, {entry_of(2, 1)}, 10));
  r.receive(kPeer, HeartbeatRequest{Term(2), LogIndex(0), LogIndex(0), 30});
  const Ready ready = r.take();
  EXPECT_TRUE(ready.entries.empty());
  EXPECT_FALSE(r.sent<AppendReply>(ready.send_now)->accepted);
  EXPECT_EQ(r.sent<AppendReply>(ready.send_now)->term, Term(3));
  EXPECT_EQ(r.sent<HeartbeatReply>(ready.send_now)->term, Term(3));
  EXPECT_EQ(r.sent<HeartbeatReply>(ready.send_now)->stamp, 0) << "no echo for who is not followed";
  EXPECT_FALSE(r.status().leader);
}

TEST(Follower, RefusesASecondLeaderOfTheTermAndACommitBeyondItsLog) {
  TestReplica r = TestReplica::settled();
  r.receive(kPeer, HeartbeatRequest{Term(1), LogIndex(0), LogIndex(0), 5});
  r.receive(kOther, HeartbeatRequest{Term(1), LogIndex(0), LogIndex(0), 5});
  EXPECT_EQ(r.status().leader, kPeer);
  EXPECT_EQ(r.status().messages_refused, 1u);
  r.receive(kPeer, HeartbeatRequest{Term(1), LogIndex(1), LogIndex(0), 6});
  EXPECT_EQ(r.status().messages_refused, 2u);
  EXPECT_EQ(r.status().commit, LogIndex(0));
}

TEST(Follower, ATermThatWasMadeUpIsRefusedForNobodyCouldCampaignBehindIt) {
  TestReplica replica = TestReplica::settled();
  replica.receive(replica_id(2), VoteReply{.term = Term(UINT64_MAX), .granted = false});
  HeartbeatRequest heartbeat;
  heartbeat.term = Term(kTermMax.value + 1);
  replica.receive(replica_id(2), heartbeat);
  EXPECT_EQ(replica.status().messages_refused, 2u);
  EXPECT_EQ(replica.status().term, Term());
  heartbeat.term = kTermMax;
  replica.receive(replica_id(2), heartbeat);
  EXPECT_EQ(replica.status().term, kTermMax);
}

TEST(Follower, RemembersTheMostThatEveryMemberIsKnownToHave) {
  TestReplica r = TestReplica::settled();
  AppendRequest request = request_of(1, 0, {entry_of(1, 1), entry_of(1, 2)}, 10);
  request.replicated_to_all = LogIndex(1);
  r.receive(kPeer, request);
  EXPECT_EQ(r.status().replicated_to_all, LogIndex(1));
  r.receive(kPeer, HeartbeatRequest{Term(2), LogIndex(0), LogIndex(0), 5});
  EXPECT_EQ(r.status().replicated_to_all, LogIndex(1)) << "a new leader has yet to find out";
}

TEST(Replica, EqualInputsGiveEqualOutputs) {
  const auto trace_of = [](uint64_t seed) {
    TestCluster cluster(seed, 3);
    std::ostringstream trace;
    cluster.trace = &trace;
    cluster.run(2s);
    return trace.str();
  };
  EXPECT_EQ(trace_of(5), trace_of(5));
  EXPECT_NE(trace_of(5), trace_of(6));
}

}  // namespace
}  // namespace torc::consensus
