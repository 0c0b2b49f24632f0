// The Raft lab's scenarios of crashes, unreliable networks and churn (6.824, 2017, lab 2C), under their own names.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <list>
#include <vector>

#include "scenarios/raft_lab.h"

namespace torc::scenarios {
namespace {

void restart(RaftCluster& cluster, size_t server) {
  cluster.start(server);
  cluster.connect(server);
}

TEST_P(RaftLab, Persist1) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 3, .arcs = arcs()});
    cluster.one(11, 3);
    for (size_t i = 0; i < 3; ++i) cluster.start(i);
    for (size_t i = 0; i < 3; ++i) cluster.connect(i);
    cluster.one(12, 3);
    restart(cluster, cluster.check_one_leader());
    cluster.one(13, 3);
    const size_t leader2 = cluster.check_one_leader();
    cluster.disconnect(leader2);
    ASSERT_EQ(cluster.one(14, 2), 4u);
    restart(cluster, leader2);
    cluster.wait(cluster.index_of(4), 3, Term(UINT64_MAX));
    const size_t follower = (cluster.check_one_leader() + 1) % 3;
    cluster.disconnect(follower);
    cluster.one(15, 2);
    restart(cluster, follower);
    EXPECT_EQ(cluster.one(16, 3), 6u);
  });
}

TEST_P(RaftLab, Persist2) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 5, .arcs = arcs()});
    int64_t command = 10;
    for (int round = 0; round < 5 && cluster.is_fine(); ++round) {
      cluster.one(++command, 5);
      const size_t leader = cluster.check_one_leader();
      const auto from_leader = [&](size_t n) { return (leader + n) % 5; };
      for (const size_t n : {1, 2}) cluster.disconnect(from_leader(n));
      cluster.one(++command, 3);
      for (const size_t n : {0, 3, 4}) cluster.disconnect(from_leader(n));
      for (const size_t n : {1, 2}) cluster.start(from_leader(n));
      for (const size_t n : {1, 2}) cluster.connect(from_leader(n));
      cluster.run_for(kLabTimeout);
      restart(cluster, from_leader(3));
      cluster.one(++command, 3);
      for (const size_t n : {4, 0}) cluster.connect(from_leader(n));
    }
    cluster.one(1000, 5);
  });
}

TEST_P(RaftLab, Persist3) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 3, .arcs = arcs()});
    cluster.one(101, 3);
    const size_t leader = cluster.check_one_leader();
    const size_t a = (leader + 1) % 3;
    const size_t b = (leader + 2) % 3;
    cluster.disconnect(b);
    cluster.one(102, 2);
    cluster.crash(leader);
    cluster.crash(a);
    cluster.connect(b);
    restart(cluster, leader);
    cluster.one(103, 2);
    restart(cluster, a);
    cluster.one(104, 3);
    EXPECT_EQ(cluster.all_commands(), (std::vector<int64_t>{101, 102, 103, 104}));
  });
}

/// The last connected server that takes `command` for its log, of all that are asked to.
std::optional<size_t> propose_everywhere(RaftCluster& cluster, int64_t command) {
  std::optional<size_t> leader;
  for (size_t i = 0; i < cluster.size(); ++i) {
    if (cluster.propose(i, command) && cluster.is_connected(i)) leader = i;
  }
  return leader;
}

/// Sometimes long enough to commit, mostly too short.
Duration draw_figure_8_pause(RaftCluster& cluster) {
  const bool is_long = cluster.prng().chance(1, 10);
  return Duration(cluster.prng().below(is_long ? 500 : 13) * 1'000'000);
}

TEST_P(RaftLab, Figure8) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 5, .arcs = arcs()});
    cluster.one(cluster.random_command(), 1);
    size_t up = 5;
    int crashes = 0;
    for (int round = 0; round < rounds_of_figure_8() && cluster.is_fine(); ++round) {
      const auto leader = propose_everywhere(cluster, cluster.random_command());
      cluster.run_for(draw_figure_8_pause(cluster));
      if (leader) {
        cluster.crash(*leader);
        --up;
        ++crashes;
      }
      const size_t chosen = cluster.prng().below(5);
      if (up < 3 && !cluster.is_up(chosen)) {
        restart(cluster, chosen);
        ++up;
      }
    }
    for (size_t i = 0; i < 5; ++i) {
      if (!cluster.is_up(i)) restart(cluster, i);
    }
    EXPECT_GT(crashes, 20) << "too few leaders for this scenario";
    cluster.one(cluster.random_command(), 5);
  });
}

TEST_P(RaftLab, UnreliableAgree) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 5, .arcs = arcs(), .is_unreliable = true});
    std::list<Agreement> background;
    const auto poll_all = [&] {
      std::erase_if(background, [](Agreement& agreement) {
        const bool is_over = agreement.poll();
        EXPECT_TRUE(!is_over || agreement.count() != 0) << "a concurrent proposal found no agreement within 10 s";
        return is_over;
      });
    };
    for (int64_t round = 1; round < 50 && cluster.is_fine(); ++round) {
      for (int64_t j = 0; j < 4; ++j) background.emplace_back(cluster, 100 * round + j, 1);
      Agreement foreground(cluster, round, 1);
      while (!foreground.poll() && cluster.is_fine()) {
        poll_all();
        cluster.run_for(20ms);
      }
      EXPECT_NE(foreground.count(), 0u) << "no agreement on " << round << " within 10 s";
    }
    cluster.network().set_unreliable(false);
    for (; !background.empty() && cluster.is_fine(); cluster.run_for(20ms)) poll_all();
    cluster.one(100, 5);
  });
}

