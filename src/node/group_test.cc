// One group driven by hand: its peers are played by the test, so that rare orders of messages can be said exactly.
#include <gmock/gmock.h>

#include "node/group_test_world.h"

namespace torc::node {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Confirmed and deposed in one turn: the read may still be served, but its key has expired, and only a leader's entry
// may say so.
TEST(Group, ReadThatNeedsACommitGoesElsewhereIfLeadershipEndedInTheSameTurn) {
  GroupWorld world;
  world.open();
  world.win_election();
  world.acknowledge();
  world.write(1, kv::CommandId::kPSetEx, {"k", "20", "v"});
  world.turn();
  world.acknowledge();
  ASSERT_EQ(world.port.answers[1], "OK");
  world.wait(400ms);
  world.read(2, {"k"});
  world.turn();
  world.receive(2, world.heartbeat_reply());
  consensus::HeartbeatRequest successor;
  successor.term = world.group->term() + 1;
  world.receive(3, successor);
  world.turn();
  ASSERT_FALSE(world.group->is_leader());
  EXPECT_EQ(world.rerouted, std::vector<Ticket>{2}) << "it must not wait for this node to lead again";
}

// Heartbeats need no disk, entries do: a leader whose followers' disks are full keeps its office and commits nothing.
TEST(Group, EverythingThatWaitsForAMajorityIsAnsweredInTime) {
  GroupWorld world;
  world.open();
  world.win_election();  // its no-op is never acknowledged
  world.write(1, kv::CommandId::kSet, {"k", "v"});
  world.turn();
  world.write(2, kv::CommandId::kSet, {"k", "w"});
  world.read(3, {"k"});
  for (int i = 0; i < 230; ++i) {
    world.turn();
    world.wait(50ms);
    world.group->tick();
    world.receive(2, world.heartbeat_reply());
    world.group->maintain();
  }
  ASSERT_TRUE(world.group->is_leader());
  EXPECT_THAT(world.port.answers[1], StartsWith("-UNKNOWN"));
  EXPECT_THAT(world.port.answers[2], StartsWith("-TRYAGAIN")) << "it was never proposed";
  EXPECT_THAT(world.port.answers[3], StartsWith("-CLUSTERDOWN"));
  world.acknowledge();
  EXPECT_EQ(world.port.answers.size(), 3u);
}

// After a restart everything behind the checkpoint waits until the new term's first entry is committed, and is applied
// at the end of that turn. A client that reads in the same turn would see a state from before writes that were
// acknowledged.
TEST(Group, AReadInTheTurnInWhichAllIsCommittedWaitsUntilItIsApplied) {
  GroupWorld world;
  world.open();
  world.win_election();
  world.acknowledge();
  world.write(1, kv::CommandId::kSet, {"k", "v"});
  world.turn();
  world.acknowledge();
  ASSERT_EQ(world.port.answers[1], "OK");

  world.open();
  world.win_election();
  const std::vector<std::string_view> key{"k"};
  const kv::CommandView get{kv::CommandId::kGet, key};
  const auto read_now = [&](Ticket ticket) {
    world.clients.start(world.client, false);
    return world.group->read_now({world.client, ticket}, get);
  };
  EXPECT_FALSE(read_now(2)) << "nothing of this term is committed";
  world.receive_acknowledgement();
  ASSERT_TRUE(world.group->status().replica.has_lease);
  ASSERT_LT(world.group->applied(), world.group->status().replica.commit);
  EXPECT_FALSE(read_now(3)) << "answered " << world.port.answers[3];
  world.turn();
  EXPECT_TRUE(read_now(4));
  EXPECT_EQ(world.port.answers[4], "v");
}

TEST(Group, LogThatEndsBeforeTheCheckpointRestartsThere) {
  GroupWorld world;
  world.open();
  world.store_checkpoint(LogIndex(10), Term(0));
  world.open();
  EXPECT_EQ(world.group->applied(), LogIndex(10));
  EXPECT_EQ(world.group->status().replica.last_index, LogIndex(10));
  world.win_election();
  world.acknowledge();
  world.write(1, kv::CommandId::kSet, {"k", "v"});
  world.turn();
  world.acknowledge();
  EXPECT_EQ(world.port.answers[1], "OK");
  world.open();
  EXPECT_EQ(world.group->applied(), LogIndex(10));
  EXPECT_EQ(world.group->status().replica.last_index, LogIndex(12));
}

// A follower applies what a majority of others has; its checkpoint can be durable before its own log, of which a crash
// then takes the term's record too.
TEST(Group, CheckpointOfATermTheLogHasNotHeardOfIsTakenOver) {
  GroupWorld world;
  world.open();
  world.store_checkpoint(LogIndex(10), Term(5));
  for (int life = 0; life < 2; ++life) {
    world.open();
    EXPECT_EQ(world.group->applied(), LogIndex(10));
    EXPECT_EQ(world.group->term(), Term(5));
    world.turn();
  }
}

TEST(Group, LogCutBeyondItsCheckpointIsRefused) {
  GroupWorld world;
  world.open();
  world.store_checkpoint(LogIndex(10), Term(5));
  world.log->append_hard_state(kGroup, {Term(5), {}});
  world.log->reset(kGroup, LogIndex(20), Term(5));
  world.log->flush([](const Status&) {});
  world.disk.run_all();
  world.open();
  EXPECT_THAT(world.open_error, HasSubstr("the log starts after entry 20 but the checkpoint ends at 10"));
}

}  // namespace
}  // namespace torc::node
