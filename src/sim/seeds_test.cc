// The real node in simulated worlds: a few seeds of each kind on every build. torc-sim runs as many as one likes.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "base/sanitized.h"
#include "sim/run_seed.h"

namespace torc::sim {
namespace {

char reproduction[112];  // says which seed it was when a CHECK fails

/// Runs the seed; a failure of any kind prints the command that repeats it.
Outcome run(uint64_t seed, size_t nodes, std::chrono::seconds fire = std::chrono::seconds(20)) {
  std::snprintf(reproduction, sizeof reproduction, "torc-sim --seed %llu --nodes %zu --seconds %lld --trace\n",
                static_cast<unsigned long long>(seed), nodes, static_cast<long long>(fire.count()));
  signal(SIGABRT, [](int) {
    const ssize_t written = write(STDERR_FILENO, reproduction, strlen(reproduction));
    (void)written;
  });
  SeedOptions options;
  options.nodes = nodes;
  options.fire = fire;
  Outcome outcome = run_seed(seed, options);
  EXPECT_EQ(outcome.verdict, Verdict::kPassed) << outcome.message << "\n" << reproduction;
  EXPECT_EQ(outcome.stats.undecided_keys, 0u) << "the checker gave up: " << reproduction;
  return outcome;
}

TEST(Seeds, ThreeNodesSurviveFiftyWorlds) {
  const unsigned worlds = rounds_of_test(50);
  SeedStats sum;
  for (uint64_t seed = 1; seed <= worlds && !HasFailure(); ++seed) {
    const SeedStats stats = run(seed, 3).stats;
    sum.operations += stats.operations;
    sum.faults += stats.faults;
    sum.leaderships += stats.leaderships;
    sum.digests_compared += stats.digests_compared;
    sum.checkpoint_index += stats.checkpoint_index;
    sum.snapshots_installed += stats.snapshots_installed;
  }
  // A quiet world proves nothing.
  EXPECT_GT(sum.faults, 10 * worlds);
  EXPECT_GT(sum.operations, 400 * worlds);
  EXPECT_GT(sum.leaderships, 2 * worlds);
  EXPECT_GT(sum.digests_compared, 20 * worlds);
  EXPECT_GT(sum.checkpoint_index, 200 * worlds) << "entries covered by checkpoints";
  EXPECT_GT(sum.snapshots_installed, worlds / 5);
}

TEST(Seeds, FiveNodesSurviveTenWorlds) {
  for (uint64_t seed = 1; seed <= rounds_of_test(10) && !HasFailure(); ++seed) run(seed, 5);
}

TEST(Seeds, ASingleNodeSurvivesTenWorlds) {
  for (uint64_t seed = 1; seed <= 10 && !HasFailure(); ++seed) run(seed, 1);
}

// Told "not executed" of a second send, a plain client saw its write appear later (decision 4;
// node/forwarding_test.cc).
TEST(Seeds, RefusalOfASecondForwardedSendIsNotTheLastWord) {
  run(1268, 3);
  run(1807, 3);
  run(2796, 3);
  run(2064, 5);
}

// Elected and not aware of it until the turn's end, a node sent the report on its clock to itself.
TEST(Seeds, NodeThatWasElectedInThisTurnReportsItsClockToNobody) { run(204, 3, std::chrono::seconds(60)); }

TEST(Seeds, TheSameSeedGivesTheSameTraceAndAnotherSeedAnother) {
  const Outcome first = run(4711, 3);
  const Outcome again = run(4711, 3);
  EXPECT_EQ(first.trace_hash, again.trace_hash);
  EXPECT_EQ(first.stats.events, again.stats.events);
  EXPECT_NE(first.trace_hash, run(4712, 3).trace_hash);
}

}  // namespace
}  // namespace torc::sim