TEST_P(RaftLab, Figure8Unreliable) {
  for_each_seed(seeds(), [](uint64_t seed) {
    RaftCluster cluster(seed, {.servers = 5, .arcs = arcs(), .is_unreliable = true});
    cluster.one(cluster.random_command(), 1);
    size_t connected = 5;
    for (int round = 0; round < rounds_of_figure_8() && cluster.is_fine(); ++round) {
      if (round == 200) cluster.network().set_long_reordering(true);
      const auto leader = propose_everywhere(cluster, cluster.random_command());
      cluster.run_for(draw_figure_8_pause(cluster));
      if (leader && cluster.prng().chance(1, 2)) {
        cluster.disconnect(*leader);
        --connected;
      }
      const size_t chosen = cluster.prng().below(5);
      if (connected < 3 && !cluster.is_connected(chosen)) {
        cluster.connect(chosen);
        ++connected;
      }
    }
    for (size_t i = 0; i < 5; ++i) cluster.connect(i);
    cluster.one(cluster.random_command(), 5);
  });
}

/// Proposes at every server and remembers what it saw applied within about 380 ms.
class ChurnClient {
 public:
  ChurnClient(RaftCluster& cluster, uint64_t number) : cluster_(cluster), number_(number) {
    wait(0ms, [this] { propose(); });
  }
  /// Finishes the command under way and proposes nothing more.
  void stop() { is_stopped_ = true; }
  bool is_idle() const { return is_idle_; }
  const std::vector<int64_t>& seen_applied() const { return seen_applied_; }

 private:
  template <typename Step>
  void wait(Duration length, Step step) {
    cluster_.world().queue().schedule(length, step);
  }

  void propose() {
    is_idle_ = is_stopped_;
    if (is_idle_) return;
    command_ = cluster_.random_command();
    std::optional<LogIndex> index;
    for (size_t i = 0; i < cluster_.size(); ++i) {
      if (const auto proposal = cluster_.propose(i, command_)) index = proposal->index;
    }
    if (!index) return wait(Duration((79 + number_ * 17) * 1'000'000), [this] { propose(); });
    look(*index, 0);
  }

  void look(LogIndex index, size_t attempt) {
    constexpr Duration kPauses[] = {10ms, 20ms, 50ms, 100ms, 200ms};
    if (cluster_.applied_count(index) > 0) {
      if (cluster_.command_at(index) == command_) seen_applied_.push_back(command_);
      return wait(0ms, [this] { propose(); });
    }
    if (attempt == std::size(kPauses)) return propose();
    wait(kPauses[attempt], [this, index, attempt] { look(index, attempt + 1); });
  }

  RaftCluster& cluster_;
  uint64_t number_;
  bool is_stopped_ = false;
  bool is_idle_ = false;
  int64_t command_ = 0;
  std::vector<int64_t> seen_applied_;
};

void shake(RaftCluster& cluster) {
  const auto any = [&] { return cluster.prng().below(5); };
  if (cluster.prng().chance(20, 100)) cluster.disconnect(any());
  if (cluster.prng().chance(50, 100)) {
    const size_t server = any();
    if (!cluster.is_up(server)) cluster.start(server);
    cluster.connect(server);
  }
  if (cluster.prng().chance(20, 100)) {
    const size_t server = any();
    if (cluster.is_up(server)) cluster.crash(server);
  }
}

void churn(uint64_t seed, uint32_t arcs, bool is_unreliable) {
  RaftCluster cluster(seed, {.servers = 5, .arcs = arcs, .is_unreliable = is_unreliable});
  std::deque<ChurnClient> clients;
  for (uint64_t i = 0; i < 3; ++i) clients.emplace_back(cluster, i);
  for (int round = 0; round < (arcs == 1 ? 20 : 10) && cluster.is_fine(); ++round) {
    shake(cluster);
    cluster.run_for(kLabTimeout * 7 / 10);
  }
  cluster.run_for(kLabTimeout);
  cluster.network().set_unreliable(false);
  for (size_t i = 0; i < 5; ++i) {
    if (!cluster.is_up(i)) cluster.start(i);
    cluster.connect(i);
  }
  for (ChurnClient& client : clients) client.stop();
  cluster.run_for(kLabTimeout);
  const uint64_t last = cluster.one(cluster.random_command(), 5);
  std::vector<int64_t> commands = cluster.all_commands();
  EXPECT_EQ(commands.size(), last);
  std::ranges::sort(commands);
  size_t seen = 0;
  for (const ChurnClient& client : clients) {
    EXPECT_TRUE(client.is_idle());
    seen += client.seen_applied().size();
    for (const int64_t command : client.seen_applied()) {
      EXPECT_TRUE(std::ranges::binary_search(commands, command)) << "an applied command is gone";
    }
  }
  EXPECT_GT(seen, 0u) << "nothing was applied: the scenario shows nothing";
}

TEST_P(RaftLab, ReliableChurn) {
  for_each_seed(seeds(), [](uint64_t seed) { churn(seed, arcs(), false); });
}

TEST_P(RaftLab, UnreliableChurn) {
  for_each_seed(seeds(), [](uint64_t seed) { churn(seed, arcs(), true); });
}

}  // namespace
}  // namespace torc::scenarios
