// A failing seed becomes a short story. The planted bug is a clock that stands still while its process is stopped, so
// that a leader that was paused still believes in its lease (rules.md#leases): pauses are needed for it and nothing
// else.
#include "sim/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace torc::sim {
namespace {

constexpr uint64_t kSeedsMax = 40;

SeedOptions planted() {
  SeedOptions options;
  options.clocks_count_suspended_time = false;
  options.adjust_faults = [](NemesisOptions& faults) {
    faults.weights = {};
    for (const Fault fault :
         {Fault::kPauseLeader, Fault::kKillOne, Fault::kReset, Fault::kSlowDisk, Fault::kWallJump}) {
      faults.weights[static_cast<size_t>(fault)] = 1;
    }
    faults.pause_between_max = 1s;
  };
  return options;
}

TEST(Shrink, LeavesTheFaultsThatTheFailureNeeds) {
  const SeedOptions options = planted();
  uint64_t seed = 1;
  Probe first = probe(seed, options);
  while (first.end != CampaignEnd::kSafety && seed < kSeedsMax) first = probe(++seed, options);
  ASSERT_EQ(first.end, CampaignEnd::kSafety) << first.message;
  ASSERT_FALSE(first.faults.empty());

  const Shrunk shrunk = shrink(seed, options, first);
  EXPECT_LE(shrunk.last.faults.size(), 2u);
  EXPECT_TRUE(std::ranges::any_of(shrunk.last.faults, [](const StruckFault& fault) {
    return fault.kind == Fault::kPauseLeader;
  })) << "a pause is what it takes";
  EXPECT_LE(shrunk.options.clients, 4u) << "one client is enough for a stale read, and one for the newer write";
  EXPECT_LE(shrunk.options.fire, options.fire);
  const Probe again = probe(seed, shrunk.options);
  EXPECT_EQ(again.end, CampaignEnd::kSafety);
  EXPECT_EQ(again.message, shrunk.last.message);
}

TEST(Shrink, AFaultLeftOutLeavesTheOthersWhatTheyWere) {
  SeedOptions options;
  uint64_t seed = 7;
  Probe all = probe(seed, options);
  while (all.faults.size() < 6 && seed < 20) all = probe(++seed, options);  // calm worlds have none
  ASSERT_GE(all.faults.size(), 6u);
  options.only_faults = {all.faults[1].number, all.faults[4].number};
  const Probe some = probe(seed, options);
  ASSERT_EQ(some.faults.size(), 2u);
  EXPECT_EQ(some.faults[0].kind, all.faults[1].kind);
  EXPECT_EQ(some.faults[0].at, all.faults[1].at);
  EXPECT_EQ(some.faults[1].kind, all.faults[4].kind);
  EXPECT_EQ(some.faults[1].at, all.faults[4].at);
}

TEST(Shrink, AFailedCheckIsAnAnswer) {
  SeedOptions options;
  options.open_node = [](auto&&...) -> Result<std::unique_ptr<HostedNode>> { abort(); };
  const Probe died = probe(1, options);
  EXPECT_TRUE(died.has_crashed);
  EXPECT_EQ(died.end, CampaignEnd::kSafety);
}

TEST(Shrink, TheCommandSaysEverythingThatWasChanged) {
  SeedOptions options;
  options.fire = std::chrono::seconds(kFullFireSeconds);
  EXPECT_EQ(command_of(5, options), "torc-sim --seed 5 --nodes 3");
  options.nodes = 5;
  options.fire = 12s;
  options.clients = 2;
  options.only_faults = {3, 7, 12};
  EXPECT_EQ(command_of(5, options), "torc-sim --seed 5 --nodes 5 --seconds 12 --clients 2 --only-faults 3,7,12");
  options.only_faults->clear();
  EXPECT_EQ(command_of(5, options), "torc-sim --seed 5 --nodes 5 --seconds 12 --clients 2 --only-faults 0");
  options = {};
  options.is_calm = true;
  options.fire = 60s;
  EXPECT_EQ(command_of(5, options), "torc-sim --seed 5 --nodes 3 --calm");
}

}  // namespace
}  // namespace torc::sim
