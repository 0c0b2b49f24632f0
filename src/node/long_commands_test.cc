// Commands that take several turns of a group: what they do is seen whole, or not at all.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "node/group_test_world.h"

namespace torc::node {
namespace {

constexpr size_t kKeys = 5000;

struct Story {
  GroupWorld world;
  std::vector<std::string> keys;
  std::vector<std::string_view> names;
  std::vector<std::string_view> pairs;

  Story() {
    for (size_t i = 0; i < kKeys; ++i) keys.push_back("key:" + std::to_string(i));
    for (const std::string& key : keys) {
      names.push_back(key);
      pairs.insert(pairs.end(), {key, "v"});
    }
    world.open();
    world.win_election();
    world.acknowledge();
  }
  void read_later(Ticket ticket, kv::CommandId id, std::vector<std::string_view> args) {
    world.clients.start({world.client, ticket}, GroupId(1), false);
    world.group->read_later({.waiter = {world.client, ticket}, .command = {id, args}});
  }
  bool read_now(kv::CommandId id, std::vector<std::string_view> args) {
    constexpr Ticket kNever = 1000;
    return world.group->read_now({.waiter = {world.client, kNever}, .command = {id, args}});
  }
  void confirm_leadership() {
    world.turn();
    world.receive(2, world.heartbeat_reply());
    world.turn();
  }
  /// Committed, and executed in part.
  void begin_to_set_all(Ticket ticket) {
    world.write(ticket, kv::CommandId::kMSet, pairs);
    world.turn();
    world.work_per_turn = 1;
    world.acknowledge();
    ASSERT_TRUE(world.group->status().is_within_entry);
  }
  /// Committed and executed.
  void set_all(Ticket ticket) {
    world.write(ticket, kv::CommandId::kMSet, pairs);
    world.turn();
    world.acknowledge();
    ASSERT_EQ(world.port.answers[ticket], "OK");
  }
  bool is_answered(Ticket ticket) const { return world.port.answers.contains(ticket); }
  size_t turns_until_answered(Ticket ticket) {
    size_t turns = 0;
    for (; !is_answered(ticket) && turns < 1000; ++turns) world.turn();
    return turns;
  }
};

TEST(GroupLongCommands, NobodyReadsWhatIsExecutedInPart) {
  Story story;
  const LogIndex before = story.world.group->applied();
  story.begin_to_set_all(1);
  EXPECT_EQ(story.world.group->applied(), before);
  EXPECT_FALSE(story.read_now(kv::CommandId::kGet, {"key:0"}));
  story.read_later(2, kv::CommandId::kGet, {"key:0"});
  story.confirm_leadership();
  EXPECT_FALSE(story.is_answered(2));
  EXPECT_LE(story.world.group->next_deadline(), story.world.clock.now()) << "it goes on at once";
  EXPECT_GE(story.turns_until_answered(1), 1u);
  EXPECT_EQ(story.world.port.answers[1], "OK");
  story.world.work_per_turn = 8u << 20;
  story.confirm_leadership();
  EXPECT_EQ(story.world.port.answers[2], "v");
}

// Its index is that of the entry before, which is applied; but the state is not that of any index now.
TEST(GroupLongCommands, AReadThatWasAskedForBeforeIsNotAnsweredInTheMiddle) {
  Story story;
  story.world.write(1, kv::CommandId::kMSet, story.pairs);
  story.world.turn();
  const auto append = story.world.last<consensus::AppendRequest>();
  story.world.wait(400ms);  // no lease
  story.read_later(2, kv::CommandId::kGet, {"key:0"});
  story.world.turn();
  ASSERT_FALSE(story.is_answered(2)) << "nobody has confirmed that this node leads";
  story.world.work_per_turn = 1;
  consensus::AppendReply appended;
  appended.term = append.term;
  appended.accepted = true;
  appended.match_index = append.prev_index + append.entries.size();
  appended.stamp = append.stamp;
  story.world.receive(2, appended);
  story.world.turn();
  ASSERT_TRUE(story.world.group->status().is_within_entry);
  story.world.receive(2, story.world.heartbeat_reply());
  story.world.turn();
  EXPECT_FALSE(story.is_answered(2)) << story.world.port.answers[2];
  story.turns_until_answered(2);
  EXPECT_EQ(story.world.port.answers[1], "OK") << "first";
  EXPECT_EQ(story.world.port.answers[2], "v");
}

TEST(GroupLongCommands, NothingIsAppliedWhileALongReadLooks) {
  Story story;
  story.set_all(1);
  EXPECT_FALSE(story.read_now(kv::CommandId::kExists, story.names)) << "not in one piece";
  story.world.work_per_turn = 1;
  story.read_later(2, kv::CommandId::kExists, story.names);
  story.confirm_leadership();
  ASSERT_FALSE(story.is_answered(2));
  story.world.write(3, kv::CommandId::kDel, {"key:4999"});
  story.world.turn();
  story.world.acknowledge();
  ASSERT_FALSE(story.is_answered(2));
  EXPECT_FALSE(story.is_answered(3)) << "deleted while somebody counts";
  story.turns_until_answered(2);
  EXPECT_EQ(story.world.port.answers[2], ":" + std::to_string(kKeys));
  story.turns_until_answered(3);
  EXPECT_EQ(story.world.port.answers[3], ":1");
}

// A capture is exactly as of one index.
TEST(GroupLongCommands, ACheckpointWaitsForTheEndOfAnEntry) {
  Story story;
  story.begin_to_set_all(1);
  story.world.group->demand_checkpoint();
  story.world.group->maintain();
  EXPECT_TRUE(story.world.group->is_checkpoint_demanded());
  story.turns_until_answered(1);
  for (int i = 0; i < 100 && story.world.group->is_checkpoint_demanded(); ++i) {
    story.world.group->maintain();
    story.world.turn();
  }
  EXPECT_FALSE(story.world.group->is_checkpoint_demanded());
  EXPECT_EQ(story.world.group->status().checkpoint_index, story.world.group->applied());
}

TEST(GroupLongCommands, AClientThatLeftIsNotReadFor) {
  Story story;
  story.set_all(1);
  story.world.work_per_turn = 1;
  story.read_later(2, kv::CommandId::kExists, story.names);
  story.confirm_leadership();
  ASSERT_TRUE(story.world.group->wants_turn());
  story.world.clients.close(story.world.client);
  story.world.turn();
  EXPECT_FALSE(story.world.group->wants_turn());
}

}  // namespace
}  // namespace torc::node
