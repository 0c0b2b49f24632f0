// Small worlds in which time passes: heartbeats, leases, CheckQuorum and votes that are withheld.
#include "explore/test_report.h"

namespace torc::explore {
namespace {

Config leased() {
  Config config;
  config.proposals_max = config.crashes_max = 0;
  config.time_max = 4;
  config.is_disk_slow = false;
  config.starts_elected = true;
  return config;
}

TEST(SmallLeases, WhoeverHasOneKnowsOfEverythingThatIsCommitted) { expect_safe_to_depth(leased(), 12); }

TEST(SmallLeases, AlsoIfAReplicaThatSupportedItComesBackWithoutAMemory) {
  Config config = leased();
  config.crashes_max = 1;
  expect_safe_to_depth(config, 10);
}

TEST(SmallLeases, AlsoWhileLeadershipIsHandedOver) {
  Config config = leased();
  config.transfers_max = 1;
  expect_safe_to_depth(config, 9);
}

TEST(SmallLeases, AlsoWhileTheLeaderIsRemoved) {
  Config config = leased();
  ASSERT_TRUE(add_change("remove-leader", config));
  expect_safe_to_depth(config, 9);
}

TEST(PlantedBug, ALeaderWhoseClockStandsWhileItIsStoppedHasAStaleLease) {
  expect_found(Plant::kClockStands, "stale lease", 9);
}
TEST(PlantedBug, AVoteOfARestartedReplicaDuringTheLeaseItSupportedIsTooEarly) {
  expect_found(Plant::kVotesAfterRestart, "stale lease", 12);
}
TEST(PlantedBug, ALeaseThatCountsFromALaterMessageThanWasAnsweredIsStale) {
  expect_found(Plant::kLeaseFromNewest, "stale lease", 13);
}

}  // namespace
}  // namespace torc::explore
