#include "node/replica_numbers.h"

#include <gtest/gtest.h>

#include <set>

#include "node/identity.h"
#include "node/router.h"
#include "sim/log_harness.h"

namespace torc::node {
namespace {

constexpr LifeId kLife{NodeId(2), Incarnation(77)};
constexpr uint32_t kArcs = 4;
constexpr uint32_t kDeleted = 2;

struct Numbers : testing::Test {
  storage::LogHarness harness;
  uint64_t seed = 1;

  ReplicaNumbers open() {
    harness.must_open();
    return ReplicaNumbers(*harness.log, kArcs, kLife);
  }
  /// As a node does at each of its starts after the birth.
  ReplicaNumbers start() {
    ReplicaNumbers numbers = open();
    numbers.begin_later(Prng(++seed));
    EXPECT_TRUE(harness.flush().ok());
    return numbers;
  }
  void be_born() {
    ReplicaNumbers numbers = open();
    EXPECT_FALSE(numbers.are_all_known());
    EXPECT_FALSE(numbers.has_later());
    numbers.begin_first();
    EXPECT_TRUE(numbers.are_all_known());
    ASSERT_TRUE(harness.flush().ok());
  }
  void remove_one() {
    harness.log->remove(group_of_arc(kDeleted));
    ASSERT_TRUE(harness.flush().ok());
  }
};

TEST_F(Numbers, TheFirstReplicasAreTheOnesThatEverybodyKnowsFromTheRoster) {
  be_born();
  const ReplicaNumbers found = open();
  for (uint32_t arc = 0; arc < kArcs; ++arc) {
    EXPECT_EQ((consensus::ReplicaId{kLife.node, found.of(arc)}), first_replica_of(kLife));
  }
  EXPECT_FALSE(found.has_later());
  EXPECT_EQ(found.held().numbers.size(), 1u);
}

TEST_F(Numbers, AStartChangesNoneThatTheLogKnows) {
  be_born();
  const ReplicaNumbers started = start();
  EXPECT_FALSE(started.has_later());
}

TEST_F(Numbers, AReplicaThatWasRemovedAndBeginsAgainHasANumberItNeverHad) {
  be_born();
  std::set<ReplicaNumber> had{first_replica_of(kLife).number};
  for (int i = 0; i < 20; ++i) {
    remove_one();
    EXPECT_FALSE(open().are_all_known());
    const ReplicaNumbers begun = start();
    EXPECT_TRUE(begun.are_all_known());
    EXPECT_TRUE(begun.has_later());
    EXPECT_TRUE(had.insert(begun.of(kDeleted)).second) << begun.of(kDeleted) << " is one of before";
    EXPECT_EQ(begun.of(0), first_replica_of(kLife).number) << "of another group, whose replica stayed";
    const ReplicaNumbers found = open();
    EXPECT_EQ(found.of(kDeleted), begun.of(kDeleted)) << "it is on the disk before it says anything";
    EXPECT_TRUE(found.has_later());
  }
}

}  // namespace
}  // namespace torc::node
