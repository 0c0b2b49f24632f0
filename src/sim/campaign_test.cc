#include "sim/campaign.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace torc::sim {
namespace {

TEST(Campaign, ItsTotalsAreTheSumOfItsSeeds) {
  CampaignOptions options;
  options.seeds = 4;
  options.jobs = 2;
  options.seed.fire = 2s;
  uint64_t reports = 0;
  const CampaignReport together = run_campaign(options, [&](const CampaignReport&) { ++reports; });
  ASSERT_EQ(together.end, CampaignEnd::kPassed) << together.message;
  EXPECT_EQ(together.seeds_passed, 4u);
  EXPECT_GT(reports, 0u);
  SeedStats sum;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const SeedStats one = run_seed(seed, options.seed).stats;
    sum.simulated += one.simulated;
    sum.events += one.events;
    sum.undecided_keys += one.undecided_keys;
    sum.checkpoint_index += one.checkpoint_index;
  }
  EXPECT_EQ(together.totals.simulated, sum.simulated);
  EXPECT_EQ(together.totals.events, sum.events);
  EXPECT_EQ(together.totals.undecided_keys, sum.undecided_keys);
  EXPECT_EQ(together.totals.checkpoint_index, sum.checkpoint_index);
}

TEST(Campaign, AFailedCheckInASeedNamesTheSeed) {
  CampaignOptions options;
  options.first_seed = 17;
  options.seeds = 1;
  options.seed.open_node = [](const node::NodeOptions&, env::Clock&, env::Disk&, env::Network&,
                              env::CheckpointStore&) -> Result<std::unique_ptr<HostedNode>> {
    CHECK(false) << "planted";
    return Error{ErrorCode::kIo, ""};
  };
  const CampaignReport report = run_campaign(options, [](const CampaignReport&) {});
  EXPECT_EQ(report.end, CampaignEnd::kSafety);
  EXPECT_EQ(report.failed_seed, 17u);
  EXPECT_THAT(report.message, ::testing::HasSubstr("signal"));
}

TEST(Campaign, AnotherTraceAtTheSecondRunIsNondeterminism) {
  SeedOptions options;
  options.fire = 2s;
  uint64_t calls = 0;
  // A node that draws from something other than its seed.
  options.open_node = [&calls](node::NodeOptions node, env::Clock& clock, env::Disk& disk, env::Network& network,
                               env::CheckpointStore& checkpoints) {
    node.seed += ++calls;
    return open_node(std::move(node), clock, disk, network, checkpoints);
  };
  const CampaignReport report = run_one(1, options, true);
  EXPECT_EQ(report.end, CampaignEnd::kNondeterminism) << report.message;
}

}  // namespace
}  // namespace torc::sim
