// When a group may rest, and what ends its rest.
#include <gtest/gtest.h>

#include "node/group_test_world.h"

namespace torc::node {
namespace {

using consensus::HeartbeatReply;
using consensus::HeartbeatRequest;
using consensus::Message;

struct Rest : ::testing::Test {
  Rest() {
    world.open();
    world.win_election();
    world.acknowledge();
    world.maintain();
  }
  bool rests() {
    world.maintain();
    return world.group->try_rest();
  }

  GroupWorld world;
  std::vector<Message> said;
};

TEST_F(Rest, ALeaderAtRestBeatsAndHearsAnswersWithoutATurn) {
  ASSERT_TRUE(rests());
  for (int beat = 0; beat < 10; ++beat) {
    said.clear();
    world.wait(world.group->next_deadline() - world.clock.now());
    world.group->tick();
    ASSERT_TRUE(world.group->rest_on(said));
    ASSERT_EQ(said.size(), 2u);
    const auto& request = std::get<HeartbeatRequest>(said[0].body);
    world.receive(said[0].to.node.value, HeartbeatReply{request.term, request.stamp, LogIndex(1)});
    said.clear();
    ASSERT_TRUE(world.group->rest_on(said));
    EXPECT_TRUE(said.empty());
    EXPECT_TRUE(world.group->status().replica.has_lease);
    EXPECT_GT(world.group->next_deadline(), world.clock.now());
  }
}

TEST_F(Rest, ALaterTermEndsIt) {
  ASSERT_TRUE(rests());
  world.receive(2, HeartbeatReply{world.group->term() + 1, 0, LogIndex(1)});
  EXPECT_FALSE(world.group->rest_on(said));
  world.turn();
  EXPECT_FALSE(world.group->is_leader());
}

TEST_F(Rest, AQuorumThatIsSilentEndsIt) {
  ASSERT_TRUE(rests());
  bool is_resting = true;
  for (int beat = 0; beat < 100 && is_resting; ++beat) {
    world.wait(world.group->next_deadline() - world.clock.now());
    world.group->tick();
    is_resting = world.group->rest_on(said);
  }
  EXPECT_FALSE(is_resting);
  world.turn();
  EXPECT_FALSE(world.group->is_leader());
}

TEST_F(Rest, WhatWaitsIsNoRest) {
  world.write(1, kv::CommandId::kSet, {"a", "1"});
  EXPECT_FALSE(rests()) << "gathered";
  world.turn();
  EXPECT_FALSE(rests()) << "proposed";
  world.acknowledge();
  EXPECT_TRUE(rests());
  world.read(2, {"a"});
  EXPECT_FALSE(rests());
}

TEST_F(Rest, AKeysDeadlineEndsIt) {
  ASSERT_TRUE(rests());
  const Instant beat = world.group->next_deadline();
  world.write(1, kv::CommandId::kSet, {"a", "1", "PX", "20"});
  world.turn();
  world.acknowledge();
  ASSERT_TRUE(rests());
  EXPECT_LE(world.group->next_deadline(), world.clock.now() + 100ms);
  EXPECT_LT(beat - world.clock.now(), 100ms) << "and the heartbeats go on";
}

TEST_F(Rest, OnlyWhatWasSaidAtRestLeavesWithoutATurn) {
  ASSERT_TRUE(rests());
  world.write(1, kv::CommandId::kSet, {"a", "1"});
  world.group->begin_turn(0, world.work_per_turn);
  static_cast<void>(world.gather());
  EXPECT_FALSE(world.group->try_rest()) << "the entry is not durable";
}

TEST_F(Rest, ADemandedCheckpointIsWrittenFirst) {
  world.write(1, kv::CommandId::kSet, {"a", "1"});
  world.turn();
  world.acknowledge();
  ASSERT_TRUE(rests());
  world.group->demand_checkpoint();
  EXPECT_FALSE(world.group->try_rest());
  for (int i = 0; i < 10 && !rests(); ++i) world.checkpoints.run_all();
  EXPECT_TRUE(rests());
  EXPECT_EQ(world.group->status().checkpoint_index, world.group->applied());
}

}  // namespace
}  // namespace torc::node
