// A copy of a data directory is put back, as a restored backup or snapshot of a machine: does the node find out, is
// nothing that was acknowledged lost, and does it come back (docs/decisions/0007)?
#include <gmock/gmock.h>

#include "node/test_world.h"
#include "wire/introduction.h"

namespace torc::node {
namespace {

using kv::CommandId;
using testing::HasSubstr;

struct CopiedWorld : TestWorld {
  std::map<NodeId, std::string> told;
  NodeId leading;
  NodeId victim;

  CopiedWorld()
      : TestWorld(3, [this](sim::WorldOptions& options) {
          options.node.log.segment_bytes = 64u << 10;
          options.tell = [this](NodeId id, const Notice& notice) { told[id] += notice.text + "\n"; };
        }) {
    leading = await_leader();
    victim = follower();
    run_until([&] { return is_voter(victim); });
    write("before the copy");
  }
  void write(const std::string& value) {
    Terminal& client = connect(await_leader());
    ASSERT_EQ(ask(client, CommandId::kSet, {"k", value}), "OK");
    ASSERT_TRUE(run_until([&] { return group(victim).applied == group(await_leader()).applied; }));
  }
  std::string read() { return ask(connect(await_leader()), CommandId::kGet, {"k"}); }
  void put_copy_back() {
    world->kill(victim, sim::Death::kKill);
    world->put_copy_back(victim);
    world->start(victim);
  }
  Incarnation life(NodeId id) { return world->node(id)->status().incarnation; }
  bool is_voter(NodeId id) {
    Node* node = world->node(id);
    return node != nullptr && node->replica_of(GroupId(1)) != nullptr &&
           node->replica_of(GroupId(1))->is_configuration_settled() &&
           node->replica_of(GroupId(1))->configuration().is_voter(node->status().groups.front().self);
  }
  /// The node has given the copy up, is a voter in a new life, and carries a majority with one of the others.
  void expect_return(Incarnation former) {
    ASSERT_TRUE(run_until([&] { return is_voter(victim) && life(victim) != former; }, 60s)) << failure();
    const NodeId other = victim == NodeId(3) ? NodeId(2) : NodeId(3);
    for (const NodeId id : world->nodes()) {
      if (id != victim && id != other) world->kill(id, sim::Death::kPowerLoss);
    }
    run_until([&] { return leader() == victim || leader() == other; });
    EXPECT_EQ(read(), "after the copy");
    EXPECT_EQ(failure(), "");
  }
};

TEST(OldCopy, OneOfBeforeTheLastStartIsGivenUp) {
  CopiedWorld cluster;
  const Incarnation former = cluster.life(cluster.victim);
  cluster.world->copy_directory(cluster.victim);
  cluster.world->kill(cluster.victim, sim::Death::kKill);
  cluster.world->start(cluster.victim);
  cluster.write("after the copy");
  cluster.put_copy_back();
  cluster.expect_return(former);
}

// No start since: what tells is that the directory's chapters ended before what peers have written down.
TEST(OldCopy, OneThatWasTakenWhileTheNodeRanIsGivenUp) {
  CopiedWorld cluster;
  const Incarnation former = cluster.life(cluster.victim);
  cluster.world->copy_directory(cluster.victim);
  cluster.write("after the copy");
  const uint64_t chapter = cluster.world->node(cluster.victim)->status().chapter;
  ASSERT_TRUE(cluster.run_until([&] { return cluster.world->node(cluster.victim)->status().chapter > chapter; }, 15s));
  ASSERT_TRUE(cluster.run_until([&] { return cluster.world->is_copy_outdated(cluster.victim); }));
  // Nobody remembers in memory what the node acknowledged: all were down.
  for (const NodeId id : cluster.world->nodes()) cluster.world->kill(id, sim::Death::kKill);
  cluster.world->put_copy_back(cluster.victim);
  for (const NodeId id : cluster.world->nodes()) cluster.world->start(id);
  cluster.expect_return(former);
}

// Taken moments ago, it lacks no chapter: the leader that the node acknowledged more to knows.
TEST(OldCopy, OneOfAMomentAgoIsGivenUpWhileTheLeaderLives) {
  CopiedWorld cluster;
  const Incarnation former = cluster.life(cluster.victim);
  cluster.world->copy_directory(cluster.victim);
  cluster.write("after the copy");
  ASSERT_FALSE(cluster.world->is_copy_outdated(cluster.victim));
  cluster.put_copy_back();
  cluster.expect_return(former);
}

// Its peer that knows is away, and the one that is there never heard of what the copy lacks, but was told in between.
TEST(OldCopy, APeerThatWasAwayIsToldByTheOthers) {
  CopiedWorld cluster;
  const Incarnation former = cluster.life(cluster.victim);
  const NodeId third = NodeId(6 - cluster.victim.value - cluster.leading.value);
  cluster.world->copy_directory(cluster.victim);
  cluster.world->kill(third, sim::Death::kKill);
  cluster.world->kill(cluster.victim, sim::Death::kKill);
  cluster.world->start(cluster.victim);
  cluster.write("after the copy");
  for (const NodeId other : {cluster.leading, third}) {
    cluster.world->network().cut(cluster.victim, other, sim::CutMode::kLose);
    cluster.world->network().cut(other, cluster.victim, sim::CutMode::kLose);
  }
  cluster.world->start(third);
  ASSERT_TRUE(cluster.run_until([&] { return cluster.world->is_copy_outdated(cluster.victim); }));
  cluster.world->kill(cluster.leading, sim::Death::kKill);
  cluster.world->kill(cluster.victim, sim::Death::kKill);
  cluster.world->network().heal_all();
  cluster.world->put_copy_back(cluster.victim);
  cluster.world->start(cluster.victim);
  cluster.world->run_for(10s);
  EXPECT_EQ(cluster.leader(), NodeId()) << "the copy and whoever was away are no majority that remembers";
  cluster.world->start(cluster.leading);
  cluster.expect_return(former);
}

// News of a chapter passed by one connection while an introduction of the time before was on its way on the other.
TEST(OldCopy, WhoIsRefusedForAChapterThatItKnowsGivesNothingUp) {
  CopiedWorld cluster;
  const Incarnation life = cluster.life(cluster.victim);
  Node& node = *cluster.world->node(cluster.victim);
  const wire::Introduction own = wire::decode_introduction(*node.introduction()).value();
  const wire::Chapter latest{own.chapter, own.nonces.back()};
  node.on_refused(cluster.leading, {env::RefusalKind::kOldCopy, "overtaken", wire::encode(latest)});
  cluster.write("after the refusal");
  EXPECT_EQ(cluster.life(cluster.victim), life);
  EXPECT_EQ(cluster.failure(), "");
}

TEST(OldCopy, ADirectoryThatIsUpToDateIsNoCopyHoweverOftenItsNodeStarts) {
  CopiedWorld cluster;
  const Incarnation former = cluster.life(cluster.victim);
  for (int i = 0; i < 10; ++i) {
    cluster.world->kill(cluster.victim, i % 2 == 0 ? sim::Death::kKill : sim::Death::kPowerLoss);
    cluster.world->start(cluster.victim);
    cluster.write("round " + std::to_string(i));
  }
  EXPECT_EQ(cluster.life(cluster.victim), former);
  EXPECT_EQ(cluster.world->refusals(), 0u);
}

}  // namespace
}  // namespace torc::node
