#include "node/beats.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace torc::node {
namespace {

using consensus::HeartbeatReply;
using consensus::HeartbeatRequest;
using consensus::Message;

constexpr Instant kNow;
constexpr NodeId kLeading(1);
constexpr NodeId kFollowing(2);
constexpr consensus::ReplicaId kLeader{kLeading, ReplicaNumber(11)};
constexpr consensus::ReplicaId kFollower{kFollowing, ReplicaNumber(22)};

struct Beating {
  GroupId group;
  consensus::SentHeartbeat said;
};

Beating beating(uint64_t group, int64_t stamp, uint64_t commit = 9, uint64_t term = 3) {
  return {GroupId(group), {kLeader, kFollower, {Term(term), LogIndex(commit), LogIndex(commit), stamp}}};
}

/// The same on its way.
Message heartbeat(uint64_t group, int64_t stamp, uint64_t commit = 9, uint64_t term = 3) {
  return {GroupId(group), kLeader, kFollower, beating(group, stamp, commit, term).said.request};
}

/// What a replica that follows says to it.
Message answer_to(const Message& heartbeat, uint64_t last_index = 9) {
  const auto& request = std::get<HeartbeatRequest>(heartbeat.body);
  return {heartbeat.group, heartbeat.to, heartbeat.from,
          HeartbeatReply{request.term, request.stamp, LogIndex(last_index)}};
}

/// The two ends of a link.
struct Ends {
  uint64_t number_leading = 100;
  uint64_t number_following = 500;
  Beats leading{number_leading};
  Beats following{number_following};

