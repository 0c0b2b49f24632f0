// What a mistake in a command line, a stranger at the peer port or a missing name does to a cluster: it is named, and
// the others go on.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "cluster.h"

namespace torc::integration {
namespace {

bool is_logged(const Cluster& cluster, NodeNumber node, const std::string& text, Millis timeout = Millis(10000)) {
  return holds_within(timeout, [&] { return cluster.log(node).find(text) != std::string::npos; });
}

std::string status_of(const Cluster& cluster, NodeNumber node) {
  return run_command({built_program("torc"), "status", "--node", cluster.address(node).text()},
                     cluster.directory() + "/status-" + std::to_string(node), Millis(20000))
      .output;
}

void expect_served(const Cluster& cluster, NodeNumber node) {
  const auto written = cluster.connect(node).call({"SET", "k", "v"});
  EXPECT_TRUE(written && written->is_ok()) << "node " << node << ": " << written;
}

size_t occurrences(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// With 3,000 ms at the leader and 200 at the others, reads were stale for seconds after a cut.
TEST(Agreement, ANodeWithAnotherElectionTimeoutIsRefusedAndBothSidesSayWhyInLogAndStatus) {
  Cluster cluster;
  const NodeNumber odd = cluster.any_follower();
  std::vector<std::string> argv = cluster.command_line(odd);
  argv.insert(argv.end(), {"--election-timeout-ms", "3000"});
  cluster.kill_hard(odd);
  cluster.start(odd, argv);
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    if (node == odd) continue;
    const std::string one = std::to_string(std::min(node, odd));
    const std::string other = std::to_string(std::max(node, odd));
    const std::string told = "node " + one + " runs with --election-timeout-ms " + (odd < node ? "3000" : "200") +
                             ", node " + other + " with " + (odd < node ? "200" : "3000");
    EXPECT_TRUE(is_logged(cluster, node, told)) << told;
    EXPECT_TRUE(is_logged(cluster, odd, told)) << told;
    EXPECT_NE(status_of(cluster, node).find(told), std::string::npos) << status_of(cluster, node);
    EXPECT_NE(status_of(cluster, odd).find(told), std::string::npos) << status_of(cluster, odd);
    expect_served(cluster, node);
  }
  cluster.kill_hard(odd);
  cluster.start(odd);
  cluster.wait_until_all_answer();
}

TEST(Peers, SwappedAddressesAreToldWithWhomWeCalledAndWhoAnswered) {
  Cluster cluster({.waits_for_answers = false});
  cluster.kill_hard(1);
  std::string swapped = "1=" + cluster.peer_address(1).text() + ",2=" + cluster.peer_address(3).text() +
                        ",3=" + cluster.peer_address(2).text();
  std::vector<std::string> argv = cluster.command_line(1);
  *std::ranges::find(argv, cluster.members()) = swapped;
  cluster.start(1, argv);
  const std::string told = "node 1 called node 2, and node 3 answers there";
  EXPECT_TRUE(is_logged(cluster, 1, told));
  EXPECT_TRUE(is_logged(cluster, 3, told));
  EXPECT_NE(status_of(cluster, 1).find(told), std::string::npos) << status_of(cluster, 1);
}

/// Idle connections to the peer ports of all nodes; whichever is closed is opened again at once.
class Strangers {
 public:
  explicit Strangers(const Cluster& cluster) {
    for (NodeNumber node = 1; node <= cluster.size(); ++node) targets_.push_back(cluster.peer_address(node));
    thread_ = std::thread([this] { run(); });
  }
  ~Strangers() {
    is_stopping_ = true;
    thread_.join();
  }

 private:
  static constexpr int kPerNode = 90;

