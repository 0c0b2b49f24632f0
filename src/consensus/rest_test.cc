// The short ways of a replica at rest leave the state that the ordinary ones leave, or nothing happens.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "consensus/state_encoding.h"
#include "consensus/test_replica.h"

namespace torc::consensus {
namespace {

std::string state_of(const Replica& replica) {
  static constexpr std::array<uint8_t, 4> kNames{0, 1, 2, 3};
  std::string out;
  const StateEncodingOptions options{.names = kNames};
  StateWriter writer(options, out);
  encode_state(replica, {}, writer);
  return out;
}

/// Two replicas that were told the same: one is spoken to by the short ways.
template <typename Kind>
struct Twins {
  void advance(Duration by) {
    ordinary.advance(by);
    short_way.advance(by);
  }
  template <typename Act>
  void both(const Act& act) {
    act(ordinary);
    act(short_way);
  }
  void expect_equal() {
    EXPECT_EQ(state_of(ordinary.replica), state_of(short_way.replica));
    EXPECT_EQ(ordinary.replica.next_deadline(), short_way.replica.next_deadline());
    EXPECT_EQ(ordinary.status().has_lease, short_way.status().has_lease);
    EXPECT_EQ(ordinary.status().messages_refused, short_way.status().messages_refused);
  }
  std::vector<Message> said_ordinarily() {
    std::vector<Message> said;
    EXPECT_TRUE(ordinary.replica.take_messages(said)) << "more than messages came of it";
    return said;
  }

