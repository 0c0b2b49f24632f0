#include "sim/campaign_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace torc::sim {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CampaignReport some_report() {
  CampaignReport report;
  report.seeds_passed = 30;
  report.totals.simulated = std::chrono::hours(1);
  report.totals.operations = 70'000;
  report.totals.faults = 700;
  report.totals.faults_by_kind[static_cast<size_t>(Fault::kKillAll)] = 699;
  report.totals.faults_by_kind[static_cast<size_t>(Fault::kBadCheckpoint)] = 1;
  report.least.simulated = 60s;
  report.least.operations = 2'001;
  report.least.faults = 21;
  return report;
}

TEST(CampaignText, FiguresTellSpeedFaultsAndTheLeastOfAnySeed) {
  const std::string text = figures(some_report(), 18.0, 36.0);
  EXPECT_THAT(text, HasSubstr("30 seeds passed, 1.00 simulated hours: 200 simulated seconds per real second, 100 per"));
  EXPECT_THAT(text, HasSubstr("70000 answered"));
  EXPECT_THAT(text, HasSubstr("699 kill all, 1 bad checkpoint\n"));
  EXPECT_THAT(text, Not(HasSubstr("0 split")));
  EXPECT_THAT(text, HasSubstr("least of any seed: 60.0 simulated seconds, 2001 operations answered, 21 faults"));
}

TEST(CampaignText, TheBarShowsWhatIsDoneAndWhatIsLeft) {
  EXPECT_EQ(progress_bar(some_report(), 90, 60.0),
            "[##########....................] 30 of 90 seeds, 1.0 simulated hours, 2:00 left");
  EXPECT_EQ(progress_bar(CampaignReport(), 90, 60.0),
            "[..............................] 0 of 90 seeds, 0.0 simulated hours");
}

}  // namespace
}  // namespace torc::sim
