#include "node/clock_watch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"
#include "node/test_world.h"

namespace torc::node {
namespace {

constexpr NodeId kSelf{1};
const std::vector<NodeId> kThree{NodeId(1), NodeId(2), NodeId(3)};
const std::vector<NodeId> kFive{NodeId(1), NodeId(2), NodeId(3), NodeId(4), NodeId(5)};

/// What is decided after the same reports came every second for a while.
std::optional<NodeId> decided(const std::vector<NodeId>& voters, const std::map<NodeId, int64_t>& ahead_ms,
                              NodeId self = kSelf) {
  ClockWatch watch;
  Instant now{0};
  std::optional<NodeId> better;
  for (int second = 0; second < 10; ++second) {
    now = now + ClockWatch::kInterval;
    for (const auto& [node, ahead] : ahead_ms) watch.on_report(node, WallMs{ahead}, WallMs{0}, now);
    better = watch.better_leader(voters, self, now);
  }
  return better;
}

TEST(ClockWatch, LeaderAtTheLimitStaysAndOneBeyondHandsOver) {
  for (const int64_t sign : {-1, 1}) {
    const int64_t limit = sign * ClockWatch::kFarMs;
    EXPECT_EQ(decided(kThree, {{NodeId(2), limit}, {NodeId(3), limit}}), std::nullopt);
    EXPECT_EQ(decided(kThree, {{NodeId(2), limit + sign}, {NodeId(3), limit + sign}}), NodeId(2));
  }
}

TEST(ClockWatch, LeaderHandsOverToAVoterInTheMiddleNotToAnotherThatIsWrong) {
  EXPECT_EQ(decided(kThree, {{NodeId(2), 3'600'000}, {NodeId(3), 60'000}}), NodeId(3));
  EXPECT_EQ(decided(kFive, {{NodeId(2), -9'000'000}, {NodeId(3), 60'100}, {NodeId(4), 60'000}, {NodeId(5), 59'900}}),
            NodeId(5));
}

TEST(ClockWatch, AnotherVotersWrongClockIsNotTheLeaders) {
  EXPECT_EQ(decided(kThree, {{NodeId(2), 3'600'000}, {NodeId(3), 100}}), std::nullopt);
}

TEST(ClockWatch, OfTwoClocksNobodyKnowsWhichIsWrong) {
  EXPECT_EQ(decided(kThree, {{NodeId(2), 3'600'000}}), std::nullopt);
}

TEST(ClockWatch, LessThanAQuorumDecidesNothing) {
  EXPECT_EQ(decided(kFive, {{NodeId(2), 3'600'000}}), std::nullopt);
  EXPECT_EQ(decided(kFive, {{NodeId(2), 3'600'000}, {NodeId(3), 3'600'000}}), NodeId(2));
}

TEST(ClockWatch, ReportsAtTheAgeLimitCountAndOlderOnesDoNot) {
  ClockWatch watch;
  Instant now{0};
  for (const NodeId node : {NodeId(2), NodeId(3)}) watch.on_report(node, WallMs{60'000}, WallMs{0}, now);
  watch.better_leader(kThree, kSelf, now);
  EXPECT_EQ(watch.better_leader(kThree, kSelf, now + ClockWatch::kReportAgeMax), NodeId(2));
  EXPECT_EQ(watch.better_leader(kThree, kSelf, now + ClockWatch::kReportAgeMax + Duration(1)), std::nullopt);
}

TEST(ClockWatch, LeaderMustHaveBeenFarForAWhileWithoutABreak) {
  ClockWatch watch;
  Instant now{0};
  const auto look = [&](int64_t ahead) {
    now = now + 1s;
    for (const NodeId node : {NodeId(2), NodeId(3)}) watch.on_report(node, WallMs{ahead}, WallMs{0}, now);
    return watch.better_leader(kThree, kSelf, now);
  };
  for (int round = 0; round < 10; ++round) {
    EXPECT_EQ(look(60'000), std::nullopt);
    EXPECT_EQ(look(60'000), std::nullopt);
    EXPECT_EQ(look(60'000), std::nullopt);
    EXPECT_EQ(look(0), std::nullopt);
  }
  for (int round = 0; round < 3; ++round) look(60'000);
  EXPECT_EQ(look(60'000), NodeId(2));
}

TEST(ClockWatch, AbsurdReportsOverflowNothing) {
  EXPECT_NE(decided(kThree, {{NodeId(2), INT64_MAX}, {NodeId(3), INT64_MIN}}), kSelf);
}

TEST(ClockWatch, WhateverTheClocksSayOneHandOverEndsIt) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    const std::vector<NodeId>& voters = prng.chance(1, 2) ? kThree : kFive;
    std::map<NodeId, int64_t> clocks;
    for (const NodeId node : voters) clocks[node] = static_cast<int64_t>(prng.below(40'000));
    const auto successor = [&](NodeId leader) {
      std::map<NodeId, int64_t> ahead;
      for (const auto& [node, clock] : clocks) {
        if (node != leader) ahead[node] = clock - clocks[leader];
      }
      return decided(voters, ahead, leader);
    };
    const std::optional<NodeId> next = successor(NodeId(1));
    if (next) {
      EXPECT_EQ(successor(*next), std::nullopt);
    }
  }
}

// ---- whole nodes ----

constexpr Duration kMinute = 60s;

/// Jumps every node's wall clock and counts who leads during the next minute, one after the other.
std::vector<NodeId> leaders_after(TestWorld& world, const std::map<NodeId, Duration>& jumps) {
  std::vector<NodeId> leaders{world.await_leader()};
  for (const auto& [node, by] : jumps) world.world->jump_wall_clock(node, by);
  for (Duration passed{0}; passed < kMinute; passed += 10ms) {
    world.world->run_for(10ms);
    const NodeId leading = world.leader();
    if (leading && leading != leaders.back()) leaders.push_back(leading);
  }
  return leaders;
}

TEST(ClockWatch, LeaderWhoseClockIsFarHandsOverOnce) {
  for (const Duration jump : {Duration(1h), Duration(-1h)}) {
    TestWorld world(3);
    const NodeId first = world.await_leader();
    const std::vector<NodeId> leaders = leaders_after(world, {{first, jump}});
    EXPECT_EQ(leaders.size(), 2u);
    EXPECT_NE(leaders.back(), first);
  }
}

TEST(ClockWatch, ClocksThatDifferALittleMoveNobody) {
  TestWorld world(3);
  EXPECT_EQ(leaders_after(world, {{NodeId(1), 2s}, {NodeId(2), -2s}}).size(), 1u);
}

TEST(ClockWatch, FollowersFarClockMovesNobody) {
  TestWorld world(3);
  EXPECT_EQ(leaders_after(world, {{world.follower(), 1h}}).size(), 1u);
}

TEST(ClockWatch, NothingFlapsWhenAllClocksDisagree) {
  for (const size_t nodes : {3, 5}) {
    TestWorld world(nodes);
    std::map<NodeId, Duration> jumps;
    for (size_t i = 0; i < nodes; ++i) jumps[NodeId(i + 1)] = (i % 2 == 0 ? 1 : -1) * static_cast<int64_t>(i + 1) * 1h;
    EXPECT_LE(leaders_after(world, jumps).size(), 2u);
  }
}

TEST(ClockWatch, HandOverForTheClocksSakeFailsNoCommand) {
  TestWorld world(3);
  const NodeId first = world.await_leader();
  Terminal& terminal = world.connect(first);
  world.world->jump_wall_clock(first, 1h);
  for (int i = 0; i < 10'000; ++i) {
    terminal.append("key", "x");
    world.world->run_for(1ms);
  }
  EXPECT_TRUE(world.run_until([&] { return terminal.is_idle(); }));
  EXPECT_NE(world.leader(), first);
  for (const std::string& answer : terminal.answers) EXPECT_EQ(answer.front(), ':') << answer;
}

}  // namespace
}  // namespace torc::node
