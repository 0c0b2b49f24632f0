// Disks whose syncs take long: a leader is whoever can commit and persist (rules.md#leader-persists).
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <thread>

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

/// Pipelines of 16 writes of 4 KiB through every node, over and over to the same keys: all memory that comes on top of
/// them is what gathers.
class Pipelines {
 public:
  Pipelines(const Cluster& cluster, int connections_per_node) {
    for (NodeNumber node = 1; node <= cluster.size(); ++node) {
      for (int i = 0; i < connections_per_node; ++i) {
        threads_.emplace_back([this, address = cluster.address(node), i] { write(address, i); });
      }
    }
  }
  ~Pipelines() {
    is_stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  uint64_t acknowledged() const { return acknowledged_; }

 private:
  static constexpr size_t kDepth = 16;

  void write(const Address& address, int number) {
    std::string pipeline;
    for (size_t i = 0; i < kDepth; ++i) {
      const std::string key = "key" + std::to_string(number * kDepth + i);
      pipeline += RespClient::encode({"SET", key, std::string(4096, 'v')});
    }
    while (!is_stopping_) {
      RespClient client = RespClient::connect(address, Millis(12'000));
      while (!is_stopping_ && client.send_bytes(pipeline)) {
        for (size_t i = 0; i < kDepth && client.is_open(); ++i) {
          const auto reply = client.receive();
          if (reply && reply->is_ok()) ++acknowledged_;
        }
      }
    }
  }

  std::atomic<bool> is_stopping_{false};
  std::atomic<uint64_t> acknowledged_{0};
  std::vector<std::thread> threads_;
};

uint64_t number_behind(const std::string& text, const std::string& word) {
  const size_t at = text.find(word);
  return at == std::string::npos ? 0 : std::stoull(text.substr(at + word.size()));
}

/// A node's memory as it tells it: every gauge within its bound, and the resident MiB.
uint64_t expect_bounds(const std::map<std::string, std::string>& info, std::map<std::string, uint64_t>& largest) {
  size_t gauges = 0;
  for (const auto& [name, text] : info) {
    if (!name.starts_with("gathers_")) continue;
    ++gauges;
    const uint64_t bytes = number_behind(text, "bytes=");
    EXPECT_LE(bytes, number_behind(text, "max=")) << name;
    largest[name] = std::max(largest[name], bytes);
  }
  EXPECT_GE(gauges, 10u);
  return std::stoull(info.at("used_memory_rss")) >> 20;
}

TEST(SlowDisk, WhatGathersAtANodeWhoseDiskHangsStaysWithinItsBounds) {
  constexpr Millis kHang(10'000);
  Cluster cluster(with_slow_syncs());
  const NodeNumber former = cluster.wait_for_leader();
  const NodeNumber healthy = former == 1 ? 2 : 1;
  std::optional<Pipelines> load(std::in_place, cluster, 8);
  ASSERT_TRUE(holds_within(Millis(10'000), [&] { return load->acknowledged() > 2'000; }));
  slow_syncs(cluster, former, kHang);
  const uint64_t acknowledged_before = load->acknowledged();
  const auto end = std::chrono::steady_clock::now() + kHang - Millis(500);
  const auto load_end = end - kHang + Millis(3500);  // long enough for another leader; the rest costs only time
  uint64_t acknowledged = 0;
  std::map<NodeNumber, uint64_t> peak;
  std::map<std::string, uint64_t> largest;
  std::map<std::string, uint64_t> largest_healthy;
  size_t looks = 0;
  while (std::chrono::steady_clock::now() < end) {
    if (load && std::chrono::steady_clock::now() > load_end) {
      acknowledged = load->acknowledged() - acknowledged_before;
      load.reset();
    }
    for (const NodeNumber node : {former, healthy}) {
      const auto info = cluster.info(node);
      if (!info) continue;
      ++looks;
      peak[node] = std::max(peak[node], expect_bounds(*info, node == former ? largest : largest_healthy));
    }
    sleep_for(Millis(100));
  }
  EXPECT_GT(looks, 20u);
  EXPECT_GT(acknowledged, 1'000u) << "clients of the others go on";
  EXPECT_LT(peak[former], peak[healthy] + 200);
  std::cout << "resident: " << peak[former] << " MiB, a healthy node " << peak[healthy] << " MiB; " << acknowledged
            << " writes\n";
  for (const auto& [name, bytes] : largest) {
    if (bytes >= 1u << 20) std::cout << name << ": " << (bytes >> 20) << " MiB at most\n";
  }
  slow_syncs(cluster, former, Millis(0));
  cluster.wait_until_all_answer();
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
