// Many groups of three nodes over links: what they cost at rest, and whose leases hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "consensus/replica.h"
#include "node/links.h"
#include "node/resting.h"
#include "node/test_world.h"

namespace torc::node {
namespace {

using consensus::Ready;
using consensus::Replica;
using consensus::ReplicaId;
using env::Channel;

constexpr uint64_t kNodes = 3;

ReplicaId replica_id(uint64_t node) { return {NodeId(node), ReplicaNumber(node)}; }

/// Nodes whose disks are immediate and whose frames take a millisecond. A node's groups are driven in turns, as by
/// end_turn().
struct World {
  struct Frame {
    NodeId to;
    NodeId from;
    Channel channel;
    Bytes body;
  };
  struct Port final : env::Network {
    World* world = nullptr;
    NodeId self;
    void send(NodeId to, Channel channel, ByteChain body) override {
      ++world->frames_sent;
      world->bytes_max = std::max(world->bytes_max, body.size());
      world->sent.push_back({to, self, channel, Bytes(body.joined())});
    }
    void set_handler(env::NetworkHandler*) override {}
    size_t queued_bytes(NodeId, Channel) const override { return 0; }
  };
  struct Host {
    Port port;
    std::unique_ptr<Links> links;
    std::vector<std::unique_ptr<Replica>> replicas;
    std::set<uint64_t> stuck;  // groups that take nothing in and say nothing
    Resting resting;
    std::vector<consensus::SentHeartbeat> beaten;
  };

  /// `resting`: groups hear heartbeats and beat by the short way where that is all there is to do.
  explicit World(uint64_t group_count, bool resting = true) : groups(group_count) {
    std::vector<NodeId> nodes;
    for (uint64_t id = 1; id <= kNodes; ++id) nodes.emplace_back(id);
    for (uint64_t id = 1; id <= kNodes; ++id) {
      Host& host = hosts[NodeId(id)];
      host.port.world = this;
      host.port.self = NodeId(id);
      host.links = std::make_unique<Links>(NodeId(id), nodes, host.port, id << 32);
      for (const NodeId peer : host.links->peers()) {
        host.links->on_connected(peer, Channel::kControl);
        host.links->on_connected(peer, Channel::kBulk);
      }
      host.resting.resize(GroupId(groups + 1));
      for (uint64_t group = 1; group <= groups; ++group) {
        consensus::ReplicaOptions options;
        options.group = GroupId(group);
        options.self = replica_id(id);
        options.seed = id * 1000 + group;
        consensus::RestoredState restored;
        for (uint64_t voter = 1; voter <= kNodes; ++voter) restored.configuration.voters.push_back(replica_id(voter));
        host.replicas.push_back(std::make_unique<Replica>(options, restored, now));
        if (resting) host.resting.add(GroupId(group), *host.replicas.back(), Instant::never());
      }
    }
  }

  void receive(Host& host, const wire::PeerMessage& message) {
    const auto& consensus = std::get<consensus::Message>(message);
    if (host.stuck.contains(consensus.group.value)) return;
    host.replicas.at(consensus.group.value - 1)->receive(consensus, now);
  }
  void turn(Host& host) {
    for (uint64_t group = 1; group <= groups; ++group) {
      if (host.stuck.contains(group)) continue;
      Replica& replica = *host.replicas[group - 1];
      const bool is_rest = host.resting.on_due(GroupId(group), now, host.beaten).has_value();
      for (const auto& heartbeat : host.beaten) host.links->send(GroupId(group), heartbeat);
      beats_at_rest += host.beaten.size();
      host.beaten.clear();
      if (!is_rest && replica.next_deadline() <= now) replica.tick(now);
      while (replica.has_ready()) {
        const Ready ready = replica.take_ready();
        for (const auto& message : ready.send_now) host.links->send(message);
        for (const auto& message : ready.send_when_durable) host.links->send(message);
        replica.persisted(ready.sequence, now);
      }
    }
    host.links->end_turn();
  }
  void run(Duration time) {
    for (const Instant end = now + time; now < end;) {
      now = now + 1ms;
      for (const Frame& frame : std::exchange(sent, {})) {
        Host& host = hosts[frame.to];
        for (const auto& message : host.links->receive(frame.from, frame.body, now, &host.resting)) {
          heartbeats_told +=
              std::holds_alternative<consensus::HeartbeatRequest>(std::get<consensus::Message>(message).body);
          receive(host, message);
        }
      }
      for (auto& [id, host] : hosts) turn(host);
    }
  }
  Host& leader_of(uint64_t group) {
    for (auto& [id, host] : hosts) {
      if (host.replicas[group - 1]->status(now).role == consensus::Role::kLeader) return host;
    }
    ADD_FAILURE() << "nobody leads group " << group;
    return hosts.begin()->second;
  }
  bool has_lease(uint64_t group) { return leader_of(group).replicas[group - 1]->status(now).has_lease; }
  /// Hands leaders out in turn.
  void spread() {
    for (uint64_t group = 1; group <= groups; ++group) {
      leader_of(group).replicas[group - 1]->transfer_leadership(replica_id(1 + group % kNodes), now);
    }
    run(1s);
  }

