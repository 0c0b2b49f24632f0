// Does the net catch fish? Each test plants a bug in the world around the real server and passes only if the simulator
// finds it within a few seeds. The bugs live in wrappers of env/ and in the world's clocks: no server contains them.
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>

#include "lying_disk.h"
#include "sim/run_seed.h"

namespace torc::canary {
namespace {

constexpr uint64_t kSeedsMax = 40;

struct Catch {
  uint64_t seed = 0;
  std::string message;
};

/// The first seed whose run ends with a safety violation.
std::optional<Catch> first_catch(const sim::SeedOptions& options) {
  for (uint64_t seed = 1; seed <= kSeedsMax; ++seed) {
    const sim::Outcome outcome = sim::run_seed(seed, options);
    if (outcome.verdict == sim::Verdict::kSafety) return Catch{seed, outcome.message};
  }
  return std::nullopt;
}

void only(sim::NemesisOptions& faults, std::initializer_list<sim::Fault> wanted) {
  faults.weights = {};
  for (const sim::Fault fault : wanted) faults.weights[static_cast<size_t>(fault)] = 1;
  faults.pause_between_max = 2s;
}

TEST(Canary, RepliesSentBeforeTheFsyncAreCaught) {
  sim::SeedOptions options;
  options.wrap_disk = make_lying_disk;
  options.adjust_faults = [](sim::NemesisOptions& faults) {
    only(faults, {sim::Fault::kKillAll, sim::Fault::kSlowDisk});
  };
  const std::optional<Catch> caught = first_catch(options);
  ASSERT_TRUE(caught) << "acknowledged writes were lost and nobody noticed";
  std::printf("seed %llu:\n%s", static_cast<unsigned long long>(caught->seed), caught->message.c_str());
}

TEST(Canary, ReadsServedWithoutConfirmedLeadershipAreCaught) {
  // A lease that does not see how long its process was stopped is no confirmation (rules.md#leases).
  sim::SeedOptions options;
  options.clocks_count_suspended_time = false;
  options.adjust_faults = [](sim::NemesisOptions& faults) { only(faults, {sim::Fault::kPauseLeader}); };
  const std::optional<Catch> caught = first_catch(options);
  ASSERT_TRUE(caught) << "stale reads were served and nobody noticed";
  std::printf("seed %llu:\n%s", static_cast<unsigned long long>(caught->seed), caught->message.c_str());
}

TEST(Canary, TheSameWorldsWithoutTheBugsPass) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    sim::SeedOptions options;
    options.adjust_faults = [](sim::NemesisOptions& faults) {
      only(faults, {sim::Fault::kKillAll, sim::Fault::kSlowDisk, sim::Fault::kPauseLeader});
    };
    const sim::Outcome outcome = sim::run_seed(seed, options);
    EXPECT_EQ(outcome.verdict, sim::Verdict::kPassed) << "seed " << seed << ": " << outcome.message;
  }
}

}  // namespace
}  // namespace torc::canary
