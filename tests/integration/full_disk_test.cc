// A full disk: are writes refused with a clear error, reads served, and does it end when there is space again
// (rules.md#full-and-failing-disks)?
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cluster.h"
#include "small_disks.h"

namespace torc::integration {
namespace {

TEST(FullDisk, WritesAreRefusedReadsGoOnAndWritesComeBackWithTheSpace) {
  const std::string full = std::filesystem::temp_directory_path() / ("torc-full-disk-" + std::to_string(::getpid()));
  std::filesystem::remove(full);
  Cluster cluster(
      {.environment = {{"LD_PRELOAD", built_program("torc_full_disk_preload.so")}, {"TORC_FULL_DISK_SWITCH", full}}});
  const NodeNumber leader = cluster.wait_for_leader();
  RespClient client = cluster.connect(leader, Millis(20000));
  const std::string value(1 << 20, 'v');
  auto written = client.call({"SET", "before", value});
  ASSERT_TRUE(written && written->is_ok()) << written;

  // The log may still own room it has already filled with zeros: it runs out after some megabytes.
  constexpr int kWritesMax = 600;
  std::ofstream(full).put('1');
  int acknowledged = 0;
  for (; acknowledged < kWritesMax && written && written->is_ok(); ++acknowledged) {
    written = client.call({"SET", "k" + std::to_string(acknowledged % 50), value});
  }
  ASSERT_LT(acknowledged, kWritesMax) << "the disk never became full";
  ASSERT_TRUE(written) << "a refused write must be answered";
  EXPECT_TRUE(written->is_error());
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    EXPECT_TRUE(cluster.process(node).is_running()) << "node " << node;
    const auto read = cluster.connect(node, Millis(10000)).call({"GET", "before"});
    ASSERT_TRUE(read) << "node " << node;
    EXPECT_TRUE(read->text == value) << "node " << node << " answers " << read->text.substr(0, 100);
  }

  // What is kept back for votes is enough to replace a leader.
  cluster.kill_hard(cluster.wait_for_leader());
  const auto read_at_next = cluster.connect(cluster.wait_for_leader(), Millis(10000)).call({"GET", "before"});
  ASSERT_TRUE(read_at_next);
  EXPECT_TRUE(read_at_next->text == value) << read_at_next->text.substr(0, 100);

  std::filesystem::remove(full);
  cluster.wait_until_writable(cluster.wait_for_leader());
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.kill_hard(node);
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.start(node);
  cluster.wait_until_all_answer();
  const auto read = cluster.connect(1, Millis(10000)).call({"GET", "before"});
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->text == value) << read->text.substr(0, 100);
}

// A start writes too: the log's last segment anew, RocksDB's manifest. Then somebody has to be elected.
TEST(FullDisk, NodesThatAllStartOnFullDisksElectALeaderAndServeReads) {
  const std::string refusal = OwnNamespace::refusal(OwnNamespace::Kind::kMounts);
  if (!refusal.empty()) GTEST_SKIP() << refusal;
  SmallDisks disks(3, kSmallDiskBytes);
  Cluster cluster({.premises = &disks});
  RespClient client = cluster.connect(cluster.wait_for_leader(), Millis(20000));
  const auto written = client.call({"SET", "before", "value"});
  ASSERT_TRUE(written && written->is_ok()) << written;
  ASSERT_TRUE(write_until_refused(cluster, "large")) << "the disks never became full";

  for (int life = 0; life < 3; ++life) {  // what is kept back is not used up by one start
    for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.kill_hard(node);
    for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.start(node);
    cluster.wait_until_all_answer();
    for (NodeNumber node = 1; node <= cluster.size(); ++node) {
      const auto read = cluster.connect(node, Millis(10000)).call({"GET", "before"});
      ASSERT_TRUE(read) << "node " << node;
      EXPECT_EQ(read->text, "value") << "node " << node;
    }
    EXPECT_TRUE(write_until_refused(cluster, "more")) << "space appeared from nowhere";
  }

  for (NodeNumber node = 1; node <= cluster.size(); ++node) disks.resize(node, kSpaciousDiskBytes);
  cluster.wait_until_writable(cluster.wait_for_leader());
}

}  // namespace
}  // namespace torc::integration
