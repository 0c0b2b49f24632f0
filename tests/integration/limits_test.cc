// What clients may send within every limit of one command, until many of them come together: no node ends, everyone is
// served.
#include <gtest/gtest.h>

#include <chrono>

#include "cluster.h"

namespace torc::integration {
namespace {

void expect_all_run_and_serve(Cluster& cluster) {
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    ASSERT_TRUE(cluster.process(node).is_running()) << "node " << node << " ended";
    cluster.wait_until_writable(node);
  }
}

// 700 keys of 65,000 bytes that expire together were one purge, larger than an entry may be: the leader ended, then its
// successor, and after a restart every node, for good.
TEST(Limits, HundredsOfLongKeysWithOneDeadlineAreDeletedAndNoNodeEnds) {
  constexpr int kKeys = 700;
  Cluster cluster;
  RespClient client = cluster.connect(cluster.wait_for_leader(), Millis(20000));
  const auto soon = std::chrono::system_clock::now() + std::chrono::seconds(4);
  const std::string deadline = std::to_string(std::chrono::duration_cast<Millis>(soon.time_since_epoch()).count());
  for (int i = 0; i < kKeys; ++i) {
    std::string key = std::to_string(i);
    key.resize(65000, 'k');
    const auto set = client.call({"SET", key, "v", "PXAT", deadline});
    ASSERT_TRUE(set && set->is_ok()) << set;
  }
  const auto is_empty = [&] {
    const auto count = cluster.connect(cluster.wait_for_leader()).call({"DBSIZE"});
    return count && count->integer == 0;
  };
  EXPECT_TRUE(holds_within(Millis(15000), is_empty));
  expect_all_run_and_serve(cluster);
}

// A request near the limit behind others in one batch: together they were larger than an entry may be.
TEST(Limits, ARequestNearTheLimitUnderLoadEndsNoNode) {
  Cluster cluster;
  const NodeNumber leader = cluster.wait_for_leader();
  std::string load;
  for (int i = 0; i < 200; ++i)
    load += RespClient::encode({"SET", "small" + std::to_string(i), std::string(4096, 's')});
  const std::string large =
      RespClient::encode({"MSET", "large1", std::string(20'900'000, '1'), "large2", std::string(20'900'000, '2')});
  for (int round = 0; round < 3; ++round) {
    std::vector<RespClient> others;
    for (int i = 0; i < 20; ++i) others.push_back(cluster.connect(leader, Millis(20000)));
    RespClient client = cluster.connect(leader, Millis(20000));
    for (RespClient& other : others) ASSERT_TRUE(other.send_bytes(load));
    ASSERT_TRUE(client.send_bytes(large));
    for (RespClient& other : others) ASSERT_TRUE(other.send_bytes(load));
    const auto written = client.receive(Millis(20000));
    ASSERT_TRUE(written && written->is_ok()) << "round " << round << ": " << written;
    for (RespClient& other : others) {
      for (int i = 0; i < 400; ++i) {
        const auto set = other.receive(Millis(20000));
        ASSERT_TRUE(set && set->is_ok()) << set;
      }
    }
  }
  expect_all_run_and_serve(cluster);
}

}  // namespace
}  // namespace torc::integration
