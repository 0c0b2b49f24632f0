// A node that was away for longer than the others keep their logs comes back by a snapshot.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "cluster.h"

namespace torc::integration {
namespace {

constexpr uint64_t kMiB = 1u << 20;
constexpr int kKeys = 1000;
constexpr size_t kValueBytes = 100'000;  // all values together: much more than the logs keep

std::string key(int i) { return "key" + std::to_string(i); }
std::string value(int i) { return std::to_string(i) + std::string(kValueBytes, 'v'); }

uint64_t number(const Cluster& cluster, NodeNumber node, const std::string& field) {
  auto fields = cluster.info(node);
  return fields ? std::strtoull((*fields)[field].c_str(), nullptr, 10) : 0;
}

TEST(Snapshot, AFollowerThatWasAwayTooLongComesBackByOneAndTheSendersMemoryStaysBounded) {
  Cluster cluster({.extra_args = {"--checkpoint-mib", "4", "--log-tail-mib", "4"}});
  const NodeNumber leader = cluster.wait_for_leader();
  const NodeNumber away = cluster.any_follower();
  {
    RespClient client = cluster.connect(leader);
    ASSERT_TRUE(client.call({"SET", "stale", "to be deleted"})->is_ok());
  }
  cluster.kill_hard(away);
  RespClient client = cluster.connect(leader);
  uint64_t largest_log = 0;
  for (int i = 0; i < kKeys; ++i) {
    const auto written = client.call({"SET", key(i), value(i)});
    ASSERT_TRUE(written && written->is_ok()) << written;
    if (i % 50 == 0) largest_log = std::max(largest_log, number(cluster, leader, "raft_log_bytes"));
  }
  ASSERT_EQ(client.call({"DEL", "stale"})->integer, 1);
  EXPECT_LT(largest_log, 40 * kMiB) << "whoever is away for good must not fill the others' disks";

  const uint64_t before = cluster.process(leader).resident_bytes();
  uint64_t most = 0;
  cluster.start(away);
  ASSERT_TRUE(holds_within(Millis(60'000), [&] {
    for (const NodeNumber node : {1, 2, 3}) {
      if (node != away) most = std::max(most, cluster.process(node).resident_bytes());
    }
    return number(cluster, away, "raft_snapshots_installed") > 0;
  }));
  EXPECT_LT(most, before + 48 * kMiB);
  cluster.wait_until_all_answer();
  ASSERT_TRUE(holds_within(Millis(10'000), [&] {
    return number(cluster, away, "raft_applied_index") == number(cluster, leader, "raft_applied_index");
  }));

  // What it holds itself shows once it leads: others answer only what it has.
  const bool leads = holds_within(Millis(60'000), [&] {
    const NodeNumber leading = cluster.wait_for_leader();
    if (leading == away) return true;
    cluster.kill_hard(leading);
    cluster.wait_for_leader();
    cluster.start(leading);
    cluster.wait_until_all_answer();
    return false;
  });
  ASSERT_TRUE(leads);
  RespClient reader = cluster.connect(away);
  EXPECT_TRUE(reader.call({"GET", "stale"})->is_nil());
  for (int i = 0; i < kKeys; ++i) {
    const auto read = reader.call({"GET", key(i)});
    ASSERT_TRUE(read && read->text == value(i)) << key(i);
  }
}

// The snapshot's sender, then its receiver, dies in the middle.
TEST(Snapshot, KillingEitherEndWhileItIsSentCostsNothingButTime) {
  Cluster cluster({.extra_args = {"--checkpoint-mib", "4", "--log-tail-mib", "4"}});
  NodeNumber leader = cluster.wait_for_leader();
  const NodeNumber away = cluster.any_follower();
  cluster.kill_hard(away);
  {
    RespClient client = cluster.connect(leader);
    for (int i = 0; i < kKeys; ++i) {
      const auto written = client.call({"SET", key(i), value(i)});
      ASSERT_TRUE(written && written->is_ok()) << written;
    }
  }
  for (const int delay : {100, 250, 400}) {
    cluster.start(away);
    sleep_for(Millis(delay));
    cluster.kill_hard(away);
  }
  for (const int delay : {150, 300}) {
    leader = cluster.wait_for_leader();
    cluster.start(away);
    sleep_for(Millis(delay));
    cluster.kill_hard(leader);
    sleep_for(Millis(500));
    cluster.start(leader);
    cluster.wait_until_all_answer();
    cluster.kill_hard(away);
  }
  cluster.start(away);
  cluster.wait_until_all_answer();
  EXPECT_TRUE(holds_within(Millis(60'000), [&] {
    const uint64_t applied = number(cluster, cluster.wait_for_leader(), "raft_applied_index");
    return applied > 0 && number(cluster, away, "raft_applied_index") == applied;
  }));
  RespClient reader = cluster.connect(away);
  for (int i = 0; i < kKeys; ++i) {
    const auto read = reader.call({"GET", key(i)});
    ASSERT_TRUE(read && read->text == value(i)) << key(i);
  }
}

}  // namespace
}  // namespace torc::integration
