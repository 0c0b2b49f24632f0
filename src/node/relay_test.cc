// The way of forwarded commands when the link to the leader is cut: which one is taken, and what a relay does
// (rules.md#one-relay-hop).
#include "node/relay.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "base/prng.h"
#include "node/test_forwarding.h"

namespace torc::node {
namespace {

constexpr NodeId kOther{3};

// ---- which way ----

struct Neighbours final : ForwardNeighbours {
  std::set<NodeId> connected{kLeader, kOther};
  std::vector<std::pair<NodeId, wire::ForwardRequest>> probes;
  std::vector<NodeId> neighbours() const override { return {kLeader, kOther}; }
  bool can_send_to(NodeId node) const override { return connected.contains(node); }
  bool is_sending_to(NodeId) const override { return false; }
  void send_to(NodeId node, const wire::ForwardRequest& request) override { probes.emplace_back(node, request); }
};

struct ForwardPathTest : testing::Test {
  Neighbours neighbours;
  ForwardPath path{kGroup, neighbours};
  Instant now{5'000'000'000};
  Instant last_progress = now;
  static constexpr ForwardPath::Hop kDirect{kLeader, false};
  static constexpr ForwardPath::Hop kRelayed{kOther, true};
  static constexpr ForwardPath::Hop kNone{};

  ForwardPath::Hop choose(NodeId leader = kLeader) { return path.choose(leader, {true, true, last_progress, 7}, now); }
  void pass(Duration time) { now = now + time; }
  /// The answer to the last probe that was sent to `node`.
  void answer(NodeId node, bool is_rejected = false) {
    for (auto probe = neighbours.probes.rbegin(); probe != neighbours.probes.rend(); ++probe) {
      if (probe->first != node) continue;
      wire::ForwardReply reply;
      reply.is_probe = true;
      reply.batch = probe->second.batch;
      reply.is_rejected = is_rejected;
      return path.on_answer(node, reply, now);
    }
    FAIL() << "node " << node << " was not asked";
  }
  void cut_direct() {
    ASSERT_EQ(choose(), kDirect);
    pass(ForwardPath::kSilentAfter + 1ms);
    ASSERT_EQ(choose(), kDirect);
    pass(ForwardPath::kAnswerWithin + 1ms);
    ASSERT_EQ(choose(), kNone);
  }
};

TEST_F(ForwardPathTest, IsDirectAsLongAsAnswersCome) {
  for (int round = 0; round < 100; ++round) {
    pass(ForwardPath::kSilentAfter);
    EXPECT_EQ(choose(), kDirect);
    last_progress = now;
  }
  EXPECT_TRUE(neighbours.probes.empty());
}

TEST_F(ForwardPathTest, SlowLeaderThatAnswersProbesIsNotLeft) {
  for (int round = 0; round < 1000; ++round) {
    pass(10ms);
    ASSERT_EQ(choose(), kDirect);
    if (!neighbours.probes.empty()) answer(kLeader);
  }
  EXPECT_LE(neighbours.probes.size(), 10s / ForwardPath::kSilentAfter);
}

TEST_F(ForwardPathTest, SilentLeaderIsProbedThenTheFirstMemberThatConfirmsIsTaken) {
  cut_direct();
  answer(kOther, true);
  EXPECT_EQ(choose(), kNone) << "it does not reach the leader";
  pass(ForwardPath::kSearchInterval);
  choose();
  answer(kOther);
  EXPECT_EQ(choose(), kRelayed);
}

TEST_F(ForwardPathTest, NodeThatHearsNoLeaderAsksTheMembersWhetherTheyDo) {
  EXPECT_EQ(choose(NodeId()), kNone);
  ASSERT_EQ(neighbours.probes.size(), 2u);
  EXPECT_TRUE(neighbours.probes[0].second.wants_relay && neighbours.probes[1].second.wants_relay);
  answer(kOther);
  EXPECT_EQ(choose(NodeId()), kRelayed);
}

TEST_F(ForwardPathTest, LostConnectionIsACutAtOnce) {
  ASSERT_EQ(choose(), kDirect);
  neighbours.connected.erase(kLeader);
  EXPECT_EQ(choose(), kNone);
  answer(kOther);
  EXPECT_EQ(choose(), kRelayed);
  neighbours.connected.insert(kLeader);
  EXPECT_EQ(choose(), kDirect);
}

TEST_F(ForwardPathTest, DirectWayIsTakenAgainAtItsFirstAnswer) {
  cut_direct();
  answer(kOther);
  for (int round = 0; round < 10; ++round) {
    pass(ForwardPath::kDirectProbeInterval);
    last_progress = now;
    ASSERT_EQ(choose(), kRelayed);
  }
  answer(kLeader);
  EXPECT_EQ(choose(), kDirect);
}

TEST_F(ForwardPathTest, RelayThatRefusesOrFallsSilentIsGivenUp) {
  cut_direct();
  answer(kOther);
  ASSERT_EQ(choose(), kRelayed);
  path.on_rejection(kOther);
  EXPECT_EQ(choose(), kNone);
  pass(ForwardPath::kSearchInterval);
  choose();
  answer(kOther);
  ASSERT_EQ(choose(), kRelayed);
  pass(ForwardPath::kSilentAfter + 1ms);
  ASSERT_EQ(choose(), kRelayed);
  pass(ForwardPath::kAnswerWithin + 1ms);
  EXPECT_EQ(choose(), kNone);
}

TEST_F(ForwardPathTest, AnswersAtTheAgeLimitCountAndOlderOnesDoNot) {
  cut_direct();
  pass(ForwardPath::kAnswerAgeMax + Duration(1));
  answer(kOther);
  EXPECT_EQ(choose(), kNone) << "and everybody is asked again";
  pass(ForwardPath::kAnswerAgeMax);
  answer(kOther);
  EXPECT_EQ(choose(), kRelayed);
}

TEST_F(ForwardPathTest, SearchIsNoFasterThanItsInterval) {
  for (int round = 0; round < 1000; ++round) {
    choose(NodeId());
    pass(1ms);
  }
  EXPECT_EQ(neighbours.probes.size(), 2 * (1s / ForwardPath::kSearchInterval));
}

// ---- the relay ----

struct Middle final : RelayHost {
  consensus::ReplicaId leader{kLeader, ReplicaNumber(1)};
  std::set<NodeId> connected{kFollower, kLeader};
  std::vector<std::pair<NodeId, wire::ForwardRequest>> requests;
  std::vector<std::pair<NodeId, wire::ForwardReply>> replies;
  Relay relay{*this};
  consensus::ReplicaId known_leader() const override { return leader; }
  bool can_send_to(NodeId node) const override { return connected.contains(node); }
  void send_to(NodeId node, const wire::ForwardRequest& request) override { requests.emplace_back(node, request); }
  void send_to(NodeId node, const wire::ForwardReply& reply) override { replies.emplace_back(node, reply); }
};

wire::ForwardRequest request_to_relay() {
  wire::ForwardRequest request;
  request.group = kGroup;
  request.epoch = 1u << 20;
  request.batch = 3;
  request.wants_relay = true;
  request.commands.push_back({.sequence = 4, .id = kv::CommandId::kGet, .args = {"key"}});
  return request;
}

TEST(Relay, PassesOnOnceUnderTheNameOfTheOrigin) {
  Middle middle;
  middle.relay.on_request(kFollower, request_to_relay());
  ASSERT_EQ(middle.requests.size(), 1u);
  const auto& [to, passed] = middle.requests[0];
  EXPECT_EQ(to, kLeader);
  EXPECT_EQ(passed.origin, kFollower);
  EXPECT_TRUE(passed.is_relayed);
  EXPECT_FALSE(passed.wants_relay);
  EXPECT_EQ(passed.batch, 3u);
  EXPECT_EQ(passed.commands.size(), 1u);
}

TEST(Relay, RefusesWhatItCannotPassOn) {
  Middle middle;
  const std::vector<std::function<void()>> obstacles = {
      [&] { middle.leader = {}; },
      [&] {
        middle.leader = {kFollower, ReplicaNumber(1)};
      },
      [&] {
        middle.leader = {kLeader, ReplicaNumber(1)};
        middle.connected.erase(kLeader);
      },
  };
  for (const auto& obstacle : obstacles) {
    obstacle();
    middle.relay.on_request(kFollower, request_to_relay());
    ASSERT_FALSE(middle.replies.empty());
    EXPECT_EQ(middle.replies.back().first, kFollower);
    EXPECT_TRUE(middle.replies.back().second.is_rejected);
    EXPECT_FALSE(middle.replies.back().second.is_probe);
    EXPECT_EQ(middle.replies.back().second.epoch, 1u << 20);
  }
  EXPECT_TRUE(middle.requests.empty());
}

// ---- the receiver ----

wire::ForwardRequest batch_of(uint64_t epoch, uint64_t batch, uint64_t sequence, bool is_relayed) {
  wire::ForwardRequest request;
  request.group = kGroup;
  request.epoch = epoch;
  request.batch = batch;
  request.is_relayed = is_relayed;
  if (is_relayed) request.origin = kFollower;
  request.commands.push_back({.sequence = sequence, .id = kv::CommandId::kGet, .args = {"key"}});
  return request;
}
constexpr uint64_t kProcess = 5ull << 32;

TEST(ForwardReceiver, AnswersGoBackTheWayTheEpochCame) {
  Leader leader;
  leader.receiver.on_request(kOther, batch_of(kProcess + 1, 0, 1, true));
  leader.receiver.flush();
  ASSERT_EQ(leader.out.size(), 1u);
  EXPECT_EQ(leader.out_to[0], kOther);
  EXPECT_EQ(leader.out[0].origin, kFollower);
  leader.receiver.on_request(kFollower, batch_of(kProcess + 2, 0, 2, false));
  leader.receiver.flush();
  ASSERT_EQ(leader.out.size(), 2u);
  EXPECT_EQ(leader.out_to[1], kFollower);
  EXPECT_EQ(leader.out[1].origin, NodeId());
}

TEST(ForwardReceiver, WhatComesLateByAnotherWayDoesNotDisturbTheNewerEpoch) {
  Leader leader;
  leader.receiver.on_request(kOther, batch_of(kProcess + 2, 0, 1, true));
  leader.receiver.on_request(kFollower, batch_of(kProcess + 1, 0, 1, false));
  leader.receiver.on_connection_changed(kFollower);
  leader.receiver.on_request(kOther, batch_of(kProcess + 2, 1, 2, true));
  leader.receiver.flush();
  ASSERT_EQ(leader.out.size(), 1u);
  EXPECT_FALSE(leader.out[0].is_rejected);
  EXPECT_EQ(leader.out[0].replies.size(), 2u);
}

TEST(ForwardReceiver, AnswersToAnEarlierProcessAreNotGivenToTheNextOne) {
  Leader leader;
  leader.receiver.on_request(kOther, batch_of(kProcess + 1, 0, 1, true));
  leader.receiver.on_request(kOther, batch_of(2 * kProcess, 0, 9, true));
  leader.receiver.flush();
  ASSERT_EQ(leader.out.size(), 1u);
  ASSERT_EQ(leader.out[0].replies.size(), 1u);
  EXPECT_EQ(leader.out[0].replies[0].sequence, 9u);
}

TEST(ForwardReceiver, EpochWhoseBeginningWasLostOnTheWayIsRefusedAtOnce) {
  Leader leader;
  leader.receiver.on_request(kOther, batch_of(kProcess + 1, 1, 1, true));
  ASSERT_EQ(leader.out.size(), 1u);
  EXPECT_TRUE(leader.out[0].is_rejected);
  EXPECT_EQ(leader.out[0].epoch, kProcess + 1);
}

TEST(ForwardReceiver, ProbeIsAnsweredByWhetherItLeadsAndLeavesTheStreamAlone) {
  Leader leader;
  leader.receiver.on_request(kFollower, batch_of(kProcess + 1, 0, 1, false));
  wire::ForwardRequest probe = batch_of(kProcess + 1, 77, 0, true);
  probe.commands.clear();
  leader.receiver.on_request(kOther, probe);
  ASSERT_EQ(leader.out.size(), 1u);
  EXPECT_TRUE(leader.out[0].is_probe);
  EXPECT_FALSE(leader.out[0].is_rejected);
  EXPECT_EQ(leader.out[0].batch, 77u);
  EXPECT_EQ(leader.out[0].origin, kFollower);
  leader.receiver.on_request(kFollower, batch_of(kProcess + 1, 1, 2, false));
  leader.is_leader = false;
  leader.receiver.on_request(kOther, probe);
  EXPECT_TRUE(leader.out[1].is_rejected);
  leader.is_leader = true;
  leader.receiver.flush();
  ASSERT_EQ(leader.out.size(), 3u);
  EXPECT_EQ(leader.out[2].replies.size(), 2u);
}

TEST(Forwarding, RelayThatTurnsOutToLeadGoesOnWithTheStream) {
  Leader leader;
  Follower follower;
  Instant now{5'000'000'000};
  const auto exchange = [&](NodeId known_leader) {
    now = now + 10ms;
    follower.forwarder.flush(known_leader, false, now);
    for (; !follower.out.empty(); follower.out.pop_front()) leader.receiver.on_request(kFollower, follower.out.front());
    leader.receiver.flush();
    for (; !leader.out.empty(); leader.out.pop_front()) follower.forwarder.on_reply(kLeader, leader.out.front(), now);
  };
  leader.holds_answers = true;
  follower.read(1, now);
  for (int round = 0; round < 3; ++round) exchange(NodeId());
  ASSERT_EQ(leader.held.size(), 1u);
  follower.read(2, now);
  for (int round = 0; round < 3; ++round) exchange(kLeader);
  EXPECT_EQ(leader.held.size(), 2u) << "the first was sent again";
  leader.release();
  exchange(kLeader);
  EXPECT_EQ(follower.port.answers.size(), 2u);
}

// ---- all together ----

/// A follower with two ways to the leader, each of which delays, loses and is cut; nothing overtakes on one of them.
struct TwoWays {
  Leader leader;
  Follower follower;
  Middle middle;
  Instant now{5'000'000'000};
  Prng prng;
  bool is_direct_cut = false;
  struct Way {
    std::deque<wire::ForwardRequest> there;
    std::deque<wire::ForwardReply> back;
  };
  Way direct;
  Way relayed;

  explicit TwoWays(uint64_t seed) : prng(seed) { follower.members = {kLeader, kOther}; }

  void exchange() {
    now = now + Duration(prng.between(1'000'000, 60'000'000));
    follower.forwarder.flush(is_direct_cut && prng.chance(1, 2) ? NodeId() : kLeader, false, now);
    for (; !follower.out.empty(); follower.out.pop_front(), follower.out_to.pop_front()) {
      if (follower.out_to.front() == kLeader) {
        follower.out.front().wants_relay = false;
        direct.there.push_back(follower.out.front());
      } else {
        middle.relay.on_request(kFollower, follower.out.front());
      }
    }
    for (const auto& [to, request] : middle.requests) relayed.there.push_back(request);
    middle.requests.clear();
    deliver(direct, kFollower, is_direct_cut);
    deliver(relayed, kOther, false);
    leader.receiver.flush();
    for (; !leader.out.empty(); leader.out.pop_front(), leader.out_to.pop_front()) {
      (leader.out_to.front() == kOther ? relayed : direct).back.push_back(leader.out.front());
    }
    answer(direct, kLeader, is_direct_cut);
    answer(relayed, kOther, false);
    follower.forwarder.expire(now);
  }
  void deliver(Way& way, NodeId from, bool is_cut) {
    while (!is_cut && !way.there.empty() && prng.chance(3, 4)) {
      if (!prng.chance(1, 10)) leader.receiver.on_request(from, way.there.front());
      way.there.pop_front();
    }
  }
  void answer(Way& way, NodeId from, bool is_cut) {
    while (!is_cut && !way.back.empty() && prng.chance(3, 4)) {
      if (!prng.chance(1, 10)) follower.forwarder.on_reply(from, way.back.front(), now);
      way.back.pop_front();
    }
  }
};

TEST(Forwarding, EveryWriteOnceAndInOrderWhicheverWayItGoes) {
  size_t relayed = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    TwoWays ways(seed);
    constexpr int kWrites = 40;
    int written = 0;
    for (int round = 0; round < 300 || written < kWrites; ++round) {
      if (written < kWrites && ways.prng.chance(1, 5)) {
        ++written;
        ways.follower.write(written, std::to_string(written), ways.now);
      }
      if (ways.prng.chance(1, 30)) ways.is_direct_cut = !ways.is_direct_cut;  // what is on its way arrives afterwards
      ways.leader.holds_answers = ways.prng.chance(1, 4);
      if (!ways.leader.holds_answers) ways.leader.release();
      relayed += ways.relayed.there.size();
      ways.exchange();
    }
    ways.is_direct_cut = true;
    ways.leader.holds_answers = false;
    ways.leader.release();
    for (int round = 0; round < 400; ++round) ways.exchange();
    const std::vector<std::string>& executed = ways.leader.executed;
    ASSERT_TRUE(std::ranges::is_sorted(executed, {}, [](const std::string& text) { return std::stoi(text); }));
    ASSERT_EQ(std::set<std::string>(executed.begin(), executed.end()).size(), executed.size()) << "executed twice";
    ASSERT_EQ(static_cast<int>(ways.follower.port.answers.size()), kWrites) << "every write is answered";
    for (const auto& [ticket, answer] : ways.follower.port.answers) {
      const std::optional<kv::Refusal> refusal = kv::recorded_refusal(answer);
      if (refusal && !is_definite(*refusal)) continue;
      ASSERT_EQ(std::ranges::count(executed, std::to_string(ticket)), refusal ? 0 : 1)
          << ticket << ": " << (refusal ? kv::name_of(*refusal) : "");
    }
  }
  EXPECT_GT(relayed, 1000u);
}

}  // namespace
}  // namespace torc::node
