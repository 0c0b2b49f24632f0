#include "node/clock_watch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/prng.h"
#include "node/test_world.h"

namespace torc::node {
namespace {

using kv::CommandId;

constexpr NodeId kSelf{1};
constexpr WallMs kOurs{1'700'000'000'000};
const std::vector<NodeId> kThree{NodeId(1), NodeId(2), NodeId(3)};
const std::vector<NodeId> kFive{NodeId(1), NodeId(2), NodeId(3), NodeId(4), NodeId(5)};

WallMs after(Duration time) { return WallMs{kOurs.ms + time / 1ms}; }
WallMs ahead_of_ours(int64_t ms) { return WallMs{ms > INT64_MAX - kOurs.ms ? ms : ms + kOurs.ms}; }

/// What is decided after the same reports came every second for a while.
std::optional<NodeId> decided(const std::vector<NodeId>& voters, const std::map<NodeId, int64_t>& ahead_ms,
                              NodeId self = kSelf) {
  ClockWatch watch;
  ClockDistance distance;
  Instant now{0};
  std::optional<NodeId> better;
  for (int second = 0; second < 10; ++second) {
    now = now + ClockWatch::kInterval;
    for (const auto& [node, ahead] : ahead_ms) watch.on_report(node, ahead_of_ours(ahead), now);
    better = watch.better_leader(voters, self, kOurs, now, distance);
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
  ClockDistance distance;
  Instant now{0};
  for (const NodeId node : {NodeId(2), NodeId(3)}) watch.on_report(node, WallMs{kOurs.ms + 60'000}, now);
  watch.better_leader(kThree, kSelf, kOurs, now, distance);
  const auto better_after = [&](Duration age) {
    return watch.better_leader(kThree, kSelf, after(age), now + age, distance);
  };
  EXPECT_EQ(better_after(ClockWatch::kReportAgeMax), NodeId(2));
  EXPECT_EQ(better_after(ClockWatch::kReportAgeMax + Duration(1)), std::nullopt);
}

TEST(ClockWatch, LeaderMustHaveBeenFarForAWhileWithoutABreak) {
  ClockWatch watch;
  ClockDistance distance;
  Instant now{0};
  const auto look = [&](int64_t ahead) {
    now = now + 1s;
    for (const NodeId node : {NodeId(2), NodeId(3)}) watch.on_report(node, WallMs{ahead + kOurs.ms}, now);
    return watch.better_leader(kThree, kSelf, kOurs, now, distance);
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

// ---- stamps ----

constexpr Instant kThen{5'000'000'000};

std::optional<WallMs> latest(const std::vector<NodeId>& voters, const std::map<NodeId, int64_t>& ahead_ms,
                             Duration later = 0s) {
  ClockWatch watch;
  ClockDistance distance;
  for (const auto& [node, ahead] : ahead_ms) watch.on_report(node, ahead_of_ours(ahead), kThen);
  return watch.latest_stamp(voters, kSelf, after(later), kThen + later);
}

TEST(Stamps, AreAtMostTheBoundAheadOfTheClocksOfAMajority) {
  constexpr int64_t kHour = 3'600'000;
  constexpr int64_t kBound = ClockWatch::kFarMs;
  EXPECT_EQ(latest(kThree, {{NodeId(2), -kHour}, {NodeId(3), -2 * kHour}}), ahead_of_ours(kBound - kHour));
  EXPECT_EQ(latest(kThree, {{NodeId(2), -kHour}, {NodeId(3), kHour}}), ahead_of_ours(kBound));
  EXPECT_EQ(latest(kThree, {{NodeId(2), kHour}, {NodeId(3), 2 * kHour}}), ahead_of_ours(kBound + kHour));
  EXPECT_EQ(latest(kThree, {{NodeId(2), -kHour}}), ahead_of_ours(kBound - kHour)) << "two of three are a majority";
  EXPECT_EQ(latest(kFive, {{NodeId(2), -kHour}, {NodeId(3), -kHour}, {NodeId(4), 0}}), ahead_of_ours(kBound - kHour));
  EXPECT_EQ(latest({kSelf}, {}), ahead_of_ours(kBound)) << "alone";
}

TEST(Stamps, ClocksThatWereHeardOfGoOnWhileTheirNodesAreAway) {
  EXPECT_EQ(latest(kThree, {{NodeId(2), -60'000}, {NodeId(3), -60'000}}, 1h),
            WallMs{after(1h).ms - 60'000 + ClockWatch::kFarMs});
}

TEST(Stamps, OfTooFewClocksNothingFollows) {
  EXPECT_EQ(latest(kThree, {}), std::nullopt);
  EXPECT_EQ(latest(kFive, {{NodeId(2), 0}}), std::nullopt);
  EXPECT_EQ(latest({}, {{NodeId(2), 0}}), std::nullopt) << "no voters are known yet";
}

/// When the stamp has been so far ahead for a while, with these clocks heard of each second: what time it is.
std::optional<WallMs> time_after(int64_t stamp_ahead_ms, const std::map<NodeId, int64_t>& ahead_ms,
                                 const std::vector<NodeId>& voters = kThree) {
  ClockWatch watch;
  ClockDistance distance;
  for (Duration passed = 0s; passed <= ClockWatch::kFarFor; passed += ClockWatch::kInterval) {
    const Instant now = kThen + passed;
    for (const auto& [node, ahead] : ahead_ms) watch.on_report(node, ahead_of_ours(ahead), now);
    const auto time = watch.time_to_go_back_to(voters, kSelf, kOurs, ahead_of_ours(stamp_ahead_ms), now, distance);
    EXPECT_TRUE(!time || passed == ClockWatch::kFarFor) << "at once";
    if (time) return time;
  }
  return std::nullopt;
}

TEST(Stamps, GoBackOnceTheyHaveBeenAheadForAWhileWhateverTheMissingClocksShow) {
  constexpr int64_t kBound = ClockWatch::kFarMs;
  EXPECT_EQ(time_after(kBound, {{NodeId(2), 0}, {NodeId(3), 0}}), std::nullopt) << "the bound itself is allowed";
  EXPECT_EQ(time_after(kBound + 1, {{NodeId(2), 0}, {NodeId(3), 0}}), kOurs);
  EXPECT_EQ(time_after(1'000'000, {{NodeId(2), 700}, {NodeId(3), -900'000}}), kOurs);
  EXPECT_EQ(time_after(1'000'000, {{NodeId(2), 990'000}, {NodeId(3), 1'000'000}}), ahead_of_ours(990'000));
  EXPECT_EQ(time_after(1'000'000, {{NodeId(2), 300}}), ahead_of_ours(300)) << "node 3 could only confirm one of them";
  EXPECT_EQ(time_after(1'000'000, {{NodeId(2), 1'000'000}}), std::nullopt) << "which of the two is right, node 3 knows";
  EXPECT_EQ(time_after(1'000'000, {}), std::nullopt);
  EXPECT_EQ(time_after(1'000'000, {{NodeId(2), 0}}, kFive), std::nullopt);
  EXPECT_EQ(time_after(1'000'000, {}, {}), std::nullopt);
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

constexpr Duration kYear = 365 * 24h;

struct Deadlines : TestWorld {
  Deadlines() : TestWorld(3) {
    await_leader();
    run_for(2s);  // their clocks are known by then
  }
  std::string ask(CommandId id, std::vector<std::string> args) {
    return TestWorld::ask(connect(await_leader()), id, std::move(args));
  }
  void set(const std::string& key, int64_t ttl_ms) {
    EXPECT_EQ(ask(CommandId::kSet, {key, "v", "PX", std::to_string(ttl_ms)}), "OK");
  }
  std::string get(const std::string& key) { return ask(CommandId::kGet, {key}); }
  int64_t ttl(const std::string& key) { return std::stoll(ask(CommandId::kPTtl, {key}).substr(1)); }
  void jump(const std::vector<NodeId>& nodes, Duration by) {
    for (const NodeId node : nodes) world->jump_wall_clock(node, by);
  }
  void run_for(Duration time) { world->run_for(time); }
  /// Writes all the time, so that stamps are drawn.
  void work_for(Duration time) {
    for (Duration passed = 0s; passed < time; passed += 100ms) {
      EXPECT_EQ(ask(CommandId::kIncr, {"count"}).front(), ':');
      run_for(100ms);
    }
  }
  /// What deadlines are for works as ever.
  void expect_right_times() {
    set("short", 2'000);
    run_for(1s);
    EXPECT_EQ(get("short"), "v");
    run_for(2s);
    EXPECT_EQ(get("short"), "nil");
    const int64_t in_an_hour = world->wall_now(await_leader()).ms + 3'600'000;
    set("dated", 1'000);
    EXPECT_EQ(ask(CommandId::kPExpireAt, {"dated", std::to_string(in_an_hour)}), ":1");
    EXPECT_NEAR(static_cast<double>(ttl("dated")), 3'600'000., 10'000.);
  }
};

// The leader's clock stood a hundred years ahead for 6 s: every key with a deadline and every session was gone, and "EX
// 2" lasted a hundred years from then on.
TEST(Stamps, ALeaderAHundredYearsAheadForAWhileEndsNothing) {
  for (const Duration by : {100 * kYear, Duration(2h)}) {
    Deadlines world;
    world.set("hour", 3'600'000);
    const NodeId wrong = world.await_leader();
    world.jump({wrong}, by);
    world.work_for(1s);
    world.set("meanwhile", 3'600'000);
    world.work_for(5s);
    world.jump({wrong}, -by);
    world.run_for(10s);
    EXPECT_EQ(world.get("hour"), "v");
    EXPECT_NEAR(static_cast<double>(world.ttl("hour")), 3'584'000., 15'000.);
    EXPECT_NEAR(static_cast<double>(world.ttl("meanwhile")), 3'584'000., 15'000.);
    world.expect_right_times();
    EXPECT_EQ(world.group(world.await_leader()).stamps_set_back, 0u) << "none was ahead";
  }
}

// The first leader of a new cluster knew the others' clocks from before there was a group, and stamped by its own alone
// until the next report.
TEST(Stamps, OfTheFirstLeaderAreBoundedByWhatWasHeardBeforeItsGroupBegan) {
  size_t wrong_leaders = 0;
  for (const NodeId wrong : {NodeId(1), NodeId(2), NodeId(3)}) {
    TestWorld world(3);
    world.world->jump_wall_clock(wrong, 100 * kYear);
    for (const NodeId id : world.world->nodes()) world.world->slow_disk(id, 10ms);  // it began after the reports
    const NodeId first = world.await_leader();
    ASSERT_LT(world.world->queue().now(), Instant() + ClockWatch::kInterval) << "and all reports are from before";
    EXPECT_EQ(world.ask(world.connect(first), CommandId::kSet, {"k", "v"}), "OK");
    wrong_leaders += first == wrong;
    const NodeId right = wrong == NodeId(1) ? NodeId(2) : NodeId(1);
    EXPECT_LE(world.group(first).stamp.ms, world.world->wall_now(right).ms + ClockWatch::kFarMs);
  }
  EXPECT_EQ(wrong_leaders, 1u) << "or this shows nothing";
}

// A majority was wrong. What expired meanwhile is gone, but all that comes later is right again.
TEST(Stamps, ThoseOfAWrongMajorityAreSetBackAndDeadlinesSetMeanwhileWithThem) {
  for (const Duration by : {100 * kYear, Duration(2h)}) {
    Deadlines world;
    const int64_t beyond_ms = by / 1ms + 3'600'000;
    world.set("beyond", beyond_ms);
    world.jump({NodeId(1), NodeId(2), NodeId(3)}, by);
    world.work_for(1s);
    world.set("meanwhile", 3'600'000);
    world.work_for(5s);
    world.jump({NodeId(1), NodeId(2), NodeId(3)}, -by);
    world.work_for(10s);
    EXPECT_GE(world.group(world.await_leader()).stamps_set_back, 1u);
    EXPECT_NEAR(static_cast<double>(world.ttl("meanwhile")), 3'590'000., 15'000.);
    EXPECT_NEAR(static_cast<double>(world.ttl("beyond")), static_cast<double>(beyond_ms - 16'000), 15'000.);
    world.expect_right_times();
  }
}

// Nobody remembers any more which operations had wrong stamps.
TEST(Stamps, AreSetBackAfterARestartOfAllToo) {
  Deadlines world;
  world.jump({NodeId(1), NodeId(2), NodeId(3)}, 100 * kYear);
  world.work_for(2s);
  world.set("meanwhile", 3'600'000);
  for (const NodeId id : world.world->nodes()) world.world->kill(id, sim::Death::kPowerLoss);
  world.jump({NodeId(1), NodeId(2), NodeId(3)}, -100 * kYear);
  for (const NodeId id : world.world->nodes()) world.world->start(id);
  world.work_for(10s);
  EXPECT_NEAR(static_cast<double>(world.ttl("meanwhile")), 3'590'000., 15'000.);
  world.expect_right_times();
}

}  // namespace
}  // namespace torc::node
