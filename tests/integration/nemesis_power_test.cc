// The nemesis cuts the power of one node, of two, of all of them: what no sync covered is gone, RocksDB's files
// included. kill -9 keeps the page cache and so proves nothing about syncs; this does (rules.md#torn-or-damaged).
//
// TORC_NEMESIS_CUTS makes a run longer (make nemesis-power CUTS=200), TORC_NEMESIS_SEED repeats the choices.
#include <algorithm>
#include <iostream>

#include "check/checker.h"
#include "nemesis.h"
#include "power_cut.h"
#include "write_load.h"

namespace torc::integration {
namespace {

constexpr uint64_t kCutsInTests = 5;  // about 10 seconds
/// Every cut leaves operations of which nobody knows whether they happened: with too many of them in one history the
/// checker cannot decide.
constexpr uint64_t kCutsPerHistory = 20;
constexpr Millis kHonestPatience{60000};  // also on a machine that has a lot to do
constexpr Millis kLiarPatience{4000};     // a cluster of liars may just be gone

constexpr std::string_view kNotDecided = "nobody can tell whether it is linearizable";

class PowerNemesis : public Nemesis {
 protected:
  static ClusterOptions options(const std::string& lie = "") {
    // Checkpoints so small that RocksDB is always at work.
    return with_power_switch({.extra_args = {"--checkpoint-mib", "1", "--log-tail-mib", "1"}}, {lie});
  }

  /// Clients work, power fails `cuts` times. Returns the first thing that must not happen, empty if nothing did.
  std::string trouble_in(uint64_t cuts, Millis patience, const std::string& lie, bool is_first_cut_hard) {
    Cluster cluster(options(lie));
    const std::string trouble = trouble_at(cluster, cuts, patience, is_first_cut_hard);
    // While the cluster is there to show its logs.
    if (lie.empty() && !trouble.empty()) ADD_FAILURE() << trouble;
    return trouble;
  }

  std::string trouble_at(Cluster& cluster, uint64_t cuts, Millis patience, bool is_first_cut_hard) {
    WriteLoad load(cluster.addresses(), {.clients = 2, .value_bytes_min = 300, .pause = Millis(2)});
    try {
      for (uint64_t cut = 0; cut < cuts; cut += kCutsPerHistory) {
        RecordedWorkload workload = start_workload(cluster, "cut" + std::to_string(cut) + ":");
        for (uint64_t i = cut; i < std::min(cuts, cut + kCutsPerHistory); ++i) {
          linger(300, 1500);
          const std::string what = i == 0 && is_first_cut_hard ? cut_all_hard(cluster) : cut_some(cluster);
          std::cout << i + 1 << ": " << what << std::endl;
          if (!makes_progress(workload, patience))
            return "nobody is answered any more after cut " + std::to_string(i + 1);
          if (i % 3 == 0) cluster.wait_until_all_answer(patience);  // who returns must have done so now and then
        }
        cluster.wait_until_all_answer(patience);
        if (const std::string wrong = what_is_wrong(workload); !wrong.empty()) return wrong;
      }
      load.stop();
      return what_is_missing(cluster, load);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  }

  void expect_caught(const std::string& lie) {
    const uint64_t cuts = setting("TORC_NEMESIS_CUTS", 0);
    const std::string trouble = trouble_in(std::max<uint64_t>(cuts, 1), kLiarPatience, lie, cuts == 0);
    EXPECT_NE(trouble, "");
    EXPECT_FALSE(trouble.starts_with(kNotDecided)) << trouble;
    std::cout << "caught: " << trouble << "\n";
  }

 private:
  std::string cut_all_hard(Cluster& cluster) {
    const std::vector<NodeNumber> all{1, 2, 3};
    const std::string what = cut_power(cluster, all, PowerCut::kHard, prng_);
    for (const NodeNumber node : all) cluster.start(node);
    return what;
  }

  std::string cut_some(Cluster& cluster) {
    std::vector<NodeNumber> nodes{1, 2, 3};
    const NodeNumber leader = cluster.wait_for_leader(Millis(20000));
    std::rotate(nodes.begin(), nodes.begin() + leader - 1, nodes.end());
    if (prng_.chance(1, 2)) std::reverse(nodes.begin(), nodes.end());
    nodes.resize(prng_.between(1, 3));
    if (prng_.chance(1, 4)) {  // not only from a settled state: one was killed before and is just coming up
      cluster.kill_hard(nodes.front());
      cluster.start(nodes.front());
      linger(0, 300);
    }
    const std::string what = cut_power(cluster, nodes, PowerCut::kRandom, prng_);
    linger(0, 800);
    for (const NodeNumber node : nodes) cluster.start(node);
    return what + (std::ranges::count(nodes, leader) > 0 ? " node " + std::to_string(leader) + " led" : "");
  }

  static std::string what_is_missing(Cluster& cluster, const WriteLoad& load) {
    std::cout << load.acknowledged_count() << " acknowledged writes to look for\n";
    for (const Address& node : cluster.addresses()) {
      const std::vector<std::string> missing = load.missing_at(node);
      if (missing.empty()) continue;
      return std::to_string(missing.size()) + " acknowledged writes are missing at " + node.text() + ", first " +
             missing.front();
    }
    return "";
  }

  static std::string what_is_wrong(RecordedWorkload& workload) {
    const check::History history = workload.stop();
    std::cout << history.size() << " operations, " << workload.answered_count() << " answered\n";
    const std::string path = keep(history, "power");
    const Result<check::Report> report = check::check_history(history);
    if (!report.ok()) return report.error().message;
    switch (report->verdict) {
      case check::Verdict::kLinearizable:
        return "";
      case check::Verdict::kNotLinearizable:
        return "not linearizable: torc check " + path;
      case check::Verdict::kUndecided:
        break;
    }
    return std::string(kNotDecided) + ": torc check " + path;
  }
};

// The names too: of the segment, of the identity, of RocksDB's files, of the data directory itself.
TEST_F(PowerNemesis, TheFirstAcknowledgedWriteOfANewClusterSurvivesAPowerCutOfAllNodes) {
  Cluster cluster(options());
  const auto written = cluster.connect(cluster.wait_for_leader()).call({"SET", "a", "1"});
  ASSERT_TRUE(written && written->is_ok()) << written;
  std::cout << cut_power(cluster, {1, 2, 3}, PowerCut::kHard, prng_) << "\n";
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.start(node);
  cluster.wait_until_all_answer();
  const auto read = cluster.connect(1).call({"GET", "a"});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->text, "1");
}

TEST_F(PowerNemesis, WhatClientsSawWhilePowerFailedIsLinearizableAndEverythingAcknowledgedIsThere) {
  trouble_in(setting("TORC_NEMESIS_CUTS", kCutsInTests), kHonestPatience, "", false);
}

TEST_F(PowerNemesis, AHostWhoseFdatasyncDoesNothingIsCaught) { expect_caught("data"); }

TEST_F(PowerNemesis, AHostWithoutDirectorySyncsIsCaught) { expect_caught("directories"); }

TEST_F(PowerNemesis, AHostThatRepliesBeforeItsSyncIsCaught) { expect_caught("late"); }

}  // namespace
}  // namespace torc::integration
