#include "node/role_notice.h"

#include <gmock/gmock.h>

#include "node/test_world.h"

namespace torc::node {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// What each node told since the last look.
struct Notices {
  std::map<NodeId, std::vector<std::string>> texts;

  std::function<void(sim::WorldOptions&)> collector() {
    return [this](sim::WorldOptions& options) {
      options.tell = [this](NodeId id, const Notice& notice) { texts[id].push_back(notice.text); };
    };
  }
  NodeId leader() const {
    for (const auto& [id, lines] : texts) {
      if (!lines.empty() && lines.back().starts_with("leads term")) return id;
    }
    return NodeId();
  }
};

TEST(RoleNotice, AnElectionIsToldStepByStepAndByEveryone) {
  Notices notices;
  TestWorld cluster(3, notices.collector());
  const NodeId leader = cluster.await_leader();
  cluster.world->run_for(1s);
  const std::string term = std::to_string(cluster.group(leader).replica.term.value);
  EXPECT_THAT(notices.texts[leader], Contains(HasSubstr("asks who would vote for it in term " + term +
                                                        ": it heard no leader for an election timeout")));
  EXPECT_THAT(notices.texts[leader], Contains(HasSubstr("asks for votes in term " + term + ": a majority said")));
  EXPECT_EQ(notices.texts[leader].back(), "leads term " + term + ", elected by a majority");
  for (const NodeId id : cluster.world->nodes()) {
    if (id == leader) continue;
    EXPECT_EQ(notices.texts[id].back(), "follows node " + std::to_string(leader.value) + " in term " + term);
  }
  const auto before = notices.texts;
  cluster.world->run_for(2s);
  EXPECT_EQ(notices.texts, before) << "nothing happens, nothing is told";
}

TEST(RoleNotice, APlannedHandOverAndACutLeaderAreToldWithTheirReasons) {
  Notices notices;
  TestWorld cluster(3, notices.collector());
  const NodeId first = cluster.await_leader();
  cluster.world->run_for(1s);
  cluster.world->post_from_client(first, [&] { cluster.world->hosted(first)->hand_over(); });
  cluster.run_until([&] { return cluster.leader() && cluster.leader() != first; });
  const NodeId second = cluster.leader();
  EXPECT_THAT(notices.texts[second], Contains(HasSubstr(": the leader hands over to it")));
  EXPECT_THAT(notices.texts[first], Contains(HasSubstr("no longer leads term")));

  for (const NodeId id : cluster.world->nodes()) {
    if (id == second) continue;
    cluster.world->network().cut(second, id, sim::CutMode::kLose);
    cluster.world->network().cut(id, second, sim::CutMode::kLose);
  }
  cluster.world->run_for(3s);
  EXPECT_THAT(notices.texts[second], Contains(HasSubstr("no majority answered for two election timeouts")));
}

}  // namespace
}  // namespace torc::node