  Kind ordinary;
  Kind short_way;
};

HeartbeatRequest heartbeat(SendStamp stamp, uint64_t term = 1, uint64_t commit = 0, uint64_t of_all = 0) {
  return {Term(term), LogIndex(commit), LogIndex(of_all), stamp};
}

/// It follows replica 2 in term 1.
struct Follower : TestReplica {
  Follower() : TestReplica(Until::kSettled, default_options()) {
    receive(replica_id(2), heartbeat(70));
    persist_all();
  }
};
/// Of term 1; its no-op is everywhere.
struct Leader : TestReplica {
  Leader() : TestReplica(Until::kEstablished, default_options()) {}
};

TEST(RestingReplica, FollowsAsByReceive) {
  Twins<Follower> twins;
  twins.expect_equal();
  for (int64_t round = 0; round < 50; ++round) {
    twins.advance(20ms);
    const HeartbeatRequest request = heartbeat(100 + round);
    twins.ordinary.receive(replica_id(2), request);
    const std::vector<Message> said = twins.said_ordinarily();
    const auto answer = twins.short_way.replica.follow(replica_id(2), replica_id(1), request, twins.short_way.now);
    ASSERT_TRUE(answer);
    ASSERT_EQ(said.size(), 1u);
    const auto& reply = std::get<HeartbeatReply>(said[0].body);
    EXPECT_EQ(answer->term, reply.term);
    EXPECT_EQ(answer->stamp, reply.stamp);
    EXPECT_EQ(answer->last_index, reply.last_index);
    twins.expect_equal();
  }
  twins.both([](TestReplica& twin) { twin.time_out(); });
  EXPECT_EQ(twins.short_way.status().role, Role::kPreCandidate) << "and its silence still counts";
  EXPECT_EQ(twins.short_way.now, twins.ordinary.now);
}

/// By the short way nothing comes of it and nothing is answered.
void expect_not_followed(TestReplica&& replica, ReplicaId from, ReplicaId to, const HeartbeatRequest& request) {
  replica.advance(1ms);
  const std::string before = state_of(replica.replica);
  EXPECT_FALSE(replica.replica.follow(from, to, request, replica.now));
  EXPECT_EQ(state_of(replica.replica), before);
}

TEST(RestingReplica, AnswersNoHeartbeatThatTellsSomething) {
  expect_not_followed(Follower(), replica_id(3), replica_id(1), heartbeat(80));     // not its leader
  expect_not_followed(Follower(), replica_id(2), replica_id(1), heartbeat(80, 2));  // a later term
  expect_not_followed(Follower(), replica_id(2), replica_id(1), heartbeat(80, 0));  // an earlier one
  expect_not_followed(Follower(), replica_id(2), {NodeId(1), ReplicaNumber(99)}, heartbeat(80));
  expect_not_followed(Follower(), replica_id(2), replica_id(1), heartbeat(80, 1, 1));
  expect_not_followed(TestReplica::settled(), replica_id(2), replica_id(1), heartbeat(80));  // knows no leader
  expect_not_followed(Leader(), replica_id(2), replica_id(1), heartbeat(80));
  Follower alone;
  alone.time_out();
  alone.persist_all();
  expect_not_followed(std::move(alone), replica_id(2), replica_id(1), heartbeat(80));  // gave its leader up
}

TEST(RestingReplica, BeatsAndHearsAsByTickAndReceive) {
  Twins<Leader> twins;
  for (int round = 0; round < 50; ++round) {
    const Instant due = twins.ordinary.replica.next_deadline();
    std::vector<SentHeartbeat> beaten;
    EXPECT_FALSE(twins.short_way.replica.beat(due - 1ns, beaten)) << "not due";
    twins.advance(due - twins.ordinary.now);
    twins.ordinary.replica.tick(twins.ordinary.now);
    const std::vector<Message> said = twins.said_ordinarily();
    ASSERT_TRUE(twins.short_way.replica.beat(twins.short_way.now, beaten));
    ASSERT_EQ(said.size(), beaten.size());
    for (size_t i = 0; i < said.size(); ++i) {
      const auto& request = std::get<HeartbeatRequest>(said[i].body);
      EXPECT_EQ(said[i].from, beaten[i].from);
      EXPECT_EQ(said[i].to, beaten[i].to);
      EXPECT_EQ(request.term, beaten[i].request.term);
      EXPECT_EQ(request.commit, beaten[i].request.commit);
      EXPECT_EQ(request.replicated_to_all, beaten[i].request.replicated_to_all);
      EXPECT_EQ(request.stamp, beaten[i].request.stamp);
    }
    twins.expect_equal();
    twins.advance(5ms);
    for (const SentHeartbeat& one : beaten) {
      if (round % 3 == 1 && one.to == replica_id(2)) continue;  // lost
      const HeartbeatReply reply{one.request.term, one.request.stamp, LogIndex(1)};
      twins.ordinary.receive(one.to, reply);
      EXPECT_TRUE(twins.said_ordinarily().empty());
      EXPECT_TRUE(twins.short_way.replica.hear(one.to, one.from, reply, twins.short_way.now));
      twins.expect_equal();
    }
    EXPECT_TRUE(twins.short_way.status().has_lease);
  }
}

TEST(RestingReplica, ALeaderThatHearsNobodyHasNoLeaseAndStepsDown) {
  Leader replica;
  std::vector<SentHeartbeat> beaten;
  while (replica.now = replica.replica.next_deadline(), replica.replica.beat(replica.now, beaten)) {
    ASSERT_LT(beaten.size(), 1000u) << "it beats for ever";
  }
  EXPECT_FALSE(replica.status().has_lease);
  replica.replica.tick(replica.now);
  EXPECT_EQ(replica.status().role, Role::kFollower);
}

/// Neither tells a leader anything by the short way.
void expect_more_than_a_beat(TestReplica&& replica) {
  const Instant due = replica.replica.next_deadline();
  std::vector<SentHeartbeat> beaten;
  EXPECT_FALSE(replica.replica.beat(std::max(due, replica.now), beaten));
  EXPECT_TRUE(beaten.empty());
  const HeartbeatReply reply{replica.status().term, 1, LogIndex(1)};
  EXPECT_FALSE(replica.replica.hear(replica_id(2), replica_id(1), reply, replica.now));
}

TEST(RestingReplica, WhoHasMoreToDoDoesNotBeatByTheShortWay) {
  expect_more_than_a_beat(Follower());
  expect_more_than_a_beat(TestReplica::leading());  // nobody has its no-op yet
  Leader writing;
  ASSERT_TRUE(writing.replica.propose(EntryKind::kCommands, std::string(kEntryHeaderBytes + 1, 'x'), writing.now));
  expect_more_than_a_beat(std::move(writing));
  Leader reading;
  reading.replica.read(ReadToken(7), reading.now);
  expect_more_than_a_beat(std::move(reading));
  Leader handing_over;
  handing_over.replica.transfer_leadership(replica_id(2), handing_over.now);
  expect_more_than_a_beat(std::move(handing_over));
}

TEST(RestingReplica, HearsNoAnswerThatTellsSomething) {
  Leader replica;
  std::vector<SentHeartbeat> beaten;
  replica.now = replica.replica.next_deadline();
  ASSERT_TRUE(replica.replica.beat(replica.now, beaten));
  const SendStamp stamp = beaten[0].request.stamp;
  const std::string before = state_of(replica.replica);
  const auto hears = [&](ReplicaId from, ReplicaId to, const HeartbeatReply& reply) {
    return replica.replica.hear(from, to, reply, replica.now);
  };
  EXPECT_FALSE(hears(replica_id(2), replica_id(1), {Term(2), 0, LogIndex(1)})) << "a later term";
  EXPECT_FALSE(hears(replica_id(2), replica_id(1), {Term(0), stamp, LogIndex(1)}));
  EXPECT_FALSE(hears(replica_id(2), replica_id(1), {Term(1), stamp + 1000, LogIndex(1)})) << "of no round";
  EXPECT_FALSE(hears(replica_id(9), replica_id(1), {Term(1), stamp, LogIndex(1)})) << "no member";
  EXPECT_FALSE(hears(replica_id(2), {NodeId(1), ReplicaNumber(99)}, {Term(1), stamp, LogIndex(1)}));
  EXPECT_EQ(state_of(replica.replica), before);
  EXPECT_TRUE(hears(replica_id(2), replica_id(1), {Term(1), stamp, LogIndex(1)}));
}

}  // namespace
}  // namespace torc::consensus
