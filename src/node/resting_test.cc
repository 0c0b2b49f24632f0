// Heartbeats of groups at rest: told to replicas without a message, and nothing else is.
#include "node/resting.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

#include "node/beats.h"

namespace torc::node {
namespace {

using consensus::Replica;
using consensus::ReplicaId;

constexpr ReplicaId kLeader{NodeId(1), ReplicaNumber(11)};
constexpr ReplicaId kFollower{NodeId(2), ReplicaNumber(22)};

/// Groups of two nodes: the first leads them all, in term 1, and the second follows.
struct Pair {
  explicit Pair(uint64_t groups) {
    leading.resting.resize(GroupId(groups + 1));
    following.resting.resize(GroupId(groups + 1));
    for (uint64_t group = 1; group <= groups; ++group) {
      leading.replicas.push_back(make(group, kLeader));
      following.replicas.push_back(make(group, kFollower));
    }
    for (const Duration later : {1000ms, 60ms, 60ms}) {  // elections, and heartbeats that tell what is committed
      now = now + later;
      for (const auto& replica : leading.replicas) replica->tick(now);
      while (exchange(leading, following) || exchange(following, leading)) {
      }
    }
    for (uint64_t group = 1; group <= groups; ++group) {
      EXPECT_EQ(leading.at(group).role(), consensus::Role::kLeader);
      leading.resting.add(GroupId(group), leading.at(group), Instant::never());
      following.resting.add(GroupId(group), following.at(group), Instant::never());
    }
  }
  struct End {
    std::vector<std::unique_ptr<Replica>> replicas;
    Resting resting;
    uint64_t next_number = 100;
    Beats beats{next_number};
    Replica& at(uint64_t group) { return *replicas[group - 1]; }
  };

  std::unique_ptr<Replica> make(uint64_t group, ReplicaId self) const {
    consensus::ReplicaOptions options;
    options.group = GroupId(group);
    options.self = self;
    consensus::RestoredState restored;
    restored.configuration.voters = {kLeader, kFollower};
    return std::make_unique<Replica>(options, restored, now);
  }
  /// Whether anything was said.
  bool exchange(End& from, End& to) const {
    bool is_some = false;
    for (const auto& replica : from.replicas) {
      if (!replica->has_ready()) continue;
      is_some = true;
      const consensus::Ready ready = replica->take_ready();
      replica->persisted(ready.sequence, now);
      for (const auto& message : ready.send_now) to.at(message.group.value).receive(message, now);
      for (const auto& message : ready.send_when_durable) to.at(message.group.value).receive(message, now);
    }
    return is_some;
  }
  wire::Beat beat() {
    now = now + 60ms;
    for (uint64_t group = 1; group <= leading.replicas.size(); ++group) {
      std::vector<consensus::SentHeartbeat> said;
      EXPECT_TRUE(leading.resting.on_due(GroupId(group), now, said)) << group;
      for (const auto& heartbeat : said) leading.beats.gather(GroupId(group), heartbeat);
    }
    return std::get<wire::Beat>(leading.beats.take_beats().at(0));
  }
  std::vector<consensus::Message> deliver(const wire::Beat& beat) {
    return following.beats.open(kFollower.node, kLeader.node, beat, &following.resting, now);
  }
  std::vector<consensus::Message> deliver(const wire::BeatReply& reply) {
    return leading.beats.open(kLeader.node, kFollower.node, reply, &leading.resting, now);
  }
  wire::BeatReply reply() { return std::get<wire::BeatReply>(following.beats.take_replies().at(0)); }
  bool has_lease(uint64_t group) { return leading.at(group).status(now).has_lease; }

  Instant now = Instant{} + 1s;
  End leading;
  End following;
};

TEST(Resting, HeartbeatsAndAnswersNeedNoMessage) {
  Pair pair(3);
  for (int round = 0; round < 20; ++round) {
    EXPECT_TRUE(pair.deliver(pair.beat()).empty());
    const wire::BeatReply reply = pair.reply();
    EXPECT_TRUE(reply.exceptions.empty());
    EXPECT_TRUE(pair.deliver(reply).empty());
    for (uint64_t group = 1; group <= 3; ++group) EXPECT_TRUE(pair.has_lease(group)) << round;
  }
  EXPECT_EQ(pair.following.at(2).leader(), kLeader);
  EXPECT_GT(pair.following.at(2).next_deadline(), pair.now);
}

// What leases rest on: a group that was only handed its heartbeat has not answered it.
TEST(Resting, AGroupThatDoesNotRestIsGivenItsHeartbeatAndNotAnsweredFor) {
  Pair pair(3);
  pair.following.resting.remove(GroupId(2));
  for (int round = 0; round < 8; ++round) {
    const auto heartbeats = pair.deliver(pair.beat());
    ASSERT_EQ(heartbeats.size(), 1u);
    EXPECT_EQ(heartbeats[0].group, GroupId(2));
    const wire::BeatReply reply = pair.reply();
    ASSERT_EQ(reply.exceptions.size(), 1u);
    EXPECT_EQ(reply.exceptions[0].position, 1u);
    EXPECT_FALSE(reply.exceptions[0].last_index);
    EXPECT_TRUE(pair.deliver(reply).empty());
  }
  EXPECT_TRUE(pair.has_lease(1));
  EXPECT_FALSE(pair.has_lease(2));
  EXPECT_TRUE(pair.has_lease(3));
}

TEST(Resting, AGroupThatKnowsALaterTermAnswersInAMessageOfItsOwn) {
  Pair pair(2);
  const wire::Beat beat = pair.beat();
  consensus::VoteRequest later;
  later.term = Term(5);
  later.transfer = true;
  pair.following.at(1).receive({GroupId(1), kLeader, kFollower, later}, pair.now);
  const auto heartbeats = pair.deliver(beat);
  ASSERT_EQ(heartbeats.size(), 1u);
  EXPECT_EQ(heartbeats[0].group, GroupId(1));
  EXPECT_EQ(pair.reply().exceptions.size(), 1u);
}

TEST(Resting, AnAnswerToALeaderThatDoesNotRestIsAMessage) {
  Pair pair(2);
  static_cast<void>(pair.deliver(pair.beat()));
  pair.leading.resting.remove(GroupId(1));
  const auto answers = pair.deliver(pair.reply());
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].group, GroupId(1));
}

TEST(Resting, SaysWhenToLookAgain) {
  Pair pair(1);
  std::vector<consensus::SentHeartbeat> said;
  Resting& resting = pair.leading.resting;
  const Instant due = pair.leading.at(1).next_deadline();
  EXPECT_EQ(resting.on_due(GroupId(1), due - 1ms, said), due) << "nearly";
  EXPECT_TRUE(said.empty());
  EXPECT_GT(resting.on_due(GroupId(1), due, said).value(), due);
  EXPECT_EQ(said.size(), 1u);
  resting.add(GroupId(1), pair.leading.at(1), due + 1ms);
  EXPECT_EQ(resting.on_due(GroupId(1), due, said), due + 1ms) << "it has something to do then";
  EXPECT_EQ(resting.on_due(GroupId(1), due + 1ms, said), std::nullopt);
  resting.remove(GroupId(1));
  EXPECT_EQ(resting.on_due(GroupId(1), due, said), std::nullopt);
  EXPECT_EQ(resting.on_due(GroupId(7), due, said), std::nullopt) << "no group of this node";
  const Instant election = pair.following.at(1).next_deadline();
  EXPECT_EQ(pair.following.resting.on_due(GroupId(1), election, said), std::nullopt) << "it has to campaign";
}

}  // namespace
}  // namespace torc::node
