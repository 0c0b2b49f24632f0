// Does a node that lost its data directory know that it did (rules.md#new-life-new-id)?
#include <gtest/gtest.h>

#include <filesystem>

#include "cluster.h"

namespace torc::integration {
namespace {

/// Nobody may elect a leader or take a write: long enough for several election timeouts.
constexpr Millis kWatch{5000};

bool claims_leadership(const Cluster& cluster, NodeNumber node) {
  auto fields = cluster.info(node, Millis(300));
  return fields && (*fields)["raft_role"] == "leader";
}

// A wrote w, B acknowledged it, C was down:
//
//   A  | w |        stopped
//   B  | w |  ->    wiped, back as B'      {B', C} is a majority that has never seen w
//   C  |           up
//
// If B' counted as B, it and C would elect a leader without w.
TEST(Amnesia, AWipedNodeAndAnOutdatedOneElectNobodyAndTheWriteOfTheOthersSurvives) {
  Cluster cluster;
  const NodeNumber a = cluster.wait_for_leader();
  const NodeNumber b = a % 3 + 1;
  const NodeNumber c = b % 3 + 1;
  cluster.kill_hard(c);
  const auto written = cluster.connect(a).call({"SET", "w", "acknowledged"});
  ASSERT_TRUE(written && written->is_ok()) << written;

  cluster.kill_hard(a);
  cluster.kill_hard(b);
  cluster.delete_data(b);
  cluster.start(b);
  cluster.start(c);
  const auto goes_wrong = [&] {
    for (const NodeNumber node : {b, c}) {
      if (claims_leadership(cluster, node)) return true;
      const auto read = cluster.connect(node, Millis(300)).call({"GET", "w"});
      if (read && !read->is_error() && read->text != "acknowledged") return true;
      const auto overwritten = cluster.connect(node, Millis(300)).call({"SET", "w", "by the forgetful"});
      if (overwritten && overwritten->is_ok()) return true;
    }
    return false;
  };
  EXPECT_FALSE(holds_within(kWatch, goes_wrong));

  cluster.start(a);
  const auto is_back = [&] {
    const auto read = cluster.connect(a, Millis(1000)).call({"GET", "w"});
    return read && !read->is_error();
  };
  ASSERT_TRUE(holds_within(Millis(20000), is_back)) << "A and C are a majority that remembers";
  const auto read = cluster.connect(a).call({"GET", "w"});
  ASSERT_TRUE(read);
  // An overwrite that timed out above may have waited at C and be executed now; a missing value never is right.
  EXPECT_TRUE(read->text == "acknowledged" || read->text == "by the forgetful") << read;
}

bool is_member(const Cluster& cluster, NodeNumber node) {
  auto fields = cluster.info(node, Millis(300));
  return fields && (*fields)["raft_membership"] == "member";
}

/// The node alone answers for the cluster together with `other`: everybody else is stopped.
void expect_carries_a_majority(Cluster& cluster, NodeNumber node, NodeNumber other) {
  const NodeNumber third = 6 - node - other;
  cluster.kill_hard(third);
  const auto answers = [&] {
    const auto set = cluster.connect(node, Millis(1000)).call({"SET", "a", "2"});
    return set && set->is_ok();
  };
  EXPECT_TRUE(holds_within(Millis(20000), answers));
  cluster.start(third);
}

TEST(Amnesia, AWipedNodeIsTakenBackAndCarriesAMajorityAgain) {
  Cluster cluster;
  const NodeNumber follower = cluster.any_follower();
  const auto written = cluster.connect(follower).call({"SET", "a", "1"});
  ASSERT_TRUE(written && written->is_ok()) << written;
  cluster.kill_hard(follower);
  cluster.delete_data(follower);
  cluster.start(follower);
  ASSERT_TRUE(holds_within(Millis(20000), [&] { return is_member(cluster, follower); }));
  const auto read = cluster.connect(follower).call({"GET", "a"});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->text, "1");
  expect_carries_a_majority(cluster, follower, cluster.wait_for_leader());
}

TEST(Amnesia, ANodeWithDamageInTheMiddleOfItsLogSetsItAsideAndIsTakenBack) {
  Cluster cluster;
  const NodeNumber follower = cluster.any_follower();
  const auto written = cluster.connect(follower).call({"SET", "a", "1"});
  ASSERT_TRUE(written && written->is_ok()) << written;
  for (int i = 0; i < 100; ++i) {  // each with an fsync of its own
    const auto padding = cluster.connect(follower).call({"SET", "padding", std::string(1000, 'x')});
    ASSERT_TRUE(padding && padding->is_ok()) << padding;
  }
  cluster.kill_hard(follower);
  cluster.damage_log(follower, 20'000);
  cluster.start(follower);
  ASSERT_TRUE(holds_within(Millis(20000), [&] { return is_member(cluster, follower); }));
  EXPECT_TRUE(std::filesystem::exists(cluster.data_directory(follower) + "/damaged-1/identity"));
  expect_carries_a_majority(cluster, follower, cluster.wait_for_leader());
}

}  // namespace
}  // namespace torc::integration
