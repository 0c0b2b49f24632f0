// What a node of many groups costs while nobody asks it anything.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "cluster.h"

namespace torc::integration {
namespace {

namespace fs = std::filesystem;

/// CPU time of all threads of a process so far.
std::chrono::nanoseconds cpu_of(const Process& process) {
  int64_t ns = 0;
  for (const auto& task : fs::directory_iterator("/proc/" + std::to_string(process.pid()) + "/task")) {
    std::ifstream in(task.path() / "schedstat");
    int64_t of_thread = 0;
    if (in >> of_thread) ns += of_thread;
  }
  return std::chrono::nanoseconds(ns);
}

struct Use {
  double cpu_percent = 0;  // of a core
  double frames_per_second = 0;
  double resident_mib = 0;
};

struct RestingCluster : Cluster {
  explicit RestingCluster(int arcs) : Cluster(with_arcs(arcs)) {
    const bool is_led = holds_within(Millis(60000), [&] {
      for (NodeNumber node = 1; node <= size(); ++node) {
        if (field(node, "raft_groups_leaderless") != 0 || field(node, "raft_groups") != static_cast<uint64_t>(arcs)) {
          return false;
        }
      }
      return true;
    });
    EXPECT_TRUE(is_led) << "a group has no leader";
  }
  static ClusterOptions with_arcs(int arcs) {
    ClusterOptions options;
    options.extra_args = {"--arcs", std::to_string(arcs)};
    return options;
  }
  uint64_t field(NodeNumber node, const std::string& name) {
    auto fields = info(node);
    return fields && fields->contains(name) ? std::stoull((*fields)[name]) : UINT64_MAX;
  }
  /// Of each node, over a while.
  std::vector<Use> use_within(Millis time) {
    struct Before {
      std::chrono::nanoseconds cpu;
      uint64_t frames;
    };
    std::vector<Before> before;
    for (NodeNumber node = 1; node <= size(); ++node) {
      before.push_back({cpu_of(process(node)), field(node, "peer_frames_sent")});
    }
    const auto began = std::chrono::steady_clock::now();
    sleep_for(time);
    std::vector<Use> uses;
    for (NodeNumber node = 1; node <= size(); ++node) {
      const Before& then = before[static_cast<size_t>(node - 1)];
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
      const std::chrono::duration<double> cpu = cpu_of(process(node)) - then.cpu;
      const auto frames = static_cast<double>(field(node, "peer_frames_sent") - then.frames);
      uses.push_back({100 * cpu.count() / seconds.count(), frames / seconds.count(),
                      static_cast<double>(process(node).resident_bytes()) / (1 << 20)});
    }
    return uses;
  }
};

void expect_rest(int arcs, double cpu_percent_max) {
  RestingCluster cluster(arcs);
  sleep_for(Millis(2000));  // what elections left to do
  std::vector<Use> least(3, {1e9, 1e9, 1e9});
  for (int attempt = 0; attempt < 3; ++attempt) {
    const std::vector<Use> uses = cluster.use_within(Millis(3000));
    bool is_little = true;
    for (size_t i = 0; i < uses.size(); ++i) {
      std::cout << arcs << " arcs, node " << i + 1 << ": " << uses[i].cpu_percent << " % of a core, "
                << uses[i].frames_per_second << " frames/s, " << uses[i].resident_mib << " MiB\n";
      if (uses[i].cpu_percent < least[i].cpu_percent) least[i] = uses[i];
      is_little &= least[i].cpu_percent < cpu_percent_max;
    }
    if (is_little) break;
  }
  for (const Use& use : least) {
    EXPECT_LT(use.cpu_percent, cpu_percent_max);
    EXPECT_LE(use.frames_per_second, 110);
    EXPECT_LT(use.resident_mib, 100);
  }
}

// The goals are 1 % and 5 % of a core. Where nothing else runs, and every wake-up of a processor is paid for, 1.0 %
// and 3.9 % were measured; where other programs keep the processors awake, 0.6 % and 2.7 %. The bounds leave half as
// much again for processors whose caches others use: a test that fails with the weather tells nothing. What the goals
// rest on is held by its cause (Resting.*, GroupsAtRest.*): heartbeats at rest are no messages. As messages they
// cost 1.3 % and 9 %, and when every group was looked at every 10 ms it was 4.5 % and 20 to 24 %.
TEST(NodesAtRest, SixtyFourGroupsCostOneAndAHalfPercentOfACoreAtMost) { expect_rest(64, 1.5); }
TEST(NodesAtRest, AThousandGroupsCostSixPercentOfACoreAnd100MiBAtMost) { expect_rest(1024, 6.0); }

}  // namespace
}  // namespace torc::integration
