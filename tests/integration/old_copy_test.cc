// A data directory is copied, the node goes on, and the copy is put back: as a restored backup, or a virtual machine that
// was set back (docs/decisions/0007).
#include <gtest/gtest.h>

#include <filesystem>

#include "cluster.h"

namespace torc::integration {
namespace {

namespace fs = std::filesystem;

struct CopiedCluster : Cluster {
  NodeNumber leader = wait_for_leader();
  NodeNumber victim = leader % 3 + 1;
  NodeNumber third = victim % 3 + 1;
  std::string copy = directory() + "/copy";

  std::string life(NodeNumber node) {
    auto fields = info(node);
    return fields ? (*fields)["raft_incarnation"] : "";
  }
  void write(NodeNumber node, const std::string& key) {
    const auto written = connect(node).call({"SET", key, "acknowledged"});
    ASSERT_TRUE(written && written->is_ok()) << written;
  }
  void take_copy() { fs::copy(data_directory(victim), copy, fs::copy_options::recursive); }
  void put_copy_back() {
    fs::remove_all(data_directory(victim));
    fs::copy(copy, data_directory(victim), fs::copy_options::recursive);
  }
  bool is_member(NodeNumber node) {
    auto fields = info(node, Millis(300));
    return fields && (*fields)["raft_membership"] == "member";
  }
  /// By itself: the process never ends, nobody starts it again.
  void expect_return_in_a_new_life(const std::string& former) {
    ASSERT_TRUE(holds_within(Millis(30000), [&] {
      const std::string now = life(victim);
      return !now.empty() && now != former && is_member(victim);
    })) << log(victim);
    EXPECT_TRUE(process(victim).is_running());
    EXPECT_NE(log(victim).find("runs on an old copy of its data directory"), std::string::npos) << log(victim);
    EXPECT_TRUE(fs::exists(data_directory(victim) + "/damaged-1/identity"));
  }
  void expect_readable(NodeNumber node, const std::string& key) {
    const auto read = connect(node, Millis(10000)).call({"GET", key});
    ASSERT_TRUE(read);
    EXPECT_EQ(read->text, "acknowledged") << key << " at node " << node;
  }
};

TEST(OldCopy, OneOfAStoppedNodeThatIsPutBackLaterIsRefusedGivenUpAndTheNodeComesBack) {
  CopiedCluster cluster;
  const std::string former = cluster.life(cluster.victim);
  cluster.write(cluster.leader, "before");
  cluster.process(cluster.victim).terminate(Millis(10000));
  cluster.take_copy();
  cluster.start(cluster.victim);
  cluster.wait_until_all_answer();
  cluster.write(cluster.victim, "after");
  cluster.process(cluster.victim).terminate(Millis(10000));
  cluster.put_copy_back();
  cluster.start(cluster.victim);
  cluster.expect_return_in_a_new_life(former);
  for (const NodeNumber node : {cluster.leader, cluster.third}) {
    EXPECT_NE(cluster.log(node).find("node " + std::to_string(cluster.victim) + " runs on an old copy"),
              std::string::npos)
        << cluster.log(node);
  }
  cluster.expect_readable(cluster.victim, "after");
}

// A and B acknowledge w while C is down; everything is stopped; B is put back to a copy that was made while it ran. B and C
// must not elect anybody without w.
//
//   A  | w |             A  | w |
//   B  | w |      ->     B  |       copy of before
//   C  |                 C  |
TEST(OldCopy, OneThatWasMadeWhileTheNodeRanForgetsNothingForTheCluster) {
  CopiedCluster cluster;
  const std::string former = cluster.life(cluster.victim);
  cluster.take_copy();
  cluster.write(cluster.leader, "before");
  const auto chapter = [&] { return (*cluster.info(cluster.victim))["raft_chapter"]; };
  const std::string first = chapter();
  ASSERT_TRUE(holds_within(Millis(20000), [&] {
    cluster.write(cluster.leader, "now and then");
    return chapter() != first;
  }));
  sleep_for(Millis(500));  // the others write the chapter down
  cluster.kill_hard(cluster.third);
  cluster.write(cluster.leader, "w");
  for (const NodeNumber node : {cluster.leader, cluster.victim}) cluster.kill_hard(node);
  cluster.put_copy_back();
  cluster.start(cluster.victim);
  cluster.start(cluster.third);
  const auto is_forgotten = [&] {
    for (const NodeNumber node : {cluster.victim, cluster.third}) {
      const auto read = cluster.connect(node, Millis(300)).call({"GET", "w"});
      if (read && read->is_nil()) return true;
    }
    return false;
  };
  EXPECT_FALSE(holds_within(Millis(5000), is_forgotten));
  cluster.start(cluster.leader);
  cluster.expect_return_in_a_new_life(former);
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.expect_readable(node, "w");
}

// Two processes with one --id on copies of one directory, and on different ones: nothing flaps, and all say so.
TEST(TwoProcesses, WithOneNumberTheFirstStaysAndEveryoneSaysSoInOneLine) {
  CopiedCluster cluster;
  cluster.write(cluster.leader, "before");
  for (const std::string& directory : {cluster.copy, cluster.directory() + "/fresh"}) {
    if (directory == cluster.copy) cluster.take_copy();
    // Node 1 is dialled by nobody, so the second process reaches both others whatever its own address is.
    const NodeNumber twin_of = 1;
    if (directory == cluster.copy && cluster.victim != twin_of) {
      fs::remove_all(cluster.copy);
      fs::copy(cluster.data_directory(twin_of), cluster.copy, fs::copy_options::recursive);
    }
    std::vector<std::string> argv = cluster.command_line(twin_of);
    for (std::string& word : argv) {
      if (word == cluster.data_directory(twin_of)) word = directory;
    }
    *(std::ranges::find(argv, "--listen") + 1) = "127.0.0.1:0";
    *(std::ranges::find(argv, "--peer-listen") + 1) = cluster.address(twin_of).host + ":0";
    const std::string life = cluster.life(twin_of);
    Process twin(argv, cluster.directory() + "/twin.log");
    const std::string told = "two processes call themselves node 1";
    for (const NodeNumber node : {2, 3}) {
      EXPECT_TRUE(holds_within(Millis(20000), [&] { return cluster.log(node).find(told) != std::string::npos; }))
          << "node " << node;
    }
    EXPECT_TRUE(holds_within(Millis(20000),
                             [&] { return read_file(twin.output_path()).find(told) != std::string::npos; }))
        << read_file(twin.output_path());
    EXPECT_TRUE(holds_within(Millis(20000), [&] { return cluster.log(twin_of).find(told) != std::string::npos; }))
        << cluster.log(twin_of);
    EXPECT_EQ(cluster.life(twin_of), life) << "the member stays";
    for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.write(node, "with a twin");
    EXPECT_EQ(cluster.log(2).find("node 1 (control) lost"), std::string::npos) << "nothing flaps";
    twin.terminate(Millis(10000));
  }
}

}  // namespace
}  // namespace torc::integration
