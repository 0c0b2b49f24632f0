// Does any workload, within the limits or one past them, end a node, fill its memory, or keep others from being served?
#include "workload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <random>
#include <thread>

#include "cluster.h"

namespace torc::integration {
namespace {

constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kMaxMemoryMib = 400;
/// The bound of docs/architecture.md ("Memory"): what --max-memory counts, what it does not, and what malloc keeps.
constexpr uint64_t kResidentMibMax = kMaxMemoryMib + kMaxMemoryMib / 2 + 500;

uint64_t number_from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// Asks a node again and again for what it must always be able to do: read, and delete through the log.
class Probe {
 public:
  explicit Probe(const Address& node) {
    thread_ = std::thread([this, node] {
      RespClient client;
      auto served_at = std::chrono::steady_clock::now();
      while (!is_stopping_) {
        if (!client.is_open()) client = RespClient::connect(node, Millis(10'000));
        const auto read = client.call({"GET", "probe"});
        const auto written = client.call({"DEL", "probe"});
        const auto now = std::chrono::steady_clock::now();
        if (read && !read->is_error() && written && !written->is_error()) {
          ++served_;
          longest_ms_ = std::max<int64_t>(longest_ms_, std::chrono::ceil<Millis>(now - served_at).count());
          served_at = now;
        }
        sleep_for(Millis(20));
      }
      const auto now = std::chrono::steady_clock::now();
      longest_ms_ = std::max<int64_t>(longest_ms_, std::chrono::ceil<Millis>(now - served_at).count());
    });
  }
  void stop() {
    is_stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  ~Probe() { stop(); }
  uint64_t served() const { return served_; }
  int64_t longest_ms() const { return longest_ms_; }

 private:
  std::atomic<bool> is_stopping_{false};
  std::atomic<uint64_t> served_{0};
  std::atomic<int64_t> longest_ms_{0};
  std::thread thread_;
};

// make fuzz-workload SECONDS=600
TEST(Workload, NoneEndsANodeOrPassesItsMemoryOrKeepsOthersFromBeingServed) {
  const uint64_t seed = number_from_environment("TORC_WORKLOAD_SEED", std::random_device()());
  const auto length = std::chrono::seconds(number_from_environment("TORC_WORKLOAD_SECONDS", 8));
  std::cout << "again: TORC_WORKLOAD_SEED=" << seed << std::endl;
  Cluster cluster({.extra_args = {"--max-memory", std::to_string(kMaxMemoryMib) + "mb", "--checkpoint-mib", "64"}});
  Findings findings;
  std::atomic<bool> is_stopping{false};
  std::vector<std::unique_ptr<Probe>> probes;
  for (const Address& node : cluster.addresses()) probes.push_back(std::make_unique<Probe>(node));
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      WorkloadClient client(cluster.addresses(), seed * 31 + i, findings);
      while (!is_stopping) client.play();
    });
  }
  uint64_t most = 0;
  bool are_all_running = true;
  const auto end = std::chrono::steady_clock::now() + length;
  while (are_all_running && std::chrono::steady_clock::now() < end) {
    for (NodeNumber node = 1; node <= cluster.size(); ++node) {
      are_all_running = are_all_running && cluster.process(node).is_running();
      most = std::max(most, cluster.process(node).resident_bytes());
    }
    sleep_for(Millis(20));
  }
  is_stopping = true;
  for (std::thread& thread : threads) thread.join();
  for (auto& probe : probes) probe->stop();

  std::cout << findings.text() << "  most resident: " << most / kMiB << " MiB\n";
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    EXPECT_TRUE(cluster.process(node).is_running()) << "node " << node;
    const Probe& probe = *probes[static_cast<size_t>(node - 1)];
    std::cout << "  node " << node << ": " << probe.served() << " probes served, longest pause " << probe.longest_ms()
              << " ms\n";
    EXPECT_GT(probe.served(), 0u) << "node " << node;
    EXPECT_LT(probe.longest_ms(), 15'000) << "node " << node;
  }
  EXPECT_LT(most / kMiB, kResidentMibMax);
  for (const std::string& violation : findings.violations()) ADD_FAILURE() << violation;
}

}  // namespace
}  // namespace torc::integration
