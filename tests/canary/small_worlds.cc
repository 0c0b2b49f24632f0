// The smallest worlds in which src/explore shows its own planted bugs, without those: the core must be safe in them,
// and a bug planted in the core itself must show.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "explore/search.h"

namespace torc::explore {
namespace {

/// Seconds at most; the longest way to a bug meets 250,000 worlds.
constexpr uint64_t kWorldsMax = 400'000;

class SmallWorld : public testing::TestWithParam<Plant> {};

TEST_P(SmallWorld, IsSafe) {
  Config config = world_of(GetParam());
  config.plant = Plant::kNone;
  Limits limits;
  limits.states = kWorldsMax;
  const Report report = explore(config, limits);
  std::string trace;
  for (const std::string& line : report.trace) trace += line + "\n";
  EXPECT_EQ(report.violation, "") << "after " << report.distinct << " worlds:\n" << trace;
}

std::vector<Plant> plants() {
  std::vector<Plant> all;
  for (uint8_t p = 0; p <= static_cast<uint8_t>(kPlantLast); ++p) all.push_back(static_cast<Plant>(p));
  return all;
}

std::string name_of(const testing::TestParamInfo<Plant>& test) {
  std::string name(to_string(test.param));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Of, SmallWorld, testing::ValuesIn(plants()), name_of);

}  // namespace
}  // namespace torc::explore
