// What an operator does to a node without meaning it harm: a log nobody reads, signals, ps.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cluster.h"

namespace torc::integration {
namespace {

/// Every node's standard error is a named pipe of which the test holds the other end.
class LogPipes final : public Premises {
 public:
  LogPipes() {
    const std::string pattern = std::filesystem::temp_directory_path() / "torc-log-pipes-XXXXXX";
    directory_ = pattern;
    if (::mkdtemp(directory_.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
  }
  ~LogPipes() override {
    close_all();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  std::vector<std::string> entrance(NodeNumber node) override {
    const std::string path = directory_ + "/node-" + std::to_string(node);
    if (!readers_.contains(node)) {
      if (::mkfifo(path.c_str(), 0600) != 0) throw std::runtime_error("cannot make the pipe " + path);
      readers_[node] = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    }
    return {"/bin/sh", "-c", "exec \"$@\" 2>" + path, "torc"};
  }
  void close_all() {
    for (const auto& [node, fd] : readers_) ::close(fd);
    readers_.clear();
  }

 private:
  std::string directory_;
  std::map<NodeNumber, int> readers_;
};

void expect_served(const Cluster& cluster, NodeNumber node, const std::string& value) {
  RespClient client = cluster.connect(node);
  const auto written = client.call({"SET", "k", value});
  EXPECT_TRUE(written && written->is_ok()) << "node " << node << ": " << written;
  const auto read = client.call({"GET", "k"});
  ASSERT_TRUE(read) << "node " << node;
  EXPECT_EQ(read->text, value);
}

/// Each SIGUSR1 writes some hundred bytes to the log; a pipe holds 64 KiB.
void make_it_talk(Cluster& cluster, int times) {
  for (int i = 0; i < times; ++i) {
    for (NodeNumber node = 1; node <= cluster.size(); ++node) ::kill(cluster.process(node).pid(), SIGUSR1);
    sleep_for(Millis(1));
  }
}

// A pipe that was full, and one whose reader was gone, hung or ended the node.
TEST(Operator, ALogThatNobodyReadsOrThatIsClosedHoldsNoNodeUpAndEndsNone) {
  LogPipes pipes;
  Cluster cluster({.premises = &pipes});
  make_it_talk(cluster, 2'000);
  for (NodeNumber node = 1; node <= cluster.size(); ++node) expect_served(cluster, node, "while nobody reads");
  pipes.close_all();
  make_it_talk(cluster, 20);
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    EXPECT_TRUE(cluster.process(node).is_running()) << "node " << node;
    expect_served(cluster, node, "after the reader went");
  }
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    EXPECT_EQ(cluster.process(node).terminate(Millis(10000)), 0) << "node " << node;
  }
}

TEST(Operator, SighupAndSigusr1EndNobodyAndTheStateIsInTheLog) {
  Cluster cluster;
  for (const int signal : {SIGHUP, SIGUSR1, SIGHUP}) {
    ::kill(cluster.process(1).pid(), signal);
    expect_served(cluster, 1, "after signal " + std::to_string(signal));
  }
  const auto is_told = [&] {
    const std::string log = read_file(cluster.process(1).output_path());
    return log.find("SIGHUP") != std::string::npos && log.find("state: group 1") != std::string::npos &&
           log.find("state: peer 3 connected") != std::string::npos;
  };
  EXPECT_TRUE(holds_within(Millis(10000), is_told)) << read_file(cluster.process(1).output_path());
}

TEST(Operator, AnElectionIsInTheLogOfEveryNodeWithItsTermAndItsReason) {
  Cluster cluster;
  const NodeNumber former = cluster.wait_for_leader();
  cluster.kill_hard(former);
  const NodeNumber leader = cluster.wait_for_leader();
  auto fields = cluster.info(leader);
  ASSERT_TRUE(fields);
  const std::string term = (*fields)["raft_term"];
  const NodeNumber other = 6 - former - leader;
  const auto is_in_log = [&](NodeNumber node, const std::string& text) {
    return holds_within(Millis(10000),
                        [&] { return read_file(cluster.process(node).output_path()).find(text) != std::string::npos; });
  };
  EXPECT_TRUE(is_in_log(leader, "asks who would vote for it in term " + term + ": it heard no leader"));
  EXPECT_TRUE(is_in_log(leader, "leads term " + term + ", elected by a majority"));
  EXPECT_TRUE(is_in_log(other, "follows node " + std::to_string(leader) + " in term " + term));
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Started as /proc/self/exe they were called "exe" in ps and top.
TEST(Operator, NodesOfAPlaygroundAreCalledTorc) {
  const std::string directory =
      std::filesystem::temp_directory_path() / ("torc-playground-" + std::to_string(getpid()));
  std::filesystem::create_directories(directory);
  const std::string expected = "torc torc torc ";
  std::string names;
  std::string told;
  // Another program may have one of the ports, or take one while the nodes start: then at other ports.
  for (int tries = 0; tries < 5 && names != expected; ++tries) {
    const std::string port = std::to_string(20'000 + (::getpid() * 7 + tries * 131) % 10'000);
    const std::string place = directory + "/" + std::to_string(tries);
    std::filesystem::create_directories(place);
    Process playground({built_program("torc"), "playground", "--dir", place, "--base-port", port}, place + "/output",
                       {});
    const std::string pid = std::to_string(playground.pid());
    const auto are_called_torc = [&] {
      names.clear();
      std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
      for (std::string child; children >> child;) names += first_line("/proc/" + child + "/comm") + " ";
      return names == expected || !playground.is_running();
    };
    holds_within(Millis(20000), are_called_torc);
    playground.terminate(Millis(10000));
    told += read_file(place + "/output");
  }
  EXPECT_EQ(names, expected) << told;
  std::filesystem::remove_all(directory);
}

uint64_t large_page_kib(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string word; file >> word;) {
    uint64_t kib = 0;
    if (word == "AnonHugePages:" && file >> kib) return kib;
  }
  return 0;
}

TEST(Operator, ANodeUsesLargePagesUnlessToldOtherwise) {
  std::string modes;
  std::getline(std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled"), modes);
  if (modes.find("[madvise]") == std::string::npos) GTEST_SKIP() << "this machine never asks or never gives: " << modes;
  const std::string value(1 << 20, 'x');
  for (const bool is_told : {false, true}) {
    ClusterOptions options{.nodes = 1};
    if (is_told) options.environment["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=0";
    Cluster cluster(options);
    RespClient client = cluster.connect(1);
    for (int i = 0; i < 64; ++i) client.call({"APPEND", "k" + std::to_string(i), value.substr(0, 100'000)});
    const uint64_t kib = large_page_kib(cluster.process(1).pid());
    EXPECT_EQ(kib >= 2048, !is_told) << kib << " KiB";
    EXPECT_EQ(cluster.process(1).terminate(Millis(5000)), 0) << "the process that was started again knows SIGTERM";
  }
}

}  // namespace
}  // namespace torc::integration
