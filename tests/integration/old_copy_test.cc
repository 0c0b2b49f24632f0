// A data directory is copied, the node goes on, and the copy is put back: as a restored backup, or a virtual machine
// that was set back (docs/decisions/0007).
#include <gtest/gtest.h>

#include <filesystem>

#include "cluster.h"

namespace torc::integration {
namespace {

namespace fs = std::filesystem;

/// As a backup does it while the node runs: a file that goes meanwhile is not in the copy.
void copy_directory(const std::string& from, const std::string& to) {
  fs::remove_all(to);
  fs::create_directories(to);
  std::error_code gone;
  for (const fs::directory_entry& entry : fs::directory_iterator(from)) {
    const std::string name = entry.path().filename();
    if (entry.is_directory(gone)) {
      copy_directory(entry.path(), to + "/" + name);
    } else {
      fs::copy_file(entry.path(), to + "/" + name, gone);
    }
  }
}

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
  void take_copy() { copy_directory(data_directory(victim), copy); }
  void put_copy_back() { copy_directory(copy, data_directory(victim)); }
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
  // Whoever meets it first says so; the other one may meet the new life only.
  const std::string logs = cluster.log(cluster.leader) + cluster.log(cluster.third);
  EXPECT_NE(logs.find("node " + std::to_string(cluster.victim) + " runs on an old copy"), std::string::npos) << logs;
  cluster.expect_readable(cluster.victim, "after");
}

// A and B acknowledge w while C is down; everything is stopped; B is put back to a copy that was made while it ran. B
// and C must not elect anybody without w.
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

/// A second process with the number of node 1. That one dials both others, so it does not matter where the second one
/// listens: here at another loopback address.
void expect_the_first_stays(Cluster& cluster, const std::string& directory, const std::string& with) {
  std::vector<std::string> argv = cluster.command_line(1);
  const auto value_of = [&](std::string_view option) -> std::string& { return *(std::ranges::find(argv, option) + 1); };
  value_of("--data") = directory;
  const std::string host = "127.254" + cluster.address(1).host.substr(cluster.address(1).host.find('.', 4));
  value_of("--listen") = host + ":" + std::to_string(cluster.address(1).port);
  value_of("--peer-listen") = host + ":" + std::to_string(cluster.peer_address(1).port);
  auto before = cluster.info(1);
  ASSERT_TRUE(before);
  Process twin(argv, cluster.directory() + "/twin.log", {});
  const std::string told = "two processes call themselves node 1, with " + with;
  const auto is_told = [&](const std::string& path) {
    return holds_within(Millis(20000), [&] { return read_file(path).find(told) != std::string::npos; });
  };
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    EXPECT_TRUE(is_told(cluster.process(node).output_path())) << "node " << node << "\n"
                                                              << read_file(twin.output_path());
    const auto fields = cluster.info(node);
    ASSERT_TRUE(fields) << "node " << node;
    EXPECT_TRUE(fields->contains("raft_warning0") && fields->at("raft_warning0").find(told) != std::string::npos)
        << "node " << node;
  }
  EXPECT_TRUE(is_told(twin.output_path())) << read_file(twin.output_path());
  const auto after = cluster.info(1);
  ASSERT_TRUE(after);
  EXPECT_EQ(after->at("raft_incarnation"), before->at("raft_incarnation"));
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    EXPECT_TRUE(cluster.connect(node).call({"SET", "k", "with a twin"})->is_ok()) << "node " << node;
  }
  for (const NodeNumber node : {2, 3}) {
    EXPECT_EQ(cluster.log(node).find("node 1 (control) lost"), std::string::npos) << "nothing flaps";
  }
  twin.terminate(Millis(10000));
}

// They took each other's connections for ever, and nothing said so.
TEST(TwoProcesses, WithOneNumberAndCopiesOfOneDirectoryTheFirstStaysAndEveryoneSaysSo) {
  Cluster cluster;
  const std::string copy = cluster.directory() + "/copy";
  copy_directory(cluster.data_directory(1), copy);
  expect_the_first_stays(cluster, copy, "copies of one data directory");
}

TEST(TwoProcesses, WithOneNumberAndDifferentDirectoriesTheFirstStaysAndEveryoneSaysSo) {
  Cluster cluster;
  expect_the_first_stays(cluster, cluster.directory() + "/fresh", "different data directories");
}

}  // namespace
}  // namespace torc::integration