  void run() {
    std::vector<int> fds(targets_.size() * kPerNode, -1);
    while (!is_stopping_) {
      for (size_t i = 0; i < fds.size(); ++i) {
        char byte;
        const bool is_open = fds[i] >= 0 && ::recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
        if (is_open) continue;
        if (fds[i] >= 0) ::close(fds[i]);
        fds[i] = open_one(targets_[i / kPerNode]);
      }
      sleep_for(Millis(2));
    }
    for (const int fd : fds) {
      if (fd >= 0) ::close(fd);
    }
  }
  static int open_one(const Address& address) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(address.port);
    ::inet_pton(AF_INET, address.host.c_str(), &to.sin_addr);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
    ::close(fd);
    return -1;
  }

  std::vector<Address> targets_;
  std::atomic<bool> is_stopping_ = false;
  std::thread thread_;
};

// They took every place there was, and the cluster did not form for as long as they stayed.
TEST(Peers, NinetyIdleConnectionsToEachPeerPortKeepNobodyFromFormingOrReconnecting) {
  Cluster cluster({.waits_for_answers = false});
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.kill_hard(node);
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.delete_data(node);
  const Strangers strangers(cluster);
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.start(node);
  cluster.wait_until_all_answer(Millis(10000));
  const NodeNumber follower = cluster.any_follower();
  cluster.kill_hard(follower);
  cluster.start(follower);
  const auto is_back = [&] {
    const auto written = cluster.connect(follower, Millis(1000)).call({"SET", "k", "v"});
    return written && written->is_ok();
  };
  EXPECT_TRUE(holds_within(Millis(10000), is_back));
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    EXPECT_LE(occurrences(cluster.log(node), "do not say who they are"), 3u) << "a line a minute and start";
  }
}

// Each connection was a line: 0.9 MB of log per second.
TEST(Peers, GarbageAtThePeerPortIsALineAMinuteAndDisturbsNobody) {
  Cluster cluster;
  const Address target = cluster.peer_address(1);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  int sent = 0;
  for (; std::chrono::steady_clock::now() < end; ++sent) {
    RespClient garbage = RespClient::connect(target, Millis(1000));
    garbage.send_bytes("GET / HTTP/1.1\r\nHost: torc.example\r\n\r\n");
    garbage.is_closed_by_server_within(Millis(1000));
  }
  EXPECT_GT(sent, 100);
  EXPECT_EQ(occurrences(cluster.log(1), "not a Torc node"), 1u);
  for (NodeNumber node = 1; node <= cluster.size(); ++node) expect_served(cluster, node);
}

// One that did not resolve ended the node at its start although a majority was there.
TEST(Peers, ANameThatDoesNotResolveKeepsNoMajorityFromServing) {
  Cluster cluster;
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.kill_hard(node);
  const std::string members =
      "1=" + cluster.peer_address(1).text() + ",2=" + cluster.peer_address(2).text() + ",3=no-such-node.invalid:17003";
  for (const NodeNumber node : {1, 2}) {
    std::vector<std::string> argv = cluster.command_line(node);
    *std::ranges::find(argv, cluster.members()) = members;
    cluster.start(node, argv);
  }
  for (const NodeNumber node : {1, 2}) {
    cluster.wait_until_writable(node);
    EXPECT_TRUE(is_logged(cluster, node, "cannot resolve no-such-node.invalid:17003"));
  }
  EXPECT_NE(status_of(cluster, 1).find("no-such-node.invalid"), std::string::npos) << status_of(cluster, 1);
}

TEST(Peers, OwnAddressesMustResolve) {
  Cluster cluster({.nodes = 1});
  for (const std::string& option : {std::string("--listen"), std::string("--peer-listen")}) {
    cluster.kill_hard(1);
    std::vector<std::string> argv = cluster.command_line(1);
    *(std::ranges::find(argv, option) + 1) = "no-such-node.invalid:7001";
    cluster.start(1, argv);
    EXPECT_EQ(cluster.process(1).wait(Millis(20000)), 6) << option;
    EXPECT_NE(cluster.log(1).find("no-such-node.invalid"), std::string::npos) << cluster.log(1);
  }
}

}  // namespace
}  // namespace torc::integration
