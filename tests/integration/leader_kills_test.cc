// While nodes of a sharded cluster are killed one after the other: is every slot named once on every node at every
// moment, and how soon can each arc be written to again?
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>

#include "door_cluster.h"

namespace torc::integration {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// How long an arc may take, from the kill to an acknowledged write. The promise is 1 s; it holds where the machine has
/// the cores to itself (TORC_ARC_RECOVERY_MS=1000). Where others share them three nodes, 64 writers and three watchers
/// wait for a processor for hundreds of milliseconds, and elections time out for it.
Millis recovery_max() {
  const char* wanted = std::getenv("TORC_ARC_RECOVERY_MS");
  return Millis(wanted != nullptr ? std::atoi(wanted) : 3000);
}

int kill_count() {
  const char* wanted = std::getenv("TORC_LEADER_KILLS");
  return wanted != nullptr ? std::atoi(wanted) : 4;
}

/// Asks a node for CLUSTER SLOTS all the time, in turn at both doors, until destroyed.
class Watcher {
 public:
  Watcher(const Cluster& cluster, NodeNumber node) : thread_([this, &cluster, node] { watch(cluster, node); }) {}
  ~Watcher() { stop(); }
  void stop() {
    is_over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  size_t answers() const { return answers_; }
  /// The first that was no map of all slots. Requires: stopped.
  const std::string& trouble() const { return trouble_; }

 private:
  void watch(const Cluster& cluster, NodeNumber node) {
    RespClient clients[2];
    const Address doors[2] = {cluster.address(node), cluster.cluster_address(node)};
    for (size_t turn = 0; !is_over_; ++turn) {
      RespClient& client = clients[turn % 2];
      if (!client.is_open()) client = RespClient::connect(doors[turn % 2], Millis(1000));
      const std::optional<Reply> reply = client.call({"CLUSTER", "SLOTS"});
      if (reply) {
        ++answers_;
        if (trouble_.empty()) trouble_ = trouble_of(reply);
      }
      sleep_for(Millis(3));  // also while it is dead
    }
  }

  std::atomic<bool> is_over_ = false;
  std::atomic<size_t> answers_ = 0;
  std::string trouble_;
  std::thread thread_;
};

/// Writes to the key as clients of Redis Cluster do: where it thinks the leader is, then where MOVED points to, and if
/// nobody answers, at the next node it knows. Returns how long it took from `since` to OK; a minute: it failed.
Millis time_to_write(const Cluster& cluster, const std::string& key, NodeNumber first, SteadyClock::time_point since) {
  NodeNumber node = first;
  Address address = cluster.cluster_address(node);
  while (SteadyClock::now() - since < Millis(15000)) {
    RespClient client = RespClient::connect(address, Millis(3000));
    const std::optional<Reply> reply = client.call({"SET", key, "v"});
    if (reply && reply->is_ok()) return std::chrono::ceil<Millis>(SteadyClock::now() - since);
    if (reply && reply->text.starts_with("MOVED ")) {
      const size_t colon = reply->text.rfind(':');
      address.port = static_cast<uint16_t>(std::atoi(reply->text.c_str() + colon + 1));
      continue;  // the host is the same for all
    }
    sleep_for(Millis(5));
    node = node % cluster.size() + 1;
    address = cluster.cluster_address(node);
  }
  return Millis(60000);
}

/// Of each arc, by slot: one writer each, all at the same time.
std::vector<Millis> times_to_write(const Cluster& cluster, const std::vector<std::string>& keys, NodeNumber first,
                                   SteadyClock::time_point since) {
  std::vector<Millis> times(keys.size());
  std::vector<std::thread> writers;
  for (size_t arc = 0; arc < keys.size(); ++arc) {
    writers.emplace_back([&, arc] { times[arc] = time_to_write(cluster, keys[arc], first, since); });
  }
  for (std::thread& writer : writers) writer.join();
  return times;
}

TEST(LeaderKills, EverySlotIsNamedOnceAtEveryMomentAndEveryArcIsSoonWrittenToAgain) {
  DoorCluster cluster;
  const std::vector<std::string> keys = cluster.keys_of_arcs();
  Watcher watchers[3] = {{cluster, 1}, {cluster, 2}, {cluster, 3}};
  Millis worst{0};
  std::vector<Millis> all;
  for (int kill = 0; kill < kill_count(); ++kill) {
    ASSERT_TRUE(cluster.wait_until_even()) << "leaderships are not spread after kill " << kill;
    const NodeNumber victim = kill % 3 + 1;
    const auto killed_at = SteadyClock::now();
    cluster.kill_hard(victim);
    const std::vector<Millis> times = times_to_write(cluster, keys, victim, killed_at);
    const auto slowest = std::max_element(times.begin(), times.end());
    std::cout << "kill " << kill << " of node " << victim << ": the slowest arc, " << slowest - times.begin()
              << ", is written to after " << slowest->count() << " ms\n";
    worst = std::max(worst, *slowest);
    all.insert(all.end(), times.begin(), times.end());
    cluster.start(victim);
  }
  std::sort(all.begin(), all.end());
  std::cout << "arcs written to again after: median " << all.at(all.size() / 2).count() << " ms, 90 % "
            << all.at(all.size() * 9 / 10).count() << " ms, worst " << worst.count() << " ms\n";
  EXPECT_LE(worst, recovery_max());
  for (Watcher& watcher : watchers) {
    watcher.stop();
    EXPECT_EQ(watcher.trouble(), "") << "node " << &watcher - watchers + 1;
    EXPECT_GT(watcher.answers(), static_cast<size_t>(20 * kill_count())) << "node " << &watcher - watchers + 1;
  }
}

}  // namespace
}  // namespace torc::integration
