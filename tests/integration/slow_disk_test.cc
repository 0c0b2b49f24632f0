// Disks whose syncs take long: a leader is whoever can commit and persist (rules.md#leader-persists).
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cluster.h"
#include "write_load.h"

namespace torc::integration {
namespace {

namespace fs = std::filesystem;

ClusterOptions with_slow_syncs() {
  std::string place(kClusterDirectory);
  place += "/sync-takes";
  return {
      .environment = {{"LD_PRELOAD", built_program("torc_slow_sync_preload.so")}, {"TORC_SLOW_SYNC_SWITCH", place}}};
}

/// From now on each sync of the node takes so much longer; 0: no longer, as soon as the one under way has ended.
void slow_syncs(Cluster& cluster, NodeNumber node, Millis time) {
  const std::string path = cluster.directory() + "/sync-takes." + std::to_string(cluster.process(node).pid());
  if (time == Millis(0)) {
    fs::remove(path);
    return;
  }
  std::ofstream(path + ".tmp") << time.count();
  fs::rename(path + ".tmp", path);
}

/// The largest that the process ever was.
uint64_t peak_mib(Cluster& cluster, NodeNumber node) {
  std::ifstream status("/proc/" + std::to_string(cluster.process(node).pid()) + "/status");
  for (std::string word; status >> word;) {
    uint64_t kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib >> 10;
  }
  throw std::runtime_error("no VmHWM");
}

TEST(SlowDisk, AnotherNodeLeadsWithinTwoSecondsAfterALeadersSyncsHang) {
  constexpr Millis kHang(10'000);
  constexpr uint64_t kMoreMibMax = 200;
  Cluster cluster(with_slow_syncs());
  const NodeNumber former = cluster.wait_for_leader();
  WriteLoad load(cluster.addresses(), {.clients = 6, .value_bytes_min = 30'000});
  ASSERT_LT(load.time_to_next_acknowledged_write(Millis(5000)), Millis(5000));
  sleep_for(Millis(500));
  const NodeNumber healthy = former == 1 ? 2 : 1;
  const uint64_t mib_before = peak_mib(cluster, former);
  const uint64_t healthy_mib_before = peak_mib(cluster, healthy);

  slow_syncs(cluster, former, kHang);
  const auto begin = std::chrono::steady_clock::now();
  const auto time_since = [&] { return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - begin); };
  const auto leads = [&](NodeNumber node) {
    const auto info = cluster.info(node, Millis(300));
    return info && info->at("raft_role") == "leader";
  };
  const auto another_leads = [&] {
    for (NodeNumber node = 1; node <= cluster.size(); ++node) {
      if (node != former && leads(node)) return true;
    }
    return false;
  };
  EXPECT_TRUE(holds_within(Millis(2000), another_leads));
  std::cout << "another node leads after " << time_since().count() << " ms\n";
  EXPECT_LT(load.time_to_next_acknowledged_write(Millis(2000)), Millis(2000));
  const uint64_t acknowledged = load.acknowledged_count();
  while (time_since() < kHang - Millis(1500)) {
    EXPECT_FALSE(leads(former)) << "its disk hangs";
    sleep_for(Millis(100));
  }
  EXPECT_GT(load.acknowledged_count(), acknowledged + 100) << "clients go on";
  // What is written meanwhile grows everybody's state: some hundred MiB where the machine is quick.
  const uint64_t data_mib = peak_mib(cluster, healthy) - healthy_mib_before;
  const uint64_t mib_more = peak_mib(cluster, former) - mib_before;
  EXPECT_LT(mib_more, data_mib + kMoreMibMax);
  std::cout << "memory grew by " << mib_more << " MiB; " << load.acknowledged_count() - acknowledged << " writes\n";

  slow_syncs(cluster, former, Millis(0));
  cluster.wait_until_all_answer();
  load.stop();
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    EXPECT_EQ(load.missing_at(cluster.address(node)), std::vector<std::string>()) << "node " << node;
  }
}

TEST(SlowDisk, SyncsOfHalfASecondOnAllNodesCauseNoElection) {
  Cluster cluster(with_slow_syncs());
  const NodeNumber leader = cluster.wait_for_leader();
  const auto term = [&] { return cluster.info(leader).value().at("raft_term"); };
  const std::string term_before = term();
  for (NodeNumber node = 1; node <= cluster.size(); ++node) slow_syncs(cluster, node, Millis(500));
  RespClient client = cluster.connect(cluster.any_follower(), Millis(10000));
  for (int i = 0; i < 5; ++i) {
    const auto written = client.call({"SET", "k", std::to_string(i)});
    ASSERT_TRUE(written && written->is_ok()) << written;
  }
  EXPECT_EQ(term(), term_before);
  EXPECT_EQ(cluster.wait_for_leader(), leader);
}

}  // namespace
}  // namespace torc::integration
