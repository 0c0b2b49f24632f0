// Membership change by joint consensus (Raft 6): when a configuration counts, who decides, and who leads afterwards.
#include "consensus/membership.h"

#include <gtest/gtest.h>

#include "consensus/test_replica.h"

namespace torc::consensus {
namespace {

Configuration configuration_of(std::vector<uint64_t> voters, std::vector<uint64_t> outgoing = {},
                               std::vector<uint64_t> learners = {}) {
  Configuration configuration;
  for (const uint64_t n : voters) configuration.voters.push_back(replica_id(n));
  for (const uint64_t n : outgoing) configuration.outgoing.push_back(replica_id(n));
  for (const uint64_t n : learners) configuration.learners.push_back(replica_id(n));
  return configuration;
}

bool is_refused(const Configuration& current, const ConfigurationChange& change) {
  return !changed_configuration(current, change).ok();
}

TEST(Membership, LearnersComeAndGoWithoutAJointPhase) {
  const Configuration three = configuration_of({1, 2, 3});
  const auto added = changed_configuration(three, {.add_learners = {replica_id(5), replica_id(4)}});
  EXPECT_EQ(*added, configuration_of({1, 2, 3}, {}, {4, 5}));
  EXPECT_EQ(*changed_configuration(*added, {.remove = {replica_id(4), replica_id(5)}}), three);
}

TEST(Membership, AChangeOfVotersIsJointWithTheFormerOnes) {
  const Configuration before = configuration_of({1, 2, 3}, {}, {4});
  const auto joint = changed_configuration(before, {.promote = {replica_id(4)}, .remove = {replica_id(1)}});
  EXPECT_EQ(*joint, configuration_of({2, 3, 4}, {1, 2, 3}));
  EXPECT_EQ(without_outgoing(*joint), configuration_of({2, 3, 4}));
}

TEST(Membership, OneVoterBecomesThreeInOneChange) {
  const auto joint =
      changed_configuration(configuration_of({1}, {}, {2, 3}), {.promote = {replica_id(2), replica_id(3)}});
  EXPECT_EQ(*joint, configuration_of({1, 2, 3}, {1}));
}

TEST(Membership, ChangesThatMakeNoSenseAreRefused) {
  const Configuration now = configuration_of({1, 2}, {}, {3});
  EXPECT_TRUE(is_refused(now, {}));
  EXPECT_TRUE(is_refused(now, {.add_learners = {replica_id(1)}})) << "a member already";
  EXPECT_TRUE(is_refused(now, {.add_learners = {ReplicaId{}}}));
  EXPECT_TRUE(is_refused(now, {.promote = {replica_id(4)}})) << "has not even begun to catch up";
  EXPECT_TRUE(is_refused(now, {.promote = {replica_id(2)}})) << "a voter already";
  EXPECT_TRUE(is_refused(now, {.remove = {replica_id(4)}}));
  EXPECT_TRUE(is_refused(now, {.remove = {replica_id(1), replica_id(2)}})) << "nobody would be left";
  EXPECT_TRUE(is_refused(now, {.promote = {replica_id(3)}, .remove = {replica_id(3)}}));
  EXPECT_TRUE(is_refused(configuration_of({1, 2}, {1}), {.remove = {replica_id(2)}})) << "one at a time";
}

TEST(Membership, AsManyMembersAsAConfigurationHoldsAndNotOneMore) {
  ConfigurationChange change;
  for (uint64_t n = 2; n <= kConfigurationMembersMax; ++n) change.add_learners.push_back(replica_id(n));
  EXPECT_FALSE(is_refused(configuration_of({1}), change));
  change.add_learners.push_back(replica_id(kConfigurationMembersMax + 1));
  EXPECT_TRUE(is_refused(configuration_of({1}), change));
}

TEST(Membership, AChangeCountsWhenAppendedAndBothMajoritiesCommitIt) {
  TestReplica r = TestReplica::established();
  ASSERT_TRUE(r.replica.propose_change({.add_learners = {replica_id(4), replica_id(5)}}, r.now).ok());
  r.persist_all();
  r.acknowledge(replica_id(2), 2, 0);
  ASSERT_EQ(r.status().commit, LogIndex(2));
  const ConfigurationChange swap{.promote = {replica_id(4), replica_id(5)}, .remove = {replica_id(2), replica_id(3)}};
  ASSERT_TRUE(r.replica.propose_change(swap, r.now).ok());
  EXPECT_EQ(r.replica.configuration(), configuration_of({1, 4, 5}, {1, 2, 3}));
  EXPECT_EQ(r.replica.configuration_at(LogIndex(2)), configuration_of({1, 2, 3}, {}, {4, 5}));
  EXPECT_FALSE(r.replica.propose_change({.remove = {replica_id(4)}}, r.now).ok()) << "one at a time";
  r.persist_all();
  r.acknowledge(replica_id(2), 3, 0);
  EXPECT_EQ(r.status().commit, LogIndex(2)) << "the new voters have no majority";
  r.acknowledge(replica_id(4), 3, 0);
  EXPECT_EQ(r.status().commit, LogIndex(3));
  EXPECT_EQ(r.replica.configuration(), configuration_of({1, 4, 5})) << "the joint phase ends by itself";
  EXPECT_EQ(r.replica.peers().size(), 2u);
  r.acknowledge(replica_id(2), 4, 0);
  EXPECT_EQ(r.status().messages_refused, 0u) << "a former member's late answer";
}

TEST(Membership, ReadsThatWaitForOthersAreServedWhenTheLeaderIsLeftAlone) {
  TestReplica r = TestReplica::established();
  r.replica.read(7, r.now);
  r.take();
  ASSERT_TRUE(r.replica.propose_change({.remove = {replica_id(2), replica_id(3)}}, r.now).ok());
  r.persist_all();
  r.replica.read(8, r.now);
  r.acknowledge(replica_id(2), 2, 0);
  ASSERT_EQ(r.replica.configuration(), configuration_of({1}));
  const Ready ready = r.take();
  ASSERT_EQ(ready.reads.size(), 2u);
  EXPECT_TRUE(ready.reads[0].index && ready.reads[1].index);
  EXPECT_FALSE(r.replica.has_ready()) << "a driver that takes all Readys must come to an end";
}

TEST(Membership, LearnersCountInNoQuorumAndTheirProgressCanBeSeen) {
  TestReplica r = TestReplica::established();
  ASSERT_TRUE(r.replica.propose_change({.add_learners = {replica_id(4)}}, r.now).ok());
  r.persist_all();
  r.acknowledge(replica_id(4), 2, 0);
  EXPECT_EQ(r.status().commit, LogIndex(1));
  const std::vector<PeerStatus> peers = r.replica.peers();
  ASSERT_EQ(peers.size(), 3u);
  EXPECT_EQ(peers[2].id, replica_id(4));
  EXPECT_EQ(peers[2].match_index, LogIndex(2));
}

TEST(Membership, NothingChangesBeforeTheTermsFirstCommit) {
  TestReplica r = TestReplica::leading();
  EXPECT_FALSE(r.replica.propose_change({.add_learners = {replica_id(4)}}, r.now).ok());
  TestReplica follower;
  EXPECT_FALSE(follower.replica.propose_change({.add_learners = {replica_id(4)}}, follower.now).ok());
}

TEST(Membership, ALeaderThatLeavesHasNoLeaseAndHandsOverOnceTheChangeIsCommitted) {
  TestReplica r = TestReplica::established();
  ASSERT_TRUE(r.replica.lease_read_index(r.now));
  ASSERT_TRUE(r.replica.propose_change({.remove = {r.options.self}}, r.now).ok());
  EXPECT_FALSE(r.replica.lease_read_index(r.now));
  r.persist_all();
  r.acknowledge(replica_id(2), 2, 0);
  r.acknowledge(replica_id(3), 2, 0);
  EXPECT_EQ(r.replica.configuration(), configuration_of({2, 3}));
  r.persist_all();
  r.acknowledge(replica_id(2), 3, 0);
  EXPECT_EQ(r.status().role, Role::kLeader) << "one of two, and the leader counts no more";
  r.acknowledge(replica_id(3), 3, 0);
  EXPECT_EQ(r.status().role, Role::kFollower);
  EXPECT_EQ(r.status().commit, LogIndex(3));
  EXPECT_TRUE(r.sent<TimeoutNow>(r.take().send_now, replica_id(2)));
  EXPECT_EQ(r.replica.next_deadline(), Instant::never()) << "who is no member does not campaign";
}

TEST(Membership, ATruncatedConfigurationGivesWayToTheOneBeforeAlsoAfterARestart) {
  RestoredState restored = TestReplica::empty();
  restored.hard_state.term = Term(1);
  restored.last_index = LogIndex(3);
  restored.term_runs = {{LogIndex(1), Term(1)}};
  restored.configurations = {{LogIndex(2), configuration_of({1, 2, 3}, {}, {4})},
                             {LogIndex(3), configuration_of({1, 2, 3, 4}, {1, 2, 3})}};
  TestReplica r(restored);
  EXPECT_EQ(r.replica.configuration(), configuration_of({1, 2, 3, 4}, {1, 2, 3}));
  AppendRequest request;
  request.term = Term(2);
  request.prev_index = LogIndex(2);
  request.prev_term = Term(1);
  request.entries = {entry_of(2, 3)};
  r.receive(replica_id(2), request);
  EXPECT_EQ(r.replica.configuration(), configuration_of({1, 2, 3}, {}, {4}));
}

TEST(Membership, WhoDoesNotKnowThatItWasPromotedAnswersWhoDoes) {
  // The candidate's log holds the promotion, so the voters it asks are those that count.
  RestoredState restored;
  restored.configuration = configuration_of({2}, {}, {1, 3});
  TestReplica r(restored);
  r.advance(r.options.election_timeout_min);
  r.receive(replica_id(3), VoteRequest{Term(2), LogIndex(4), Term(1), false});
  EXPECT_TRUE(r.sent<VoteReply>(r.take().send_when_durable)->granted);
}

TEST(Membership, WhoJoinsWaitsToBeToldByAnyLeader) {
  TestReplica r{RestoredState{}};
  EXPECT_EQ(r.replica.next_deadline(), Instant::never());
  AppendRequest request;
  request.term = Term(1);
  std::string buffer(kEntryHeaderBytes, '\0');
  buffer += encode_configuration(configuration_of({2, 3}, {}, {1}));
  request.entries = {make_entry(Term(1), LogIndex(1), EntryKind::kConfiguration, std::move(buffer))};
  r.receive(replica_id(2), request);
  EXPECT_EQ(r.replica.configuration(), configuration_of({2, 3}, {}, {1}));
}

}  // namespace
}  // namespace torc::consensus
