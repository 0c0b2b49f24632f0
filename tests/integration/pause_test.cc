// Does a leader that was stopped for a while answer from the past when it wakes up (rules.md#leases)?
#include <gtest/gtest.h>

#include "cluster.h"

namespace torc::integration {
namespace {

TEST(Pause, AReadThatWaitedInTheSocketOfAStoppedLeaderIsNeverAnsweredStale) {
  constexpr Millis kStoppedFor{5000};
  constexpr int kReaders = 20;
  Cluster cluster;
  for (int round = 0; round < 3; ++round) {
    const NodeNumber leader = cluster.wait_for_leader();
    const NodeNumber other = leader % 3 + 1;
    const std::string stale = "old " + std::to_string(round);
    const std::string fresh = "new " + std::to_string(round);
    const auto written = cluster.connect(leader).call({"SET", "a", stale});
    ASSERT_TRUE(written && written->is_ok()) << written;
    std::vector<RespClient> readers;
    for (int i = 0; i < kReaders; ++i) {
      readers.push_back(cluster.connect(leader, Millis(20000)));
      // A connection that was served before: its next bytes go straight to the leader's socket.
      const auto read = readers.back().call({"GET", "a"});
      ASSERT_TRUE(read && read->text == stale) << read;
    }

    cluster.pause(leader);
    const auto stopped_at = std::chrono::steady_clock::now();
    const auto overwrite = [&] {
      const auto overwritten = cluster.connect(other, Millis(1000)).call({"SET", "a", fresh});
      return overwritten && overwritten->is_ok();
    };
    ASSERT_TRUE(holds_within(Millis(4500), overwrite)) << "the others elected no leader";
    for (RespClient& reader : readers) ASSERT_TRUE(reader.send({"GET", "a"}));
    const auto left = kStoppedFor - (std::chrono::steady_clock::now() - stopped_at);
    if (left.count() > 0) sleep_for(std::chrono::ceil<Millis>(left));
    cluster.resume(leader);

    for (RespClient& reader : readers) {
      const auto read = reader.receive();
      if (read && !read->is_error()) {
        EXPECT_EQ(read->text, fresh) << "round " << round;
      }
    }
    cluster.wait_until_all_answer();
  }
}

TEST(Pause, AStoppedFollowerDelaysNobodyAndReadsFreshWhenItWakes) {
  Cluster cluster;
  const NodeNumber leader = cluster.wait_for_leader();
  const NodeNumber follower = cluster.any_follower();
  RespClient reader = cluster.connect(follower, Millis(20000));
  cluster.pause(follower);
  ASSERT_TRUE(reader.send({"GET", "a"}));
  RespClient writer = cluster.connect(leader);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 1; i <= 100; ++i) {
    const auto written = writer.call({"SET", "a", std::to_string(i)});
    ASSERT_TRUE(written && written->is_ok()) << written;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, Millis(5000));
  cluster.resume(follower);
  // The command reached the follower's socket before the writes, but was read after them.
  ASSERT_TRUE(reader.receive());
  const auto read = reader.is_open() ? reader.call({"GET", "a"}) : cluster.connect(follower).call({"GET", "a"});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->text, "100");
}

}  // namespace
}  // namespace torc::integration
