// The nemesis run on disks that become full: small file systems of the test's own.
#include "nemesis.h"
#include "small_disks.h"

namespace torc::integration {
namespace {

TEST_F(Nemesis, WhatClientsSawWhileTheDisksWereFullIsLinearizable) {
  const std::string refusal = OwnNamespace::refusal(OwnNamespace::Kind::kMounts);
  if (!refusal.empty()) GTEST_SKIP() << refusal;
  SmallDisks disks(3, kSmallDiskBytes);
  Cluster cluster({.premises = &disks});
  RecordedWorkload workload = start_workload(cluster);
  const std::optional<Reply> refused = write_until_refused(cluster, "large");
  ASSERT_TRUE(refused) << "the disks never became full";
  EXPECT_TRUE(refused->text.starts_with("MISCONF") || refused->text.starts_with("UNKNOWN")) << refused->text;
  // Nobody ends, and who reads is answered: clients that get errors for their writes go from node to node.
  expect_progress(workload, "all disks are full");
  linger(500, 1500);
  // Votes, the first entry of a term and a start need some space, which was kept back.
  const NodeNumber killed = cluster.wait_for_leader();
  cluster.kill_hard(killed);
  expect_progress(workload, "the leader was killed while all disks were full");
  cluster.start(killed);
  const auto serves_reads = [&] {
    const auto read = cluster.connect(killed, Millis(1000)).call({"GET", "large0"});
    return read && !read->is_error() && !read->is_nil();
  };
  EXPECT_TRUE(holds_within(Millis(20000), serves_reads)) << "on its full disk";
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    EXPECT_TRUE(cluster.process(node).is_running()) << "node " << node;
  }
  for (NodeNumber node = 1; node <= cluster.size(); ++node) disks.resize(node, kSpaciousDiskBytes);
  cluster.wait_until_writable(cluster.wait_for_leader());
  expect_progress(workload, "there is space again");
  cluster.wait_until_all_answer();
  const NodeNumber leader = cluster.wait_for_leader();
  cluster.kill_hard(leader);
  linger(0, 500);
  cluster.start(leader);
  expect_progress(workload, "the leader was killed after the disks had been full");
  cluster.wait_until_all_answer();
  judge(workload, "full_disks");
}

}  // namespace
}  // namespace torc::integration
