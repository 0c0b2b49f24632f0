// Whom a node talks to: judged by what peers say about themselves, before any frame of theirs is taken.
#include "node/admissions.h"

#include <gmock/gmock.h>

#include "node/test_world.h"

namespace torc::node {
namespace {

using testing::HasSubstr;
using Verdict = env::Admission::Verdict;

constexpr NodeId kPeer{2};
const consensus::ReplicaId kMember{kPeer, Incarnation(20)};
const consensus::ReplicaId kStranger{kPeer, Incarnation(21)};

/// The admissions of node 1 of three, in whose group `voters` count.
struct Door {
  std::vector<consensus::ReplicaId> voters{kMember};
  Admissions admissions{
      {.self =
           [] {
             return introduction({NodeId(1), Incarnation(10)});
           },
       .is_voter = [this](consensus::ReplicaId id) { return std::ranges::find(voters, id) != voters.end(); }}};

  static wire::Introduction introduction(consensus::ReplicaId self) {
    wire::Introduction introduction;
    introduction.self = self;
    introduction.agreement.listed = {NodeId(1), NodeId(2), NodeId(3)};
    introduction.agreement.election_timeout_min = 200ms;
    return introduction;
  }
  env::Admission judge(consensus::ReplicaId caller, const std::string& address = "10.0.0.2:5") {
    return admissions.judge(kPeer, address, wire::encode(introduction(caller)));
  }
  void connect(consensus::ReplicaId caller, const std::string& address = "10.0.0.2:5") {
    for (const env::Channel channel : {env::Channel::kControl, env::Channel::kBulk}) {
      ASSERT_EQ(judge(caller, address).verdict, Verdict::kWelcome);
      admissions.on_connected(kPeer, channel);
    }
  }
  void disconnect() {
    for (const env::Channel channel : {env::Channel::kControl, env::Channel::kBulk}) {
      admissions.on_disconnected(kPeer, channel);
    }
  }
};

TEST(Admissions, WhoDiffersInWhatSafetyDependsOnIsRefusedWithTheDifference) {
  Door door;
  wire::Introduction other = Door::introduction(kMember);
  other.agreement.election_timeout_min = 3000ms;
  const env::Admission admission = door.admissions.judge(kPeer, "10.0.0.2:5", wire::encode(other));
  EXPECT_EQ(admission.verdict, Verdict::kRefused);
  EXPECT_THAT(admission.refusal.reason, HasSubstr("node 1 runs with --election-timeout-ms 200, node 2 with 3000"));
  EXPECT_EQ(door.admissions.trouble(kPeer), admission.refusal.reason);
  door.connect(kMember);
  EXPECT_EQ(door.admissions.trouble(kPeer), "");
}

TEST(Admissions, BytesThatAreNoIntroductionAndOneOfSomebodyElseAreRefused) {
  Door door;
  EXPECT_EQ(door.admissions.judge(kPeer, "", "\x07nonsense").verdict, Verdict::kRefused);
  EXPECT_EQ(door.admissions.judge(kPeer, "", "").verdict, Verdict::kRefused);
  EXPECT_EQ(door.judge({NodeId(3), Incarnation(1)}).verdict, Verdict::kRefused);
  EXPECT_EQ(door.judge({kPeer, Incarnation()}).verdict, Verdict::kRefused);
}

TEST(Admissions, TheSameProcessMayConnectAgainBesideItself) {
  Door door;
  door.connect(kMember);
  EXPECT_EQ(door.judge(kMember).verdict, Verdict::kWelcome);
  EXPECT_FALSE(door.judge(kMember).ends_earlier);
}

TEST(Admissions, AnotherDataDirectoryDisplacesNoMemberThatIsThere) {
  Door door;
  door.connect(kMember, "10.0.0.2:5");
  const env::Admission admission = door.judge(kStranger, "10.0.0.9:7");
  EXPECT_EQ(admission.verdict, Verdict::kRefused);
  EXPECT_THAT(admission.refusal.reason, HasSubstr("two processes call themselves node 2"));
  EXPECT_THAT(admission.refusal.reason,
              HasSubstr("the one at 10.0.0.2:5 is connected, the one at 10.0.0.9:7 is refused"));
  EXPECT_EQ(door.admissions.trouble(kPeer), "") << "there is a connection";
  door.disconnect();
  EXPECT_EQ(door.judge(kStranger).verdict, Verdict::kWelcome) << "it may come back as a new life";
}

TEST(Admissions, AMemberTakesThePlaceOfAStrangerWithItsNumber) {
  Door door;
  door.connect(kStranger);
  const env::Admission admission = door.judge(kMember);
  EXPECT_EQ(admission.verdict, Verdict::kWelcome);
  EXPECT_TRUE(admission.ends_earlier);
  door.admissions.on_connected(kPeer, env::Channel::kControl);
  EXPECT_EQ(door.judge(kStranger).verdict, Verdict::kRefused);
}

TEST(Admissions, OfTwoStrangersTheFirstStays) {
  Door door;
  door.voters.clear();
  door.connect(kStranger);
  EXPECT_EQ(door.judge(kMember).verdict, Verdict::kRefused);
}

// ---- whole nodes ----

TEST(Admissions, ANodeWithAnotherElectionTimeoutTakesNoPartAndItsClientsAreToldWhy) {
  TestWorld cluster(3);
  cluster.await_leader();
  const NodeId odd = cluster.follower();
  cluster.adjust_node = [&](NodeOptions& options) {
    if (options.id == odd) options.election_timeout_min = 900ms;
  };
  cluster.world->kill(odd, sim::Death::kKill);
  cluster.world->start(odd);
  cluster.world->run_for(5s);
  const std::string told = "runs with --election-timeout-ms";
  for (const NodeId id : cluster.world->nodes()) {
    for (const PeerStatus& peer : cluster.world->node(id)->status().peers) {
      const bool is_between_the_two = id == odd || peer.node == odd;
      EXPECT_EQ(peer.is_connected, !is_between_the_two) << "node " << id << " with " << peer.node;
      EXPECT_THAT(peer.trouble, HasSubstr(is_between_the_two ? told : "")) << "node " << id << " with " << peer.node;
    }
  }
  Terminal& client = cluster.connect(cluster.await_leader());
  EXPECT_EQ(cluster.ask(client, kv::CommandId::kSet, {"k", "v"}), "OK");

  cluster.adjust_node = {};
  cluster.world->kill(odd, sim::Death::kKill);
  cluster.world->start(odd);
  EXPECT_TRUE(cluster.run_until([&] { return static_cast<bool>(cluster.group(odd).leader_node); }));
}

TEST(Admissions, AClusterWhoseNodesDifferFromTheStartSaysSoInsteadOfWaitingForEver) {
  TestWorld cluster(3);
  for (const NodeId id : cluster.world->nodes()) {
    cluster.world->kill(id, sim::Death::kKill);
    cluster.world->wipe(id);
  }
  cluster.adjust_node = [](NodeOptions& options) {
    if (options.id == NodeId(3)) options.initial_cluster = {NodeId(2), NodeId(3)};
  };
  for (const NodeId id : cluster.world->nodes()) cluster.world->start(id);
  cluster.world->run_for(5s);
  for (const NodeId id : cluster.world->nodes()) {
    const NodeStatus status = cluster.world->node(id)->status();
    EXPECT_EQ(status.membership, Membership::kMeeting) << "node " << id;
    EXPECT_THAT(status.explanation, HasSubstr("--initial-cluster of nodes 1, 2, 3, node 3 with one of nodes 2, 3"));
  }
  Terminal& client = cluster.connect(NodeId(1));
  EXPECT_THAT(cluster.ask(client, kv::CommandId::kGet, {"k"}), HasSubstr("--initial-cluster of nodes"));
}

}  // namespace
}  // namespace torc::node
