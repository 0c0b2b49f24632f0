// Whom a node talks to: judged by what peers say about themselves, before any frame of theirs is taken.
#include "node/admissions.h"

#include <gmock/gmock.h>

#include "node/test_world.h"

namespace torc::node {
namespace {

using testing::HasSubstr;
using Verdict = env::Admission::Verdict;

constexpr NodeId kPeer{2};
const LifeId kMember{kPeer, Incarnation(20)};
const LifeId kStranger{kPeer, Incarnation(21)};
constexpr env::Channel kChannels[] = {env::Channel::kControl, env::Channel::kBulk};

wire::Introduction introduction(LifeId self, uint64_t start = 1) {
  wire::Introduction introduction;
  introduction.self = self;
  introduction.agreement.listed = {NodeId(1), NodeId(2), NodeId(3)};
  introduction.agreement.election_timeout_min = 200ms;
  introduction.start = introduction.chapter = start;
  for (uint64_t chapter = 1; chapter <= start; ++chapter) introduction.nonces.push_back(chapter * 1000);
  return introduction;
}

/// The admissions of node 1 of three, in whose group `voters` count. Its disk writes at once.
struct Door final : AdmissionSources {
  std::vector<LifeId> voters{kMember};
  bool remembers_more = false;
  Instant now{1'000'000'000};
  sim::Disk disk;
  std::unique_ptr<Chapters> chapters = std::move(Chapters::open(disk)).value();
  Admissions admissions{*this, *chapters};

  wire::Introduction own_introduction() const override { return introduction({NodeId(1), Incarnation(10)}); }
  bool is_voter(LifeId life, const wire::HeldReplicas&) const override {
    return std::ranges::find(voters, life) != voters.end();
  }
  bool has_forgotten(const wire::Introduction&) const override { return remembers_more; }

  env::Admission judge(const wire::Introduction& caller, const std::string& address = "10.0.0.2:5") {
    const env::Admission first = admissions.judge(kPeer, address, wire::encode(caller), now);
    if (first.verdict != Verdict::kLater || !disk.queued()) return first;
    disk.run_all();  // its chapter had to be written down
    return admissions.judge(kPeer, address, wire::encode(caller), now);
  }
  env::Admission judge(LifeId caller, const std::string& address = "10.0.0.2:5") {
    return judge(introduction(caller), address);
  }
  void connect(const wire::Introduction& caller, const std::string& address = "10.0.0.2:5") {
    for (const env::Channel channel : kChannels) {
      ASSERT_EQ(judge(caller, address).verdict, Verdict::kWelcome);
      admissions.on_connected(kPeer, channel, now);
    }
  }
  void disconnect() {
    for (const env::Channel channel : kChannels) admissions.on_disconnected(kPeer, channel);
  }
  /// Whoever is connected goes on speaking.
  void pass(Duration time) {
    for (Duration passed{0}; passed < time; passed += 1s) {
      now = now + 1s;
      admissions.on_heard(kPeer, now);
    }
  }
};

TEST(Admissions, WhoDiffersInWhatSafetyDependsOnIsRefusedWithTheDifference) {
  Door door;
  wire::Introduction other = introduction(kMember);
  other.agreement.election_timeout_min = 3000ms;
  const env::Admission admission = door.judge(other);
  EXPECT_EQ(admission.verdict, Verdict::kRefused);
  EXPECT_THAT(admission.refusal.reason, HasSubstr("node 1 runs with --election-timeout-ms 200, node 2 with 3000"));
  EXPECT_EQ(door.admissions.trouble(kPeer), admission.refusal.reason);
  door.connect(introduction(kMember));
  EXPECT_EQ(door.admissions.trouble(kPeer), "");
}

TEST(Admissions, BytesThatAreNoIntroductionAndOneOfSomebodyElseAreRefused) {
  Door door;
  EXPECT_EQ(door.admissions.judge(kPeer, "", "\x07nonsense", door.now).verdict, Verdict::kRefused);
  EXPECT_EQ(door.admissions.judge(kPeer, "", "", door.now).verdict, Verdict::kRefused);
  EXPECT_EQ(door.judge(LifeId{NodeId(3), Incarnation(1)}).verdict, Verdict::kRefused);
  EXPECT_EQ(door.judge(LifeId{kPeer, Incarnation()}).verdict, Verdict::kRefused);
}

// ---- two processes with one number ----

TEST(Admissions, TheSameProcessMayConnectAgainBesideItself) {
  Door door;
  door.connect(introduction(kMember));
  EXPECT_EQ(door.judge(kMember).verdict, Verdict::kWelcome);
  EXPECT_FALSE(door.judge(kMember).ends_earlier);
}

TEST(Admissions, AnotherDataDirectoryDisplacesNoMemberThatIsThere) {
  Door door;
  door.connect(introduction(kMember), "10.0.0.2:5");
  EXPECT_EQ(door.judge(kStranger, "10.0.0.9:7").verdict, Verdict::kLater) << "the other one may just have gone";
  door.pass(3s);
  const env::Admission admission = door.judge(kStranger, "10.0.0.9:7");
  EXPECT_EQ(admission.verdict, Verdict::kRefused);
  EXPECT_THAT(admission.refusal.reason, HasSubstr("two processes call themselves node 2, with different data"));
  EXPECT_THAT(admission.refusal.reason,
              HasSubstr("the one at 10.0.0.2:5 is connected, the one at 10.0.0.9:7 is refused"));
  EXPECT_EQ(door.admissions.trouble(kPeer), "") << "there is a connection";
  door.now = door.now + 60s;
  EXPECT_NE(door.judge(kStranger).verdict, Verdict::kWelcome) << "also when it is silent";
  door.disconnect();
  EXPECT_EQ(door.judge(kStranger).verdict, Verdict::kWelcome) << "it may come back as a new life";
}

TEST(Admissions, AMemberTakesThePlaceOfAStrangerWithItsNumber) {
  Door door;
  door.connect(introduction(kStranger));
  const env::Admission admission = door.judge(kMember);
  EXPECT_EQ(admission.verdict, Verdict::kWelcome);
  EXPECT_TRUE(admission.ends_earlier);
  door.admissions.on_connected(kPeer, env::Channel::kControl, door.now);
  EXPECT_NE(door.judge(kStranger).verdict, Verdict::kWelcome);
}

TEST(Admissions, OfTwoStrangersTheFirstStays) {
  Door door;
  door.voters.clear();
  door.connect(introduction(kStranger));
  door.judge(kMember);
  door.pass(3s);
  EXPECT_EQ(door.judge(kMember).verdict, Verdict::kRefused);
}

TEST(Admissions, ALaterStartTakesOverOnceTheEarlierOneIsSilent) {
  Door door;
  door.connect(introduction(kMember, 1));
  EXPECT_EQ(door.judge(introduction(kMember, 2)).verdict, Verdict::kLater);
  door.now = door.now + Admissions::kSilentFor;
  const env::Admission admission = door.judge(introduction(kMember, 2));
  EXPECT_EQ(admission.verdict, Verdict::kWelcome);
  EXPECT_TRUE(admission.ends_earlier);
}

// Two copies of one directory, both running: the one that is connected stays, and the other one leaves no trace.
TEST(Admissions, ALaterStartBesideOneThatIsHeardIsAnotherProcess) {
  Door door;
  door.connect(introduction(kMember, 1));
  door.judge(introduction(kMember, 2), "10.0.0.9:7");
  door.pass(3s);
  const env::Admission admission = door.judge(introduction(kMember, 2), "10.0.0.9:7");
  EXPECT_EQ(admission.verdict, Verdict::kRefused);
  EXPECT_THAT(admission.refusal.reason, HasSubstr("with copies of one data directory"));
  EXPECT_EQ(door.chapters->noted(kMember).number, 1u);
  door.disconnect();
  EXPECT_EQ(door.judge(introduction(kMember, 1)).verdict, Verdict::kWelcome);
}

// ---- memory ----

TEST(Admissions, NoFrameIsTakenBeforeTheChapterIsWrittenDown) {
  Door door;
  const std::string caller = wire::encode(introduction(kMember, 1));
  EXPECT_EQ(door.admissions.judge(kPeer, "", caller, door.now).verdict, Verdict::kLater);
  EXPECT_EQ(door.admissions.judge(kPeer, "", caller, door.now).verdict, Verdict::kLater);
  door.disk.run_all();
  EXPECT_EQ(door.admissions.judge(kPeer, "", caller, door.now).verdict, Verdict::kWelcome);
}

TEST(Admissions, AnOldCopyIsRefusedAndToldSo) {
  Door door;
  door.connect(introduction(kMember, 7));
  door.disconnect();
  wire::Introduction copy = introduction(kMember, 7);  // of the directory as chapter 6 left it
  copy.nonces.back() = 1;
  const env::Admission admission = door.judge(copy);
  EXPECT_EQ(admission.verdict, Verdict::kRefused);
  EXPECT_EQ(admission.refusal.kind, env::RefusalKind::kOldCopy);
  EXPECT_THAT(admission.refusal.reason, HasSubstr("node 2 runs on an old copy of its data directory"));
  EXPECT_EQ(wire::decode_chapter(admission.refusal.proof), (wire::Chapter{7, 7000}));
}

TEST(Admissions, ALogThatEndsBeforeWhatWasAcknowledgedToThisLeaderIsAnOldCopyToo) {
  Door door;
  door.connect(introduction(kMember, 1));
  door.disconnect();
  door.remembers_more = true;
  EXPECT_EQ(door.judge(introduction(kMember, 2)).refusal.kind, env::RefusalKind::kOldCopy);
  // Of the same process acknowledgements may have overtaken the introduction.
  EXPECT_EQ(door.judge(introduction(kMember, 1)).verdict, Verdict::kWelcome);
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
  EXPECT_EQ(cluster.ask(client, kv::CommandId::kGet, {"k"}), "!not born");
  EXPECT_THAT(cluster.world->node(NodeId(1))->explanation(), HasSubstr("--initial-cluster of nodes"));
}

}  // namespace
}  // namespace torc::node
