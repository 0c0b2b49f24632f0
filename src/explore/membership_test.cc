// Small worlds in which members change, logs are cut and leadership is handed over.
#include "base/sanitized.h"
#include "explore/test_report.h"
#include "explore/walk.h"

namespace torc::explore {
namespace {

/// Three replicas in two terms, no crash, nobody proposes anything else.
Config changing(std::string_view change) {
  Config config;
  config.proposals_max = config.crashes_max = 0;
  config.is_disk_slow = false;
  EXPECT_TRUE(add_change(change, config)) << change;
  return config;
}

/// As large as it takes for everything to meet everything.
Config everything(std::string_view change) {
  Config config = changing(change);
  config.terms_max = 3;
  config.proposals_max = 2;
  config.crashes_max = config.transfers_max = config.cuts_max = 1;
  config.pre_vote = config.pull = true;
  return config;
}

TEST(SmallMembership, ALearnerJoinsTwoVoters) { expect_complete(changing("promote")); }
TEST(SmallMembership, OneVoterBecomesThreeAtOnce) { expect_complete(changing("grow")); }
TEST(SmallMembership, ThreeVotersBecomeOneAtOnce) { expect_complete(changing("shrink")); }
TEST(SmallMembership, AFollowerIsRemoved) { expect_complete(changing("remove")); }
TEST(SmallMembership, TheLeaderOrAnotherIsRemoved) { expect_complete(changing("remove-leader")); }

TEST(SmallMembership, AnElectedLeaderWithAClientRemovesItself) {
  Config config = changing("remove-leader");
  config.starts_elected = true;
  config.proposals_max = 1;
  expect_safe_to_depth(config, 14);
}

TEST(SmallMembership, AStrangerJoinsAsALearnerAndBecomesTheThirdVoter) { expect_safe_to_depth(changing("add"), 20); }

TEST(SmallMembership, AMemberChangesWhileACrashedOneComesBack) {
  Config config = changing("promote");
  config.starts_elected = true;
  config.crashes_max = 1;
  expect_safe_to_depth(config, 20);
}

TEST(SmallMembership, AMemberChangesWhileReplicasPullInThreeTermsWithTwoProposals) {
  Config config = everything("promote");
  config.starts_elected = true;
  config.crashes_max = config.transfers_max = config.cuts_max = 0;
  expect_safe_to_depth(config, 10);
}

TEST(SmallMembership, ALearnerJoinsTwoVotersInThreeTerms) {
  Config config = changing("promote");
  config.starts_elected = true;
  config.terms_max = 3;
  expect_safe_to_depth(config, 17);
}

TEST(SmallMembership, LeadershipIsHandedOverWhileTheLeaderIsRemoved) {
  Config config = changing("remove-leader");
  config.starts_elected = true;
  config.transfers_max = 1;
  expect_complete(config);
}

TEST(SmallSnapshots, AnEmptyReplicaIsBroughtInByASnapshot) {
  Config config;
  config.proposals_max = config.crashes_max = 0;
  config.is_disk_slow = false;
  config.disks = lagging_disks();
  expect_complete(config);
}

TEST(SmallSnapshots, AnEmptyReplicaIsBroughtInByASnapshotThroughACrash) {
  Config config;
  config.proposals_max = 0;
  config.is_disk_slow = false;
  config.disks = lagging_disks();
  expect_complete(config);
}

TEST(SmallSnapshots, ALearnerBehindTheStartOfTheLogIsPromoted) {
  Config config = changing("promote");
  config.starts_elected = true;
  config.cuts_max = 1;
  expect_complete(config);
}

TEST(RandomWalks, LongStoriesOfEverythingAreSafe) {
  for (const std::string_view change : {"promote", "add", "grow", "remove", "remove-leader", "shrink", "replace"}) {
    WalkLimits limits;
    limits.seed = 1;
    limits.walks = rounds_of_test(300);
    const Report report = walk(everything(change), limits);
    EXPECT_TRUE(report.violation.empty()) << change << ": " << report.violation << "\n" << joined(report.trace);
    EXPECT_EQ(report.walks, limits.walks);
    EXPECT_GT(report.steps, 10 * limits.walks);
  }
}

TEST(RandomWalks, TheSameSeedTakesTheSameWalks) {
  WalkLimits limits;
  limits.seed = 7;
  limits.walks = 50;
  const Report first = walk(everything("promote"), limits);
  const Report second = walk(everything("promote"), limits);
  EXPECT_EQ(first.steps, second.steps);
  EXPECT_EQ(first.replica_states, second.replica_states);
}

TEST(RandomWalks, PlantedBugsAreFoundWithoutAskingForAShortestWay) {
  for (const Plant plant : {Plant::kVoteForgotten, Plant::kOldVotersElect, Plant::kCountsWhenApplied}) {
    WalkLimits limits;
    limits.seed = 1;
    limits.walks = 30'000;
    EXPECT_FALSE(walk(world_of(plant), limits).violation.empty()) << to_string(plant);
  }
}

TEST(PlantedBug, VotesOfTheOutgoingVotersAloneElectALeaderThatLacksACommittedEntry) {
  expect_found(Plant::kOldVotersElect, "leader completeness", 6);
}
TEST(PlantedBug, AnAnswerForWhichTheOutgoingVotersAloneWereCountedIsNotOnAMajority) {
  expect_found(Plant::kOldVotersCommit, "durability", 3);
}
TEST(PlantedBug, AConfigurationThatCountsWhenAppliedElectsALeaderThatLacksACommittedEntry) {
  expect_found(Plant::kCountsWhenApplied, "leader completeness", 8);
}
TEST(PlantedBug, ASnapshotThatLeavesOutTheTermIsNoticed) {
  expect_found(Plant::kSnapshotWithoutTerm, "above the term", 10);
}

}  // namespace
}  // namespace torc::explore
