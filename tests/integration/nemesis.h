// What every nemesis test has: clients whose history is judged, a seed, and faults one after the other.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/prng.h"
#include "cluster.h"
#include "recorded_workload.h"

namespace torc::integration {

class Nemesis : public ::testing::Test {
 protected:
  static constexpr size_t kClients = 8;

  Nemesis();
  /// Eight clients of all nodes, one half as any Redis client speaks, the other through the library.
  RecordedWorkload start_workload(Cluster& cluster, const std::string& key_prefix = "k");
  /// TORC_NEMESIS_SECONDS, or `otherwise`.
  static std::chrono::seconds length(uint64_t otherwise_seconds);
  /// A number from the environment, or `otherwise`.
  static uint64_t setting(const char* name, uint64_t otherwise);
  /// Some time between faults: short enough to meet an election, long enough to meet a calm cluster.
  void linger(uint64_t first_ms, uint64_t last_ms) { sleep_for(Millis(prng_.between(first_ms, last_ms))); }
  /// After a fault was taken back clients must be answered again, or the cluster has not healed.
  static bool makes_progress(const RecordedWorkload& workload, Millis patience = Millis(20000));
  void expect_progress(const RecordedWorkload& workload, const std::string& fault);
  /// Keeps the history as `name`, beside the programs, and returns where.
  static std::string keep(const check::History& history, const std::string& name);
  /// Keeps the history and judges it.
  void judge(const check::History& history, const std::string& name);
  /// The same of what a workload saw, which ends here.
  void judge(RecordedWorkload& workload, const std::string& name);

  const uint64_t seed_;
  Prng prng_{seed_};
};

}  // namespace torc::integration