  uint64_t groups;
  Instant now = Instant{} + 1s;
  std::map<NodeId, Host> hosts;
  std::vector<Frame> sent;
  uint64_t frames_sent = 0;
  uint64_t beats_at_rest = 0;    // heartbeats said by the short way
  uint64_t heartbeats_told = 0;  // as messages
  size_t bytes_max = 0;
};

TEST(GroupsAtRest, AtRestEachPairOfNodesExchangesOneBeatPerIntervalHoweverManyGroupsThereAre) {
  for (const uint64_t groups : {1, 64, 100}) {
    World world(groups, groups != 100);
    world.run(2s);
    world.spread();
    for (uint64_t group = 1; group <= groups; ++group) {
      EXPECT_EQ(&world.leader_of(group), &world.hosts[NodeId(1 + group % kNodes)]);
    }
    world.frames_sent = world.beats_at_rest = world.heartbeats_told = 0;
    world.run(6s);  // 100 intervals
    // A beat to each of two peers, and an answer to the beat of each: 4 per interval, 67 frames a second.
    const uint64_t expected = groups == 1 ? 100 * 4 : 100 * kNodes * 4;
    EXPECT_NEAR(static_cast<double>(world.frames_sent), static_cast<double>(expected), 12.0) << groups << " groups";
    for (uint64_t group = 1; group <= groups; ++group) EXPECT_TRUE(world.has_lease(group)) << group;
    if (groups == 64) {
      EXPECT_NEAR(static_cast<double>(world.beats_at_rest), 100.0 * 64 * 2, 3.0 * 64);
      EXPECT_EQ(world.heartbeats_told, 0u) << "nobody had anything else to do";
    }
    RecordProperty("frames_per_second_and_node_" + std::to_string(groups),
                   static_cast<int>(world.frames_sent / 6 / kNodes));
  }
}

TEST(GroupsAtRest, AThousandGroupsBeatInSmallFrames) {
  World world(1000);
  world.run(2s);
  world.bytes_max = 0;
  world.run(1s);
  EXPECT_LT(world.bytes_max, 16u << 10);
}

// Nobody else's answer may renew it: with one leader for all groups every frame speaks for all of them.
void expect_a_lease_of_its_own(bool resting) {
  constexpr uint64_t kGroups = 8;
  constexpr uint64_t kStuck = 5;
  World world(kGroups, resting);
  world.run(2s);
  World::Host& leading = world.leader_of(kStuck);
  for (uint64_t group = 1; group <= kGroups; ++group) {
    world.leader_of(group).replicas[group - 1]->transfer_leadership(replica_id(leading.port.self.value), world.now);
  }
  world.run(1s);
  for (uint64_t group = 1; group <= kGroups; ++group) EXPECT_TRUE(world.has_lease(group)) << group;
  for (auto& [id, host] : world.hosts) {
    if (&host == &leading) continue;
    host.stuck.insert(kStuck);
    host.resting.remove(GroupId(kStuck));
  }
  world.run(301ms);
  EXPECT_FALSE(leading.replicas[kStuck - 1]->status(world.now).has_lease);
  world.run(600ms);
  EXPECT_NE(leading.replicas[kStuck - 1]->status(world.now).role, consensus::Role::kLeader) << "it hears no quorum";
  for (uint64_t group = 1; group <= kGroups; ++group) {
    EXPECT_EQ(world.hosts.at(leading.port.self).replicas[group - 1]->status(world.now).has_lease, group != kStuck)
        << group;
  }
}

TEST(GroupsAtRest, TheLeaseOfAGroupThatNobodyFollowsEndsWhileTheOthersHold) { expect_a_lease_of_its_own(false); }
TEST(GroupsAtRest, TheLeaseOfARestingGroupThatNobodyFollowsEndsWhileTheOthersHold) { expect_a_lease_of_its_own(true); }

TEST(GroupsAtRest, ABusyGroupAmongRestingOnesReplicatesAndBeatsInTheSameFrames) {
  World world(20);
  world.run(2s);
  world.spread();
  World::Host& host = world.leader_of(7);
  world.frames_sent = 0;
  constexpr int kWrites = 100;
  for (int i = 0; i < kWrites; ++i) {
    ASSERT_TRUE(host.replicas[6]->propose(consensus::EntryKind::kCommands,
                                          std::string(consensus::kEntryHeaderBytes + 100, 'x'), world.now));
    world.run(6ms);
  }
  EXPECT_GE(host.replicas[6]->status(world.now).commit.value, static_cast<uint64_t>(kWrites));
  // Ten intervals of beats, an append and its answer per write and follower, and no more.
  EXPECT_LE(world.frames_sent, 10 * kNodes * 4 + kWrites * 4 + 12u);
}

// The same of whole nodes, with whatever else they say: clocks, checkpoints, probes.
TEST(GroupsAtRest, WholeNodesOf64ArcsAtRestSendFewFrames) {
  TestWorld world(3, [](sim::WorldOptions& options) { options.node.arcs = 64; });
  const auto is_led = [&] {
    for (const NodeId id : world.world->nodes()) {
      const NodeStatus status = world.world->node(id)->status();
      const auto knows_leader = [](const GroupStatus& group) { return static_cast<bool>(group.leader_node); };
      if (status.groups.size() != 64 || !std::ranges::all_of(status.groups, knows_leader)) return false;
    }
    return true;
  };
  ASSERT_TRUE(world.run_until(is_led));
  world.world->run_for(2s);
  const auto frames = [&] {
    uint64_t sent = 0;
    for (const NodeId id : world.world->nodes()) sent += world.world->node(id)->status().peer_frames_sent;
    return sent;
  };
  const uint64_t before = frames();
  world.world->run_for(5s);
  const uint64_t per_second = (frames() - before) / 5 / 3;
  EXPECT_GT(per_second, 20u);
  EXPECT_LT(per_second, 110u);
  RecordProperty("frames_per_second_and_node", static_cast<int>(per_second));
  EXPECT_EQ(world.failure(), "");
}

}  // namespace
}  // namespace torc::node
