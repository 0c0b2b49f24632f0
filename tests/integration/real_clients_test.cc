// Do the programs and libraries that Redis users have work as they are, against the leader and against a follower?
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "cluster.h"

namespace torc::integration {
namespace {

/// Runs a program against both kinds of node; `argv_for` builds its command line from a node's host and port.
template <typename ArgvFor>
void expect_success_at_leader_and_follower(Cluster& cluster, const std::string& expected_output, Millis timeout,
                                           ArgvFor argv_for) {
  const NodeNumber leader = cluster.wait_for_leader();
  for (const NodeNumber node : {leader, leader % 3 + 1}) {
    const Address& address = cluster.address(node);
    const CommandResult result = run_command(argv_for(address.host, std::to_string(address.port)),
                                             cluster.directory() + "/command.out", timeout);
    EXPECT_EQ(result.exit_status, 0) << (node == leader ? "leader\n" : "follower\n") << result.output;
    EXPECT_NE(result.output.find(expected_output), std::string::npos) << result.output;
    std::string lower = result.output;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    EXPECT_EQ(lower.find("error"), std::string::npos) << (node == leader ? "leader\n" : "follower\n") << result.output;
  }
}

std::string client_script(const std::string& name) { return built_program("../clients/" + name); }

TEST(RealClients, RedisCliSetsAtOneNodeAndGetsAtTheOthers) {
  Cluster cluster;
  const auto redis_cli = [&](NodeNumber node, std::vector<std::string> words) {
    std::vector<std::string> argv = {"redis-cli", "-h", cluster.address(node).host, "-p",
                                     std::to_string(cluster.address(node).port)};
    argv.insert(argv.end(), words.begin(), words.end());
    return run_command(argv, cluster.directory() + "/redis-cli.out", Millis(10000)).output;
  };
  EXPECT_EQ(redis_cli(1, {"set", "a", "1"}), "OK\n");
  EXPECT_EQ(redis_cli(2, {"get", "a"}), "1\n");
  EXPECT_EQ(redis_cli(3, {"get", "a"}), "1\n");
  EXPECT_EQ(redis_cli(3, {"incr", "a"}), "2\n");
  EXPECT_EQ(redis_cli(1, {"-3", "get", "a"}), "2\n");
  EXPECT_EQ(redis_cli(2, {"expire", "a", "100"}), "1\n");
}

TEST(RealClients, RedisBenchmarkFinishesWithoutAnErrorAtLeaderAndFollower) {
  Cluster cluster;
  expect_success_at_leader_and_follower(
      cluster, "GET", Millis(120000), [](const std::string& host, const std::string& port) {
        return std::vector<std::string>{"redis-benchmark", "-h", host, "-p",   port, "-t", "set,get", "-c", "50", "-n",
                                        "200000",          "-P", "16", "--csv"};
      });
}

TEST(RealClients, RedisPyGetsThroughItsRoundWithDefaults) {
  Cluster cluster;
  expect_success_at_leader_and_follower(
      cluster, "round complete", Millis(60000), [](const std::string& host, const std::string& port) {
        return std::vector<std::string>{"/usr/bin/python3", client_script("redis_py_round.py"), host, port};
      });
}

/// A package of tests/integration/clients/package.json. The newest ones need Node 20; Debian 12 itself has Node 18.
struct NodeClient {
  const char* script;
  const char* package;
  int node_major_min;
};

void PrintTo(const NodeClient& client, std::ostream* out) { *out << client.package; }

class NodeClients : public ::testing::TestWithParam<NodeClient> {};

TEST_P(NodeClients, GetThroughTheirRoundWithDefaults) {
  Cluster cluster;
  const CommandResult version = run_command({"node", "--version"}, cluster.directory() + "/node.out", Millis(10000));
  ASSERT_EQ(version.exit_status, 0) << version.output;
  if (std::atoi(version.output.c_str() + 1) < GetParam().node_major_min) {
    std::cout << GetParam().package << " needs Node " << GetParam().node_major_min << ", here is " << version.output;
    return;
  }
  expect_success_at_leader_and_follower(
      cluster, "round complete", Millis(60000), [](const std::string& host, const std::string& port) {
        return std::vector<std::string>{"node", client_script(GetParam().script), GetParam().package, host, port};
      });
}

INSTANTIATE_TEST_SUITE_P(Npm, NodeClients,
                         ::testing::Values(NodeClient{"ioredis_round.mjs", "ioredis", 20},
                                           NodeClient{"ioredis_round.mjs", "ioredis-5", 18},
                                           NodeClient{"node_redis_round.mjs", "redis", 20},
                                           NodeClient{"node_redis_round.mjs", "redis-5", 18}),
                         [](const auto& parameter) {
                           std::string name = parameter.param.package;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace torc::integration
