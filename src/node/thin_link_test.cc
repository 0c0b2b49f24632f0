// What travels over links that take seconds for it travels once.
#include <gtest/gtest.h>

#include "node/append_order.h"
#include "node/test_world.h"

namespace torc::node {
namespace {

using kv::CommandId;

constexpr uint64_t kThin = 400'000;  // bytes per second

struct ThinWorld : TestWorld {
  explicit ThinWorld(const std::function<void(sim::WorldOptions&)>& adjust = {})
      : TestWorld(3, [&](sim::WorldOptions& options) {
          options.node.command_timeout = 60s;
          if (adjust) adjust(options);
        }) {
    leading = await_leader();
    for (const NodeId id : world->nodes()) {
      if (id != leading) followers.push_back(id);
    }
  }
  void thin(NodeId a, NodeId b) {
    world->network().thin_link(a, b, {.bytes_per_second = kThin, .buffer = 20ms});
    sent_before[{a, b}] = world->network().sent_bytes(a, b);
  }
  uint64_t sent(NodeId from, NodeId to) { return world->network().sent_bytes(from, to) - sent_before[{from, to}]; }

  NodeId leading;
  std::vector<NodeId> followers;
  std::map<std::pair<NodeId, NodeId>, uint64_t> sent_before;
};

TEST(ThinLink, ALargeEntryIsSentToEachMemberOnce) {
  ThinWorld world;
  for (const NodeId id : world.followers) world.thin(world.leading, id);
  constexpr size_t kBytes = 3'000'000;
  EXPECT_EQ(world.ask(world.connect(world.leading), CommandId::kSet, {"k", std::string(kBytes, 'v')}), "OK");
  world.world->run_for(20s);
  for (const NodeId id : world.followers) EXPECT_LT(world.sent(world.leading, id), kBytes + kBytes / 10);
  EXPECT_EQ(world.failure(), "");
}

TEST(ThinLink, SmallEntriesBehindALargeOneDoNotMakeItTravelAgain) {
  ThinWorld world;
  const NodeId slow = world.followers[0];
  world.thin(world.leading, slow);
  constexpr size_t kBytes = 3'000'000;
  Terminal& client = world.connect(world.leading);
  EXPECT_EQ(world.ask(client, CommandId::kSet, {"k", std::string(kBytes, 'v')}), "OK");
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(world.ask(client, CommandId::kSet, {"small", std::to_string(i)}), "OK");
    world.world->run_for(100ms);
  }
  world.world->run_for(20s);
  EXPECT_EQ(world.group(slow).applied, world.group(world.leading).applied);
  EXPECT_LT(world.sent(world.leading, slow), kBytes + kBytes / 10);
  EXPECT_EQ(world.failure(), "");
}

TEST(ThinLink, ASnapshotIsSentOnceAlsoBehindLargeEntries) {
  ThinWorld world([](sim::WorldOptions& options) {
    options.node.checkpoint_log_bytes = 500'000;
    options.node.log_tail_bytes = 500'000;
  });
  const NodeId away = world.followers[0];
  Terminal& client = world.connect(world.leading);
  world.world->kill(away, sim::Death::kKill);
  constexpr size_t kBytes = 4'000'000;
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(world.ask(client, CommandId::kSet, {"k" + std::to_string(i), std::string(kBytes / 40, 'v')}), "OK");
  }
  world.world->run_for(2s);
  world.thin(world.leading, away);
  world.world->start(away);
  world.world->run_for(4s);
  constexpr size_t kLater = 1'000'000;
  EXPECT_EQ(world.ask(client, CommandId::kSet, {"later", std::string(kLater, 'v')}), "OK");
  EXPECT_TRUE(world.run_until([&] { return world.group(away).applied == world.group(world.leading).applied; }, 40s));
  EXPECT_EQ(world.group(away).snapshots_installed, 1u);
  EXPECT_LT(world.sent(world.leading, away), (kBytes + kLater) + (kBytes + kLater) / 10);
  EXPECT_EQ(world.failure(), "");
}

TEST(ThinLink, WhoIsCutOffFromTheLeaderPullsALongEntryOnce) {
  ThinWorld world;
  const NodeId away = world.followers[0];
  const NodeId source = world.followers[1];
  world.thin(source, away);
  world.world->network().cut(world.leading, away, sim::CutMode::kLose);
  world.world->network().cut(away, world.leading, sim::CutMode::kLose);
  constexpr size_t kBytes = 3'000'000;
  EXPECT_EQ(world.ask(world.connect(world.leading), CommandId::kSet, {"k", std::string(kBytes, 'v')}), "OK");
  EXPECT_TRUE(world.run_until([&] { return world.group(away).applied == world.group(world.leading).applied; }, 40s));
  world.world->run_for(20s);
  EXPECT_LT(world.sent(source, away), kBytes + kBytes / 10);
  EXPECT_EQ(world.failure(), "");
}

TEST(ThinLink, WhatIsBehindALargeEntryGoesOnTheSameConnectionUntilItIsAcknowledged) {
  AppendOrder order;
  consensus::AppendRequest request;
  request.term = Term(3);
  request.prev_index = LogIndex(10);
  EXPECT_EQ(order.channel_of(request, false), env::Channel::kControl);
  request.entries.resize(2);
  EXPECT_EQ(order.channel_of(request, true), env::Channel::kBulk);
  request.prev_index = LogIndex(12);
  request.entries.clear();
  EXPECT_EQ(order.channel_of(request, false), env::Channel::kBulk) << "asks what is there: not before the entries";
  consensus::AppendReply reply;
  reply.term = Term(3);
  reply.accepted = true;
  reply.match_index = LogIndex(11);
  order.on_reply(reply);
  EXPECT_EQ(order.channel_of(request, false), env::Channel::kBulk);
  reply.match_index = LogIndex(12);
  order.on_reply(reply);
  EXPECT_EQ(order.channel_of(request, false), env::Channel::kControl);
}

TEST(ThinLink, ANewTermOrANewConnectionBeginsWithTheControlConnection) {
  AppendOrder order;
  consensus::AppendRequest request;
  request.term = Term(3);
  EXPECT_EQ(order.channel_of(request, true), env::Channel::kBulk);
  request.entries.resize(1);
  EXPECT_EQ(order.channel_of(request, true), env::Channel::kBulk);
  order.on_bulk_changed();
  EXPECT_EQ(order.channel_of(request, false), env::Channel::kControl);
  EXPECT_EQ(order.channel_of(request, true), env::Channel::kBulk);
  request.term = Term(4);
  EXPECT_EQ(order.channel_of(request, false), env::Channel::kControl);
}

}  // namespace
}  // namespace torc::node
