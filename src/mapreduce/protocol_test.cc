// The protocol of workers under random schedules: kills, power losses, pauses far beyond the lease, outages of the
// store, unknown outcomes, cancelled and resumed jobs. TORC_MAPREDUCE_SEED=n runs one seed and says what happened.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/sanitized.h"
#include "mapreduce/small_job_harness.h"

namespace torc::mapreduce {
namespace {

/// One thing that goes wrong, or a new worker.
void disturb(ProtocolWorld& world) {
  Prng& prng = world.prng();
  const size_t victim = prng.below(world.workers());
  switch (prng.below(9)) {
    case 0:
    case 1:
      return world.kill_worker(victim);
    case 2:
      return world.power_loss(victim);
    case 3:
    case 4:
      return world.pause_worker(victim, prng.between(1, 6 * kLeaseMs));
    case 5:
      return world.outage(prng.between(1, 4 * kLeaseMs));
    case 6:
      world.start_worker();
      return;
    case 7:
      if (prng.chance(1, 4)) world.cancel();
      world.resume();
      return;
    case 8:
      return world.damage_map_output();
  }
}

/// Runs a seed to its end; what was wrong, or nothing.
std::vector<std::string> wrongs_of(uint64_t seed, const std::string& expected) {
  ProtocolWorld world(seed, small_functions(), {});
  put_inputs(world.disk);
  world.submit(small_job());
  for (size_t i = 0; i < 3; ++i) world.start_worker();
  const uint64_t faults = world.prng().below(12);
  uint64_t next = world.prng().below(60);
  for (uint64_t steps = 0, done = 0; done < faults && world.job()->state != JobState::kDone; ++steps) {
    const bool lives = world.step();
    if (steps < next && lives) continue;
    disturb(world);
    ++done;
    next = steps + world.prng().below(150);
    if (!lives) world.start_worker();
    if (!world.violations.empty()) return world.violations;
  }
  // From here on nothing happens any more but that who was paused wakes up.
  world.resume();
  world.start_worker();
  const uint64_t calm_ms = world.now_ms();
  while (world.step() && world.now_ms() < calm_ms + 120'000) {
    if (!world.violations.empty()) return world.violations;
  }
  std::vector<std::string> wrongs = world.violations;
  const JobRecord job = *world.job();
  if (job.state != JobState::kDone) {
    wrongs.push_back("the job is " + std::string(to_string(job.state)) + ": " + job.reason);
    for (const std::string& fault : world.status().faults) wrongs.push_back(fault);
    return wrongs;
  }
  if (outputs(world.disk) != expected) wrongs.push_back("another output:\n" + outputs(world.disk));
  if (job.counters.at("records") != 9) wrongs.push_back("a counter did not count once");
  EXPECT_TRUE(world.remove().ok());
  for (const std::string& key : world.lasting_keys()) {
    if (key != kJobsKey) wrongs.push_back(key + " stays for ever");
  }
  return wrongs;
}

TEST(Protocol, AnUndisturbedJobGivesTheSums) {
  EXPECT_EQ(undisturbed(), "--\nfive: 55\nfour: 4\none: 101\nthree: 33\n--\ntwo: 22\n");
}

/// In parts, so that they can run side by side. TORC_MAPREDUCE_SCHEDULES: how many in all (make mapreduce-schedules).
class RandomSchedules : public ::testing::TestWithParam<uint64_t> {};
constexpr uint64_t kParts = 2;
constexpr uint64_t kSchedules = rounds_of_test(2'500);
constexpr uint64_t kSeedsOfAPart = 1'000'000'000;

TEST_P(RandomSchedules, GiveTheOutputOfAnUndisturbedJob) {
  const std::string expected = undisturbed();
  const char* const schedules = std::getenv("TORC_MAPREDUCE_SCHEDULES");
  uint64_t first = GetParam() * kSeedsOfAPart + 1;
  uint64_t last = first + (schedules != nullptr ? std::strtoull(schedules, nullptr, 10) : kSchedules) / kParts - 1;
  if (const char* seed = std::getenv("TORC_MAPREDUCE_SEED")) first = last = std::strtoull(seed, nullptr, 10);
  for (uint64_t seed = first; seed <= last; ++seed) {
    const std::vector<std::string> wrongs = wrongs_of(seed, expected);
    for (const std::string& wrong : wrongs) ADD_FAILURE() << "TORC_MAPREDUCE_SEED=" << seed << ": " << wrong;
    if (!wrongs.empty()) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Parts, RandomSchedules, ::testing::Range(uint64_t{0}, kParts));

}  // namespace
}  // namespace torc::mapreduce
