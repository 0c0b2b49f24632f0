#include "node/birth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/codec.h"
#include "base/crc32c.h"

namespace torc::node {
namespace {

Identity fresh(uint64_t node, uint64_t incarnation) {
  Identity identity;
  identity.node = NodeId(node);
  identity.incarnation = Incarnation(incarnation);
  identity.listed = {NodeId(1), NodeId(2), NodeId(3)};
  return identity;
}

/// Three nodes that greet each other by hand; "durable" is what a node was given back at its last change.
struct Nodes {
  std::map<int, Birth> births;

  Nodes() {
    for (int node = 1; node <= 3; ++node) births.emplace(node, Birth(fresh(node, 100 + node)));
  }
  void greet(int from, int to) {
    births.at(to).on_meet(births.at(from).greeting());
    if (births.at(to).can_be_born()) births.at(to).born();
  }
  void greet_both(int a, int b) {
    greet(a, b);
    greet(b, a);
  }
  void wipe(int node, uint64_t incarnation) { births.insert_or_assign(node, Birth(fresh(node, incarnation))); }
  Membership membership(int node) const { return births.at(node).membership(); }
};

TEST(Birth, NobodyIsBornBeforeAllListedNodesHaveMet) {
  Nodes nodes;
  for (int round = 0; round < 5; ++round) nodes.greet_both(1, 2);
  EXPECT_EQ(nodes.membership(1), Membership::kMeeting);
  EXPECT_EQ(nodes.membership(2), Membership::kMeeting);
  EXPECT_NE(nodes.births.at(1).explanation().find("node 3"), std::string::npos);
}

TEST(Birth, AllAreBornWithOneRosterOnceAllHaveMet) {
  Nodes nodes;
  for (int round = 0; round < 3; ++round) {
    nodes.greet_both(1, 2);
    nodes.greet_both(2, 3);
    nodes.greet_both(1, 3);
  }
  for (int node = 1; node <= 3; ++node) {
    EXPECT_EQ(nodes.membership(node), Membership::kMember);
    EXPECT_EQ(nodes.births.at(node).identity().roster, nodes.births.at(1).identity().roster);
  }
  EXPECT_EQ(nodes.births.at(1).identity().roster.size(), 3u);
}

TEST(Birth, WrittenByAllIsNeededNotOnlyMet) {
  Nodes nodes;
  nodes.greet(2, 1);
  nodes.greet(3, 1);  // node 1 has met everybody and writes the roster; nobody else has
  EXPECT_FALSE(nodes.births.at(1).identity().roster.empty());
  EXPECT_EQ(nodes.membership(1), Membership::kMeeting);
}

TEST(Birth, WipedNodeReturnsToTheClusterItLeftUnderItsNewIncarnation) {
  Nodes nodes;
  for (int round = 0; round < 3; ++round) {
    nodes.greet_both(1, 2);
    nodes.greet_both(2, 3);
    nodes.greet_both(1, 3);
  }
  nodes.wipe(2, 999);
  nodes.greet_both(2, 3);
  EXPECT_EQ(nodes.membership(2), Membership::kReturning);
  EXPECT_EQ(nodes.births.at(2).identity().roster, nodes.births.at(3).identity().roster);
  EXPECT_EQ(nodes.membership(3), Membership::kMember);
  Birth restarted(nodes.births.at(2).identity());
  EXPECT_EQ(restarted.membership(), Membership::kReturning);
}

// rules.md#new-life-new-id: A and B acknowledged a write while C was away. B loses its directory, A stops. Had C not
// written the roster before A and B could vote, the new B and C would found a cluster without the write.
TEST(Birth, WipedNodeAndOneThatWasAwayCannotFoundASecondCluster) {
  Nodes nodes;
  nodes.greet_both(1, 2);
  nodes.greet_both(1, 3);
  nodes.greet_both(2, 3);
  nodes.greet_both(1, 2);  // nodes 1 and 2 may be born by now, and acknowledge; node 3 hears nothing more
  nodes.wipe(2, 999);
  for (int round = 0; round < 5; ++round) nodes.greet_both(2, 3);
  EXPECT_NE(nodes.membership(2), Membership::kMember);
}

TEST(Birth, DirectoryLostBeforeBirthStopsWithAnExplanation) {
  Nodes nodes;
  nodes.greet(2, 1);
  nodes.greet(3, 1);
  nodes.wipe(2, 999);
  for (int round = 0; round < 5; ++round) {
    nodes.greet_both(1, 2);
    nodes.greet_both(2, 3);
    nodes.greet_both(1, 3);
  }
  EXPECT_EQ(nodes.membership(2), Membership::kStranger);
  EXPECT_NE(nodes.membership(1), Membership::kMember);
  EXPECT_NE(nodes.membership(3), Membership::kMember);
}

TEST(Birth, NodesWhoseDataWasDamagedFoundNoClusterWithoutWhoStillHasIt) {
  Nodes nodes;
  for (const int node : {1, 2}) nodes.births.insert_or_assign(node, Birth(fresh(node, 900 + node), false));
  for (int round = 0; round < 5; ++round) {  // node 3 is new as well: as empty as a first boot
    nodes.greet_both(1, 2);
    nodes.greet_both(2, 3);
    nodes.greet_both(1, 3);
  }
  for (int node = 1; node <= 3; ++node) EXPECT_EQ(nodes.membership(node), Membership::kMeeting) << node;
  EXPECT_NE(nodes.births.at(1).explanation().find("was damaged"), std::string::npos);
}

TEST(Birth, NodeWhoseDataWasDamagedReturnsToWhoStillHasIt) {
  Nodes nodes;
  for (int round = 0; round < 3; ++round) {
    nodes.greet_both(1, 2);
    nodes.greet_both(2, 3);
    nodes.greet_both(1, 3);
  }
  nodes.births.insert_or_assign(2, Birth(fresh(2, 902), false));
  nodes.greet_both(2, 3);
  EXPECT_EQ(nodes.membership(2), Membership::kReturning);
  Birth restarted(nodes.births.at(2).identity(), false);
  EXPECT_EQ(restarted.membership(), Membership::kReturning);
}

TEST(Birth, AnotherInitialClusterIsNotMet) {
  Birth one(fresh(1, 101));
  Identity other = fresh(2, 102);
  other.listed = {NodeId(1), NodeId(2)};
  EXPECT_FALSE(one.on_meet(Birth(other).greeting()));
  EXPECT_NE(one.explanation().find("another --initial-cluster"), std::string::npos);
}

TEST(Birth, NodeListedAloneIsBornAlone) {
  Identity alone = fresh(1, 101);
  alone.listed = {NodeId(1)};
  Birth birth(alone);
  ASSERT_TRUE(birth.can_be_born());
  birth.born();
  EXPECT_EQ(birth.membership(), Membership::kMember);
}

TEST(Identity, ReadsWhatWasWritten) {
  Identity identity = fresh(2, 77);
  identity.roster = {{NodeId(1), Incarnation(5)}, {NodeId(2), Incarnation(77)}};
  identity.is_born = true;
  const auto decoded = decode_identity(encode_identity(identity));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, identity);
}

TEST(Identity, EveryFlippedBitAndEveryShorterFileIsRefused) {
  const std::string good = encode_identity(fresh(2, 77));
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const Result<Identity> decoded = decode_identity(bad);
    ASSERT_FALSE(decoded.ok()) << "bit " << bit;
    EXPECT_EQ(decoded.error().code, ErrorCode::kCorrupt) << "bit " << bit << ": a flipped bit is no later version";
  }
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(decode_identity(good.substr(0, size)).ok());
}

TEST(Identity, OfALaterVersionIsRefusedAndNamesBothVersions) {
  const std::string rest = encode_identity(fresh(2, 77)).substr(12) + "what a later version adds";
  std::string later = "TORCIDN3";
  put_u32(later, crc32c(rest, crc32c("TORCIDN3")));
  const Result<Identity> decoded = decode_identity(later + rest);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, ErrorCode::kVersion);
  EXPECT_THAT(decoded.error().message, ::testing::HasSubstr("has version 3, this program knows version 2"));
}

}  // namespace
}  // namespace torc::node
