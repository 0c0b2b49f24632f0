// Disks, wires and CPUs that are slow and not broken: what waits for them delays itself and nobody else, and leadership
// stays where it is.
#include <gtest/gtest.h>

#include <algorithm>

#include "node/test_world.h"
#include "sim/observer.h"

namespace torc::node {
namespace {

using kv::CommandId;

/// Three nodes, with whatever hardware, and one client at each that asks one thing after the other.
struct SlowWorld : TestWorld {
  explicit SlowWorld(const std::function<void(sim::WorldOptions&)>& adjust)
      : TestWorld(3,
                  [&](sim::WorldOptions& options) {
                    options.slowness = {1, 1, 1};
                    options.node.command_timeout = 20s;
                    adjust(options);
                  }),
        observer(*world) {
    world->set_observer([this](NodeId id) { observer.after_turn(id); });
    leading = await_leader();
    world->run_for(1s);
    leaderships = observer.leaderships();
    for (const NodeId id : world->nodes()) clients[id] = &connect(id);
  }

  std::vector<NodeId> followers() const {
    std::vector<NodeId> all;
    for (const NodeId id : world->nodes()) {
      if (id != leading) all.push_back(id);
    }
    return all;
  }
  /// The longest that `id`'s client waited for an answer, of `count` writes and as many reads.
  Duration longest_wait(NodeId id, int count, size_t bytes) {
    Duration longest{0};
    for (int i = 0; i < count; ++i) {
      for (const CommandId command : {CommandId::kSet, CommandId::kGet}) {
        const Instant asked = world->queue().now();
        std::vector<std::string> args{"k" + std::to_string(id.value)};
        if (command == CommandId::kSet) args.emplace_back(bytes, 'v');
        const std::string answer = ask(*clients[id], command, std::move(args));
        EXPECT_TRUE(answer == "OK" || answer.size() == bytes) << answer.substr(0, 80);
        longest = std::max(longest, world->queue().now() - asked);
      }
    }
    return longest;
  }
  void expect_calm() {
    EXPECT_EQ(observer.leaderships(), leaderships) << "an election that nothing explains";
    EXPECT_EQ(leader(), leading);
    EXPECT_EQ(failure(), "");
  }

  sim::Observer observer;
  NodeId leading;
  uint64_t leaderships = 0;
  std::map<NodeId, Terminal*> clients;
};

/// Takes two thirds of a second alone, two election timeouts. A forwarded stream that gets no answer for a second is
/// sent again (Forwarder::expire), also while the first copy is still being sent: with a megabyte here the copies
/// fill the wire and no write ends.
constexpr size_t kForwardedWithinASecond = 400'000;

TEST(SlowHardware, BulkTrafficOverThinWiresDelaysNoHeartbeat) {
  SlowWorld world(
      [](sim::WorldOptions& options) { options.network.bandwidth = {.bytes_per_second = 625'000, .buffer = 40ms}; });
  EXPECT_LT(world.longest_wait(world.leading, 3, 1'000'000), 10s);  // almost two seconds alone, six election timeouts
  for (const NodeId id : world.followers()) EXPECT_LT(world.longest_wait(id, 3, kForwardedWithinASecond), 10s);
  world.expect_calm();
}

TEST(SlowHardware, SyncsThatTakeLongerThanAnElectionTimeoutDeposeNobody) {
  SlowWorld world([](sim::WorldOptions& options) {
    options.disk.delay_min = 500ms;
    options.disk.delay_max = 1s;
  });
  EXPECT_LT(world.longest_wait(world.leading, 10, 100), 5s);
  world.expect_calm();
}

TEST(SlowHardware, ASlowFollowerDelaysNobodyElse) {
  SlowWorld world([](sim::WorldOptions&) {});
  const NodeId slow = world.followers()[0];
  const NodeId other = world.followers()[1];
  constexpr size_t kBytes = 1000;
  // A disk that takes its time now and then is met by either: the longer of both is what to compare with.
  const Duration before =
      std::max(world.longest_wait(world.leading, 100, kBytes), world.longest_wait(other, 100, kBytes));
  world.world->slow_cpu(slow, 20);
  world.world->slow_disk(slow, 500ms);
  for (const NodeId id : {world.leading, other}) {
    world.world->network().thin_link(slow, id, {.bytes_per_second = 250'000, .buffer = 50ms});
  }
  // A chapter that is begun meanwhile takes the disk for some syncs more; the slow follower would take 500 ms for one.
  EXPECT_LT(world.longest_wait(world.leading, 100, kBytes), 2 * before + 20ms);
  EXPECT_LT(world.longest_wait(other, 100, kBytes), 2 * before + 20ms);
  world.expect_calm();
}

TEST(SlowHardware, WorkThatIsLongForASlowCpuDeposesNobody) {
  SlowWorld world([](sim::WorldOptions& options) { options.slowness = {20, 20, 20}; });
  for (const NodeId id : world.world->nodes()) EXPECT_LT(world.longest_wait(id, 5, 1'000'000), 5s);
  world.expect_calm();
}

TEST(SlowHardware, ANodeThatReplaysALongLogDisturbsNobody) {
  SlowWorld world([](sim::WorldOptions& options) { options.slowness = {10, 10, 10}; });
  for (int i = 0; i < 40; ++i) world.longest_wait(world.leading, 1, 200'000);
  const NodeId restarted = world.followers()[0];
  world.world->kill(restarted, sim::Death::kKill);
  world.world->start(restarted);
  EXPECT_TRUE(world.world->is_alive(restarted));
  EXPECT_LT(world.longest_wait(world.leading, 20, 1000), 1s);
  world.expect_calm();
  EXPECT_TRUE(world.run_until([&] { return world.group(restarted).applied == world.group(world.leading).applied; }));
}

}  // namespace
}  // namespace torc::node
