// Eight clients, five keys, and a nemesis that kills and stops nodes: is what the clients saw linearizable?
//
// TORC_NEMESIS_SECONDS makes a run longer (make nemesis SECONDS=600), TORC_NEMESIS_SEED repeats a sequence of faults.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include "base/prng.h"
#include "check/checker.h"
#include "check/drawing.h"
#include "check/history_format.h"
#include "cluster.h"
#include "library_speaker.h"
#include "recorded_workload.h"

namespace torc::integration {
namespace {

constexpr int kClients = 8;

uint64_t number_from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// Writes the history beside the test program, where it outlives the run, and returns the path.
std::string keep(const check::History& history, const std::string& name) {
  const std::string path = built_program("../" + name + ".history.jsonl");
  const Result<std::string> text = check::format_history(history);
  EXPECT_TRUE(text.ok());
  if (text.ok()) std::ofstream(path, std::ios::binary) << text.value();
  return path;
}

void expect_linearizable(const check::History& history, const std::string& name) {
  const std::string path = keep(history, name);
  const Result<check::Report> report = check::check_history(history);
  ASSERT_TRUE(report.ok()) << report.error().message;
  if (report.value().verdict == check::Verdict::kNotLinearizable) {
    ADD_FAILURE() << "not linearizable; torc check " << path << "\n" << check::draw(history, *report.value().violation);
  }
  EXPECT_EQ(report.value().verdict, check::Verdict::kLinearizable) << path;
  const CommandResult said = run_command({built_program("torc"), "check", path}, path + ".out", Millis(120000));
  EXPECT_EQ(said.exit_status, 0) << said.output;
}

class Nemesis : public ::testing::Test {
 protected:
  Nemesis() { std::cout << "again: TORC_NEMESIS_SEED=" << seed_ << std::endl; }

  RecordedWorkload start_workload(Cluster& cluster) {
    std::vector<std::unique_ptr<Speaker>> speakers;
    for (size_t i = 0; i < kClients; ++i) {  // one half as any Redis client speaks, the other through the library
      if (i % 2 == 0) {
        speakers.push_back(std::make_unique<RespSpeaker>(cluster.addresses(), i));
      } else {
        speakers.push_back(std::make_unique<LibrarySpeaker>(cluster.addresses(), i));
      }
    }
    return RecordedWorkload({.seed = seed_}, std::move(speakers));
  }

  /// Some time between faults: short enough to meet an election, long enough to meet a calm cluster.
  void linger(uint64_t first_ms, uint64_t last_ms) { sleep_for(Millis(prng_.between(first_ms, last_ms))); }

  /// After a fault was taken back clients must be answered again, or the cluster has not healed.
  void expect_progress(const RecordedWorkload& workload, const char* fault) {
    const uint64_t before = workload.answered_count();
    EXPECT_TRUE(holds_within(Millis(20000), [&] { return workload.answered_count() > before + kClients; }))
        << "nobody is answered any more after: " << fault;
  }

  void inject_one_fault(Cluster& cluster) {
    const NodeNumber leader = cluster.wait_for_leader(Millis(20000));
    const NodeNumber follower = (leader + static_cast<NodeNumber>(prng_.below(2))) % 3 + 1;
    switch (prng_.below(6)) {
      case 0:
        fault_ = "kill the leader";
        cluster.kill_hard(leader);
        linger(0, 1500);
        cluster.start(leader);
        break;
      case 1:
        fault_ = "kill a follower";
        cluster.kill_hard(follower);
        linger(0, 1500);
        cluster.start(follower);
        break;
      case 2:
        fault_ = "stop the leader for a while";
        cluster.pause(leader);
        linger(100, 2500);
        cluster.resume(leader);
        break;
      case 3:
        fault_ = "stop a follower for a while";
        cluster.pause(follower);
        linger(100, 2500);
        cluster.resume(follower);
        break;
      case 4:
        fault_ = "kill all three at once";
        for (NodeNumber node = 1; node <= 3; ++node) cluster.kill_hard(node);
        for (NodeNumber node = 1; node <= 3; ++node) cluster.start(node);
        break;
      case 5:
        fault_ = "stop the leader, kill the one that follows it, wake the first";
        cluster.pause(leader);
        linger(600, 1500);
        cluster.kill_hard(follower);
        cluster.resume(leader);
        linger(0, 500);
        cluster.start(follower);
        break;
    }
  }

  const uint64_t seed_ = number_from_environment("TORC_NEMESIS_SEED", std::random_device()());
  Prng prng_{seed_};
  const char* fault_ = "none";
};

TEST_F(Nemesis, WhatEightClientsSawDuringKillsAndPausesIsLinearizable) {
  const auto length = std::chrono::seconds(number_from_environment("TORC_NEMESIS_SECONDS", 40));
  Cluster cluster;
  RecordedWorkload workload = start_workload(cluster);
  const auto end = std::chrono::steady_clock::now() + length;
  int faults = 0;
  while (std::chrono::steady_clock::now() < end && !HasFailure()) {
    inject_one_fault(cluster);
    ++faults;
    expect_progress(workload, fault_);
    linger(0, 500);
  }
  cluster.wait_until_all_answer();
  const check::History history = workload.stop();
  std::cout << faults << " faults, " << history.size() << " operations, " << workload.answered_count() << " answered\n";
  expect_linearizable(history, "nemesis");
}

TEST_F(Nemesis, WithoutFaultsEveryOperationIsAnsweredAndTheHistoryIsLinearizable) {
  Cluster cluster;
  RecordedWorkload workload = start_workload(cluster);
  sleep_for(Millis(3000));
  const check::History history = workload.stop();
  EXPECT_GT(history.size(), 100u);
  EXPECT_TRUE(std::none_of(history.begin(), history.end(), [](const check::Operation& operation) {
    return operation.outcome.kind == check::Outcome::Kind::kUnknown;
  }));
  expect_linearizable(history, "calm");
}

}  // namespace
}  // namespace torc::integration
