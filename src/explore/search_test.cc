// Small worlds of the real core, and the bugs that must show in them. Bounds for a test run; `make explore` goes
// further.
#include "explore/search.h"

#include "explore/test_report.h"

namespace torc::explore {
namespace {

TEST(Explore, OneReplicaInThreeTermsWithTwoProposalsAndTwoCrashesIsSafe) {
  Config config;
  config.replicas = 1;
  config.terms_max = 3;
  config.proposals_max = 2;
  config.crashes_max = 2;
  expect_complete(config);
}

TEST(Explore, TwoReplicasInTwoTermsWithAProposalAndACrashAreSafe) {
  Config config;
  config.replicas = 2;
  config.is_disk_slow = false;
  expect_complete(config);
}

TEST(Explore, ThreeReplicasInOneTermWithAProposalAndACrashAreSafe) {
  Config config;
  config.terms_max = 1;
  expect_complete(config);
}

TEST(Explore, WorldsThatDifferOnlyInWhoIsWhoCountOnce) {
  Config config;
  config.terms_max = 1;
  config.proposals_max = config.crashes_max = 0;
  const uint64_t with_symmetry = explore(config, {}).distinct;
  config.is_symmetric = false;
  const uint64_t without = explore(config, {}).distinct;
  EXPECT_LT(with_symmetry * 5, without);
  EXPECT_LE(without, with_symmetry * 6);
}

TEST(Explore, ForgettingDeadMailLosesNoStateOfTheGroup) {
  for (const uint64_t replicas : {2, 3}) {
    Config config;
    config.replicas = replicas;
    config.terms_max = replicas == 2 ? 2 : 1;
    config.is_disk_slow = false;
    Limits limits;
    limits.counts_groups = true;
    const Report without = explore(config, limits);
    config.forgets_dead_mail = false;
    const Report with = explore(config, limits);
    EXPECT_TRUE(without.is_complete && with.is_complete);
    EXPECT_EQ(without.groups, with.groups);
    EXPECT_LT(without.distinct, with.distinct);
  }
}

TEST(Explore, ThreeReplicasInTwoTermsWithAProposalAreSafe) {
  Config config;
  config.crashes_max = 0;
  config.is_disk_slow = false;
  expect_complete(config);
}

TEST(Explore, AReadAtAnyLeaderIsNeverStaleWhileTheSecondTermBegins) {
  Config config;
  config.starts_elected = true;
  config.proposals_max = config.crashes_max = 0;
  config.reads_max = 1;
  config.is_disk_slow = false;
  Limits limits;
  limits.depth = 9;
  const Report report = explore(config, limits);
  EXPECT_TRUE(report.violation.empty()) << report.violation << "\n" << joined(report.trace);
  EXPECT_EQ(report.depth, 9u);
}

TEST(Explore, DivergedReplicasThatPullBeforeTheyVoteAreSafe) {
  Config config;
  config.terms_max = 3;
  config.proposals_max = config.crashes_max = 0;
  config.pre_vote = config.pull = true;
  config.is_disk_slow = false;
  config.disks = figure_8_disks();
  Limits limits;
  limits.depth = 10;
  const Report report = explore(config, limits);
  EXPECT_TRUE(report.violation.empty()) << report.violation << "\n" << joined(report.trace);
  EXPECT_EQ(report.depth, 10u);
}

TEST(Explore, TheSameWorldsAreFoundEveryTime) {
  Config config;
  config.terms_max = 1;
  config.crashes_max = 0;
  const Report first = explore(config, {});
  const Report second = explore(config, {});
  EXPECT_EQ(first.distinct, second.distinct);
  EXPECT_EQ(first.steps, second.steps);
  EXPECT_EQ(first.replica_states, second.replica_states);
}

TEST(Explore, ALimitOfStatesOrDepthEndsTheSearchAndSaysSo) {
  Config config;
  Limits limits;
  limits.depth = 5;
  const Report by_depth = explore(config, limits);
  EXPECT_EQ(by_depth.depth, 5u);
  EXPECT_FALSE(by_depth.is_complete);
  EXPECT_GT(by_depth.frontier, 0u);
  limits = {};
  limits.states = 100;
  const Report by_states = explore(config, limits);
  EXPECT_GE(by_states.distinct, 100u);
  EXPECT_LT(by_states.distinct, 200u);
  EXPECT_FALSE(by_states.is_complete);
}

TEST(Explore, EveryPlantHasAName) {
  for (uint8_t p = 0; p <= static_cast<uint8_t>(kPlantLast); ++p) {
    EXPECT_EQ(plant_of(to_string(static_cast<Plant>(p))), static_cast<Plant>(p));
  }
  EXPECT_EQ(plant_of("no-such-bug"), std::nullopt);
}

// The shortest ways to each planted bug. A longer one than before means that the search misses worlds.
TEST(PlantedBug, AVoteThatLeavesBeforeItIsDurableElectsTwoLeaders) {
  expect_found(Plant::kVoteBeforeDurable, "election safety", 9);
}
TEST(PlantedBug, AVoteForgottenAtARestartElectsTwoLeaders) {
  expect_found(Plant::kVoteForgotten, "election safety", 11);
}
TEST(PlantedBug, ATermForgottenAtARestartElectsTwoLeaders) {
  expect_found(Plant::kTermForgotten, "election safety", 11);
}
TEST(PlantedBug, EntriesAcknowledgedBeforeTheyAreDurableAreNotOnAMajority) {
  expect_found(Plant::kAppendBeforeDurable, "durability", 8);
}
TEST(PlantedBug, ADiskThatReportsWhatItOnlyTookIsNotAMajority) { expect_found(Plant::kDiskLies, "durability", 5); }
TEST(PlantedBug, ReportingTheNewestReadyForAnOlderWriteCountsWhatIsNotDurable) {
  expect_found(Plant::kNewestSequence, "durability", 13);
}
TEST(PlantedBug, CountingAnEntryOfAnOldTermLosesItAsInFigure8) {
  expect_found(Plant::kCountsOldTerm, "leader completeness", 13);
}
TEST(PlantedBug, AVoteThatComesAgainUnderAnotherNameElectsTwoLeaders) {
  expect_found(Plant::kForgedVote, "election safety", 12);
}
TEST(PlantedBug, ARefusedVoteReadAsAGrantElectsTwoLeaders) {
  expect_found(Plant::kRefusalIsGrant, "election safety", 8);
}
TEST(PlantedBug, APullThatLeavesOutTheTermIsNoticed) { expect_found(Plant::kPullWithoutTerm, "above the term", 12); }
TEST(PlantedBug, AReadThatNobodyConfirmedIsStale) { expect_found(Plant::kReadUnconfirmed, "stale read", 4); }

}  // namespace
}  // namespace torc::explore
