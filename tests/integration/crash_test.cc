// Is everything that was acknowledged still there after kill -9, and how long do writes stand still?
#include <gtest/gtest.h>

#include "cluster.h"
#include "write_load.h"

namespace torc::integration {
namespace {

constexpr Millis kWritesGoOnWithin{2000};

TEST(Crash, WritesGoOnWithinTwoSecondsAfterEachOfTwentyKillsOfTheLeaderAndNothingAcknowledgedIsLost) {
  constexpr int kKills = 20;
  Cluster cluster;
  WriteLoad load(cluster.addresses(), 4);
  for (int kill = 1; kill <= kKills; ++kill) {
    const NodeNumber leader = cluster.wait_for_leader();
    cluster.kill_hard(leader);
    EXPECT_LT(load.time_to_next_acknowledged_write(Millis(10000)), kWritesGoOnWithin) << "kill " << kill;
    cluster.start(leader);
    cluster.wait_until_all_answer();
    // The next kill must not meet a cluster in which the restarted node lags: that would be two nodes gone.
    load.time_to_next_acknowledged_write(Millis(10000));
  }
  load.stop();
  ASSERT_GT(load.acknowledged_count(), static_cast<uint64_t>(kKills));
  cluster.wait_until_all_answer();
  for (const Address& node : cluster.addresses()) {
    const std::vector<std::string> missing = load.missing_at(node);
    EXPECT_TRUE(missing.empty()) << missing.size() << " acknowledged writes missing at " << node.text() << ", first "
                                 << missing.front();
  }
}

TEST(Crash, KillingAllThreeUnderLoadLosesNothingThatWasAcknowledged) {
  Cluster cluster;
  WriteLoad load(cluster.addresses(), 4);
  for (int round = 0; round < 3; ++round) {
    load.time_to_next_acknowledged_write(Millis(10000));
    sleep_for(Millis(500));
    for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.kill_hard(node);
    for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.start(node);
    cluster.wait_until_all_answer();
  }
  load.stop();
  for (const Address& node : cluster.addresses()) {
    const std::vector<std::string> missing = load.missing_at(node);
    EXPECT_TRUE(missing.empty()) << missing.size() << " acknowledged writes missing at " << node.text() << ", first "
                                 << missing.front();
  }
}

TEST(Crash, TheFirstReadAfterAllThreeWereKilledIsNotStale) {
  Cluster cluster;
  for (int round = 1; round <= 5; ++round) {
    const std::string value = std::to_string(round);
    const auto written = cluster.connect(round % 3 + 1).call({"SET", "a", value});
    ASSERT_TRUE(written && written->is_ok()) << written;
    for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.kill_hard(node);
    for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.start(node);
    // Asks every node from its first moment on: no answer and an error are fine, another value never is.
    std::vector<bool> has_answered(3, false);
    const bool all_answered = holds_within(Millis(20000), [&] {
      for (NodeNumber node = 1; node <= cluster.size(); ++node) {
        const auto read = cluster.connect(node, Millis(500)).call({"GET", "a"});
        if (!read || read->is_error()) continue;
        EXPECT_EQ(read->text, value) << "node " << node << " in round " << round;
        has_answered[static_cast<size_t>(node - 1)] = true;
      }
      return has_answered == std::vector<bool>(3, true);
    });
    ASSERT_TRUE(all_answered) << "round " << round;
  }
}

TEST(Crash, AKilledFollowerCatchesUpWithWhatItMissed) {
  Cluster cluster;
  const NodeNumber leader = cluster.wait_for_leader();
  const NodeNumber follower = cluster.any_follower();
  cluster.kill_hard(follower);
  RespClient client = cluster.connect(leader);
  for (int i = 0; i < 2000; ++i) {
    const auto written = client.call({"SET", "k" + std::to_string(i), std::string(1000, 'x')});
    ASSERT_TRUE(written && written->is_ok()) << written;
  }
  cluster.start(follower);
  cluster.wait_until_all_answer();
  const auto has_caught_up = [&] {
    auto behind = cluster.info(follower);
    auto ahead = cluster.info(leader);
    return behind && ahead && (*behind)["raft_commit_index"] == (*ahead)["raft_commit_index"];
  };
  EXPECT_TRUE(holds_within(Millis(10000), has_caught_up));
}

}  // namespace
}  // namespace torc::integration
