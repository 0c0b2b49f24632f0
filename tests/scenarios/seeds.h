// Runs a scenario once per seed and names the seed that failed.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace torc::scenarios {

constexpr uint64_t kSeeds = 20;
/// Of scenarios that run with one arc as well: what is peculiar to several shows in few runs, and these take five
/// times as long.
constexpr uint64_t kSeedsOfManyArcs = 1;

/// Seeds 1 to `count` (or TORC_SCENARIO_SEEDS), or the one of TORC_SCENARIO_SEED alone. Stops at the first that fails.
template <typename Scenario>
void for_each_seed(uint64_t count, const Scenario& scenario) {
  uint64_t first = 1;
  if (const char* chosen = std::getenv("TORC_SCENARIO_SEEDS")) count = std::strtoull(chosen, nullptr, 10);
  if (const char* chosen = std::getenv("TORC_SCENARIO_SEED")) {
    first = std::strtoull(chosen, nullptr, 10);
    count = 1;
  }
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const std::string name = std::string(test->test_suite_name()) + "." + test->name();
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("TORC_SCENARIO_SEED=" + std::to_string(seed) + " torc_scenario_test --gtest_filter=" + name);
    scenario(seed);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace torc::scenarios