  wire::Beat beat_of(const std::vector<Beating>& heartbeats) {
    for (const Beating& one : heartbeats) leading.gather(one.group, one.said);
    std::vector<wire::PeerMessage> said = leading.take_beats();
    EXPECT_EQ(said.size(), 1u);
    return std::get<wire::Beat>(said.at(0));
  }
  std::vector<Message> deliver(const wire::Beat& beat) {
    return following.open(kFollowing, kLeading, beat, nullptr, kNow);
  }
  std::vector<Message> deliver(const wire::BeatReply& reply) {
    return leading.open(kLeading, kFollowing, reply, nullptr, kNow);
  }
  wire::BeatReply reply() {
    std::vector<wire::PeerMessage> said = following.take_replies();
    EXPECT_EQ(said.size(), 1u);
    return std::get<wire::BeatReply>(said.at(0));
  }
};

struct Heard {
  uint64_t group;
  int64_t stamp;
  uint64_t last_index;
  bool operator==(const Heard&) const = default;
};
std::vector<Heard> heard(const std::vector<Message>& answers) {
  std::vector<Heard> all;
  for (const Message& one : answers) {
    EXPECT_EQ(one.from, kFollower);
    EXPECT_EQ(one.to, kLeader);
    const auto& reply = std::get<HeartbeatReply>(one.body);
    EXPECT_EQ(reply.term, Term(3));
    all.push_back({one.group.value, reply.stamp, reply.last_index.value});
  }
  return all;
}

TEST(Beats, ASingleHeartbeatGoesAsItIsAndSoDoesItsAnswer) {
  Ends ends;
  ends.leading.gather(GroupId(1), beating(1, 70).said);
  const std::vector<wire::PeerMessage> said = ends.leading.take_beats();
  ASSERT_EQ(said.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<Message>(said[0]));
  EXPECT_FALSE(ends.following.note(answer_to(heartbeat(1, 70))));
  EXPECT_TRUE(ends.following.take_replies().empty());
  EXPECT_TRUE(ends.leading.take_beats().empty());
}

TEST(Beats, EachGroupIsGivenItsOwnHeartbeatAndItsLeaderTheAnswer) {
  Ends ends;
  const wire::Beat beat = ends.beat_of({beating(3, 72), beating(1, 70), beating(2, 71)});
  const std::vector<Message> heartbeats = ends.deliver(beat);
  ASSERT_EQ(heartbeats.size(), 3u);
  for (const Message& one : heartbeats) {
    EXPECT_EQ(one.from, kLeader);
    EXPECT_EQ(one.to, kFollower);
    EXPECT_TRUE(ends.following.note(answer_to(one)));
  }
  const wire::BeatReply reply = ends.reply();
  EXPECT_EQ(reply.number, beat.number);
  EXPECT_TRUE(reply.exceptions.empty()) << "at rest nothing is listed";
  EXPECT_EQ(heard(ends.deliver(reply)), (std::vector<Heard>{{1, 70, 9}, {2, 71, 9}, {3, 72, 9}}));
}

TEST(Beats, WhoseLogEndsElsewhereSaysWhere) {
  Ends ends;
  const std::vector<Message> heartbeats = ends.deliver(ends.beat_of({beating(1, 70), beating(2, 71, 5)}));
  EXPECT_TRUE(ends.following.note(answer_to(heartbeats[0], 12)));
  EXPECT_TRUE(ends.following.note(answer_to(heartbeats[1], 4)));
  EXPECT_EQ(heard(ends.deliver(ends.reply())), (std::vector<Heard>{{1, 70, 12}, {2, 71, 4}}));
}

// The rule that leases rest on: nobody is told that a group follows which did not say so.
TEST(Beats, AGroupThatDidNotFollowRenewsNothing) {
  Ends ends;
  const std::vector<Message> heartbeats =
      ends.deliver(ends.beat_of({beating(1, 70), beating(2, 71), beating(3, 72), beating(4, 73)}));
  EXPECT_TRUE(ends.following.note(answer_to(heartbeats[3])));
  // Group 1 is silent; group 2 knows a later term; group 3 answers an earlier round once more.
  Message refusal = answer_to(heartbeats[1]);
  refusal.body = HeartbeatReply{Term(4), 0, LogIndex(9)};
  EXPECT_FALSE(ends.following.note(refusal)) << "it goes on its own";
  EXPECT_FALSE(ends.following.note(answer_to(heartbeat(3, 66)))) << "of another round";
  const wire::BeatReply reply = ends.reply();
  EXPECT_EQ(reply.exceptions.size(), 3u);
  EXPECT_EQ(heard(ends.deliver(reply)), (std::vector<Heard>{{4, 73, 9}}));
}

TEST(Beats, AnAnswerOfAnotherReplicaOrToAnotherLeaderIsNone) {
  Ends ends;
  const std::vector<Message> heartbeats = ends.deliver(ends.beat_of({beating(1, 70), beating(2, 71)}));
  Message answer = answer_to(heartbeats[0]);
  answer.from.number = ReplicaNumber(23);
  EXPECT_FALSE(ends.following.note(answer)) << "another life of the follower";
  answer = answer_to(heartbeats[0]);
  answer.to.number = ReplicaNumber(12);
  EXPECT_FALSE(ends.following.note(answer)) << "another life of the leader";
  answer = answer_to(heartbeats[0]);
  answer.group = GroupId(9);
  EXPECT_FALSE(ends.following.note(answer)) << "a group that was not asked";
}

TEST(Beats, AnAnswerThatComesLaterThanItsTurnGoesOnItsOwn) {
  Ends ends;
  const std::vector<Message> heartbeats = ends.deliver(ends.beat_of({beating(1, 70), beating(2, 71)}));
  EXPECT_TRUE(ends.following.note(answer_to(heartbeats[0])));
  EXPECT_EQ(heard(ends.deliver(ends.reply())), (std::vector<Heard>{{1, 70, 9}}));
  EXPECT_FALSE(ends.following.note(answer_to(heartbeats[1])));
}

TEST(Beats, WhereNobodyFollowsThereIsNoReply) {
  Ends ends;
  static_cast<void>(ends.deliver(ends.beat_of({beating(1, 70), beating(2, 71)})));
  EXPECT_TRUE(ends.following.take_replies().empty());
}

TEST(Beats, AReplyCountsForItsOwnRoundsAndOnce) {
  Ends ends;
  const wire::Beat first = ends.beat_of({beating(1, 70), beating(2, 71)});
  const wire::Beat second = ends.beat_of({beating(1, 130), beating(2, 131)});
  EXPECT_NE(first.number, second.number);
  for (const Message& one : ends.deliver(second)) EXPECT_TRUE(ends.following.note(answer_to(one)));
  const wire::BeatReply of_second = ends.reply();
  for (const Message& one : ends.deliver(first)) EXPECT_TRUE(ends.following.note(answer_to(one)));
  const wire::BeatReply of_first = ends.reply();
  EXPECT_EQ(heard(ends.deliver(of_second)), (std::vector<Heard>{{1, 130, 9}, {2, 131, 9}}));
  EXPECT_EQ(heard(ends.deliver(of_first)), (std::vector<Heard>{{1, 70, 9}, {2, 71, 9}}));
  EXPECT_TRUE(ends.deliver(of_second).empty());
}

TEST(Beats, ABeatThatArrivesTwiceInATurnIsAnsweredTwice) {
  Ends ends;
  const wire::Beat beat = ends.beat_of({beating(1, 70), beating(2, 71)});
  for (int copy = 0; copy < 2; ++copy) static_cast<void>(ends.deliver(beat));
  for (int copy = 0; copy < 2; ++copy) {
    EXPECT_TRUE(ends.following.note(answer_to(heartbeat(1, 70))));
  }
  EXPECT_FALSE(ends.following.note(answer_to(heartbeat(1, 70))));
  const std::vector<wire::PeerMessage> replies = ends.following.take_replies();
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(heard(ends.deliver(std::get<wire::BeatReply>(replies[0]))), (std::vector<Heard>{{1, 70, 9}}));
  EXPECT_TRUE(ends.deliver(std::get<wire::BeatReply>(replies[1])).empty());
}

TEST(Beats, OfTwoRoundsOfATurnTheLaterOneGoes) {
  Ends ends;
  const wire::Beat beat = ends.beat_of({beating(1, 70), beating(2, 71), beating(1, 74)});
  ASSERT_EQ(beat.heartbeats.size(), 2u);
  EXPECT_EQ(beat.heartbeats[0].request.stamp, 74);
}

TEST(Beats, ThoseOfAFormerConnectionAreForgotten) {
  Ends ends;
  const wire::Beat beat = ends.beat_of({beating(1, 70), beating(2, 71)});
  static_cast<void>(ends.deliver(beat));
  ends.following.forget();
  EXPECT_FALSE(ends.following.note(answer_to(heartbeat(1, 70))));
  ends.leading.forget();
  EXPECT_EQ(ends.leading.unanswered(), 0u);
  EXPECT_TRUE(ends.deliver(wire::BeatReply{beat.number, {}}).empty());
}

TEST(Beats, AReplyToABeatOfAnotherProcessTellsNothing) {
  Ends ends;
  static_cast<void>(ends.beat_of({beating(1, 70), beating(2, 71)}));
  EXPECT_TRUE(ends.deliver(wire::BeatReply{99, {}}).empty());
  EXPECT_TRUE(ends.deliver(wire::BeatReply{101, {}}).empty());
}

TEST(Beats, ExceptionsBeyondTheBeatAreHarmless) {
  Ends ends;
  const wire::Beat beat = ends.beat_of({beating(1, 70), beating(2, 71)});
  const auto answers = ends.deliver(wire::BeatReply{beat.number, {{1, std::nullopt}, {2, LogIndex(5)}, {500, {}}}});
  EXPECT_EQ(heard(answers), (std::vector<Heard>{{1, 70, 9}}));
}

TEST(Beats, ManyGroupsGoInSeveralBeatsAndEachIsAnswered) {
  Ends ends;
  constexpr uint64_t kGroups = 2 * wire::kHeartbeatsMax + 1;
  for (uint64_t group = 1; group <= kGroups; ++group)
    ends.leading.gather(GroupId(group), beating(group, static_cast<int64_t>(group)).said);
  std::set<uint64_t> answered;
  const std::vector<wire::PeerMessage> beats = ends.leading.take_beats();
  ASSERT_EQ(beats.size(), 3u);
  for (const wire::PeerMessage& beat : beats) {
    for (const Message& one : ends.deliver(std::get<wire::Beat>(beat)))
      EXPECT_TRUE(ends.following.note(answer_to(one)));
  }
  for (const wire::PeerMessage& reply : ends.following.take_replies()) {
    for (const Message& one : ends.deliver(std::get<wire::BeatReply>(reply))) answered.insert(one.group.value);
  }
  EXPECT_EQ(answered.size(), kGroups);
}

TEST(Beats, WhatIsRememberedWithoutAnAnswerIsBounded) {
  Ends ends;
  const wire::Beat first = ends.beat_of({beating(1, 70), beating(2, 71)});
  wire::Beat last;
  for (size_t i = 0; i < Beats::kUnansweredMax; ++i) last = ends.beat_of({beating(1, 70), beating(2, 71)});
  EXPECT_EQ(ends.leading.unanswered(), Beats::kUnansweredMax);
  EXPECT_TRUE(ends.deliver(wire::BeatReply{first.number, {}}).empty());
  EXPECT_EQ(ends.deliver(wire::BeatReply{last.number, {}}).size(), 2u);
  for (size_t i = 0; i < 2 * Beats::kUnrepliedMax; ++i) static_cast<void>(ends.deliver(last));
  for (size_t i = 0; i < Beats::kUnrepliedMax; ++i) EXPECT_TRUE(ends.following.note(answer_to(heartbeat(1, 70))));
  EXPECT_FALSE(ends.following.note(answer_to(heartbeat(1, 70)))) << "further ones go one by one";
}

}  // namespace
}  // namespace torc::node
