// Do clients of Redis Cluster work as they are at the cluster doors?
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <set>

#include "door_cluster.h"

namespace torc::integration {
namespace {

// Programs that know nothing of Redis Cluster, at every node of a cluster of many arcs.
void expect_round_at_any_door(DoorCluster& cluster, const std::vector<std::string>& program,
                              const std::string& expected_output) {
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    std::vector<std::string> argv = program;
    for (std::string& word : argv) {
      if (word == "HOST") word = cluster.address(node).host;
      if (word == "PORT") word = std::to_string(cluster.address(node).port);
    }
    const CommandResult result = cluster.run(argv);
    EXPECT_EQ(result.exit_status, 0) << result.output;
    EXPECT_NE(result.output.find(expected_output), std::string::npos) << result.output;
    EXPECT_EQ(result.output.find("rror"), std::string::npos) << result.output;
  }
}

std::string client_script(const std::string& name) { return built_program("../clients/" + name); }

void expect_round_complete(const CommandResult& result) {
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_NE(result.output.find("round complete"), std::string::npos) << result.output;
  std::string lower = result.output;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  EXPECT_EQ(lower.find("error"), std::string::npos) << result.output;
}

TEST(ClusterDoor, RedisCliFollowsFromEveryNode) {
  DoorCluster cluster;
  const auto redis_cli = [&](NodeNumber node, std::vector<std::string> words) {
    const Address& address = cluster.cluster_address(node);
    std::vector<std::string> argv = {"redis-cli", "-c", "-h", address.host, "-p", std::to_string(address.port)};
    argv.insert(argv.end(), words.begin(), words.end());
    return cluster.run(argv, Millis(10000)).output;
  };
  for (int i = 0; i < 6; ++i) {
    const std::string key = "key" + std::to_string(i);
    EXPECT_EQ(redis_cli(1, {"set", key, "v"}), "OK\n");
    EXPECT_EQ(redis_cli(2, {"get", key}), "v\n");
    EXPECT_EQ(redis_cli(3, {"get", key}), "v\n");
  }
  const Address& address = cluster.cluster_address(1);
  const CommandResult check = cluster.run({"redis-cli", "--cluster", "check", address.text()});
  EXPECT_EQ(check.exit_status, 0) << check.output;
  EXPECT_NE(check.output.find("All 16384 slots covered"), std::string::npos) << check.output;
}

/// Nodes that lead slots, as node 1 knows them.
size_t master_count(const DoorCluster& cluster) {
  const std::optional<Reply> slots = cluster.at_cluster_door(1).call({"CLUSTER", "SLOTS"});
  std::set<std::string> masters;
  if (!slots) return 0;
  for (const Reply& range : slots->elements) masters.insert(range.elements.at(2).elements.at(2).text);
  return masters.size();
}

// Leaderships are still being spread while it runs.
TEST(ClusterDoor, RedisBenchmarkFindsTheNodesThatServe) {
  DoorCluster cluster;
  EXPECT_TRUE(holds_within(Millis(20000), [&] { return master_count(cluster) > 1; })) << "it refuses a single one";
  const Address& address = cluster.cluster_address(1);
  const CommandResult result =
      cluster.run({"redis-benchmark", "--cluster", "-h", address.host, "-p", std::to_string(address.port), "-t",
                   "set,get", "-c", "20", "-n", "50000", "-P", "16", "-r", "100000", "--csv"});
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_NE(result.output.find("\"GET\""), std::string::npos) << result.output;
  EXPECT_EQ(result.output.find("rror"), std::string::npos) << result.output;
}

TEST(ClusterDoorRedisPy, RedisClusterGetsThroughItsRoundWithDefaults) {
  DoorCluster cluster;
  ASSERT_TRUE(cluster.wait_until_even()) << "DBSIZE of all masters is exact while leadership stays where it is";
  for (NodeNumber node = 1; node <= 3; ++node) {
    const Address& address = cluster.cluster_address(node);
    expect_round_complete(cluster.run(
        {"/usr/bin/python3", client_script("redis_py_cluster_round.py"), address.host, std::to_string(address.port)}));
  }
}

TEST(ClusterDoorRedisPy, AtTheAnyDoorRedisPyWorksAsWithOneServer) {
  DoorCluster cluster;
  expect_round_at_any_door(cluster, {"/usr/bin/python3", client_script("redis_py_round.py"), "HOST", "PORT"},
                           "round complete");
}

TEST(ClusterDoor, AtTheAnyDoorRedisCliAndRedisBenchmarkWorkAsWithOneServer) {
  DoorCluster cluster;
  expect_round_at_any_door(cluster, {"redis-cli", "-h", "HOST", "-p", "PORT", "set", "a", "1"}, "OK");
  expect_round_at_any_door(cluster, {"redis-cli", "-h", "HOST", "-p", "PORT", "dbsize"}, "1");
  expect_round_at_any_door(cluster,
                           {"redis-benchmark", "-h", "HOST", "-p", "PORT", "-t", "set,get", "-c", "20", "-n", "20000",
                            "-P", "16", "-r", "100000", "--csv"},
                           "\"GET\"");
}

/// A package of tests/integration/clients/package.json, and the Node it needs.
struct ClusterClient {
  const char* script;
  const char* one_server_script;
  const char* package;
  int node_major_min;
};

void PrintTo(const ClusterClient& client, std::ostream* out) { *out << client.package; }

class ClusterNodeClients : public ::testing::TestWithParam<ClusterClient> {};

TEST_P(ClusterNodeClients, GetThroughTheirRoundWithDefaults) {
  DoorCluster cluster;
  const CommandResult version = cluster.run({"node", "--version"});
  ASSERT_EQ(version.exit_status, 0) << version.output;
  if (std::atoi(version.output.c_str() + 1) < GetParam().node_major_min) {
    std::cout << GetParam().package << " needs Node " << GetParam().node_major_min << ", here is " << version.output;
    return;
  }
  const Address& address = cluster.cluster_address(cluster.any_follower());
  expect_round_complete(cluster.run(
      {"node", client_script(GetParam().script), GetParam().package, address.host, std::to_string(address.port)}));
  expect_round_at_any_door(cluster,
                           {"node", client_script(GetParam().one_server_script), GetParam().package, "HOST", "PORT"},
                           "round complete");
}

INSTANTIATE_TEST_SUITE_P(
    Npm, ClusterNodeClients,
    ::testing::Values(ClusterClient{"ioredis_cluster_round.mjs", "ioredis_round.mjs", "ioredis", 20},
                      ClusterClient{"ioredis_cluster_round.mjs", "ioredis_round.mjs", "ioredis-5", 18},
                      ClusterClient{"node_redis_cluster_round.mjs", "node_redis_round.mjs", "redis", 20},
                      ClusterClient{"node_redis_cluster_round.mjs", "node_redis_round.mjs", "redis-5", 18}),
    [](const auto& parameter) {
      std::string name = parameter.param.package;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST(ClusterDoor, WhatIsLedElsewhereIsMovedToTheLeadersClusterDoor) {
  DoorCluster cluster(1);
  const NodeNumber leader = cluster.wait_for_leader();
  const NodeNumber follower = cluster.any_follower();
  RespClient at_leader = cluster.at_cluster_door(leader);
  RespClient at_follower = cluster.at_cluster_door(follower);
  EXPECT_TRUE(at_leader.call({"SET", "foo", "1"})->is_ok());
  EXPECT_EQ(at_follower.call({"GET", "foo"})->text, "MOVED 12182 " + cluster.cluster_address(leader).text());
  EXPECT_TRUE(at_follower.call({"READONLY"})->is_ok());
  EXPECT_TRUE(at_leader.call({"SET", "foo", "2"})->is_ok());
  EXPECT_EQ(at_follower.call({"GET", "foo"})->text, "2") << "linearizable, also at a follower";
  EXPECT_EQ(at_leader.call({"CLUSTER", "COUNTKEYSINSLOT", "12182"})->integer, 1);
  EXPECT_EQ(at_follower.call({"CLUSTER", "COUNTKEYSINSLOT", "12182"})->integer, 0);
  EXPECT_EQ(cluster.connect(follower).call({"CLUSTER", "COUNTKEYSINSLOT", "12182"})->integer, 1) << "any door";
  EXPECT_EQ(at_leader.call({"CLUSTER", "GETKEYSINSLOT", "12182", "10"})->elements.at(0).text, "foo");
}

// Every slot, in one pipeline and at one node: each answer is the value or says where it is, in the order of the
// commands, and nothing that is led here is missed.
TEST(ClusterDoor, APipelineAcrossAllArcsIsAnsweredInOrderByEachNodeForItsOwn) {
  DoorCluster cluster;
  ASSERT_TRUE(cluster.wait_until_even());
  const std::vector<std::string> keys = cluster.keys_of_arcs();
  std::vector<size_t> written(keys.size());
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    std::string pipeline;
    for (const std::string& key : keys)
      pipeline += RespClient::encode({"SET", key, key}) + RespClient::encode({"GET", key});
    RespClient client = cluster.at_cluster_door(node);
    ASSERT_TRUE(client.send_bytes(pipeline));
    for (size_t arc = 0; arc < keys.size(); ++arc) {
      const std::optional<Reply> set = client.receive();
      const std::optional<Reply> get = client.receive();
      ASSERT_TRUE(set && get) << keys[arc];
      if (set->is_ok()) {
        EXPECT_EQ(get->text, keys[arc]) << get;
        ++written[arc];
      } else {
        EXPECT_EQ(set->text.substr(0, 6), "MOVED ") << set;
        EXPECT_EQ(get->text, set->text);
      }
    }
  }
  for (size_t arc = 0; arc < keys.size(); ++arc) EXPECT_EQ(written[arc], 1u) << "leaders of " << keys[arc];
}

TEST(ClusterDoor, WhatElseAUserOfRedisClusterTriesIsAnsweredOrRefusedInItsWords) {
  DoorCluster cluster;
  ASSERT_TRUE(cluster.wait_until_even());
  RespClient any = cluster.connect(1);
  EXPECT_TRUE(any.call({"MSET", "{foo}1", "a", "{foo}2", "b"})->is_ok());
  EXPECT_EQ(any.call({"MGET", "foo", "bar"})->text, "CROSSSLOT Keys in request don't hash to the same slot");
  size_t served = 0;
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    RespClient client = cluster.at_cluster_door(node);
    const auto text = [&](const std::vector<std::string>& command) {
      return client.call(command).value_or(Reply()).text;
    };
    EXPECT_TRUE(client.call({"ASKING"})->is_ok());
    EXPECT_EQ(text({"MGET", "foo", "bar"}), "CROSSSLOT Keys in request don't hash to the same slot");
    EXPECT_EQ(text({"WAIT", "1", "100"}).substr(0, 26), "ERR unknown command 'WAIT'");
    EXPECT_EQ(text({"MULTI"}).substr(0, 27), "ERR unknown command 'MULTI'");
    EXPECT_EQ(text({"SELECT", "1"}), "ERR SELECT is not allowed in cluster mode");
    EXPECT_NE(text({"CLUSTER", "INFO"}).find("cluster_state:ok\r\n"), std::string::npos);
    EXPECT_EQ(client.call({"CLUSTER", "NODES"})->text.find("slave"), std::string::npos);
    const bool is_leader = client.call({"CLUSTER", "COUNTKEYSINSLOT", "12182"})->integer == 2;
    EXPECT_EQ(client.call({"CLUSTER", "GETKEYSINSLOT", "12182", "10"})->elements.size(), is_leader ? 2u : 0u);
    if (is_leader) ++served;
    EXPECT_EQ(text({"MGET", "{foo}1", "{foo}2"}).empty(), is_leader);
    EXPECT_TRUE(client.call({"READONLY"})->is_ok());
    EXPECT_EQ(client.call({"MGET", "{foo}1", "{foo}2"})->elements.at(1).text, "b") << "also at a follower";
  }
  EXPECT_EQ(served, 1u);
  EXPECT_EQ(any.call({"CLUSTER", "COUNTKEYSINSLOT", "12182"})->integer, 2);
  EXPECT_EQ(any.call({"DEL", "{foo}1", "{foo}2", "{foo}3"})->integer, 2);
  EXPECT_EQ(any.call({"DBSIZE"})->integer, 0);
}

TEST(ClusterCommandLine, ShowsArcsAndNodes) {
  DoorCluster cluster(1);
  const NodeNumber leader = cluster.wait_for_leader();
  const std::string any = cluster.address(cluster.any_follower()).text();
  const CommandResult arcs = cluster.run({built_program("torc"), "cluster", "arcs", "--node", any, "--json"});
  EXPECT_EQ(arcs.exit_status, 0) << arcs.output;
  EXPECT_NE(arcs.output.find("\"first_slot\": 0, \"last_slot\": 16383"), std::string::npos) << arcs.output;
  EXPECT_NE(arcs.output.find("\"leader\": " + std::to_string(leader)), std::string::npos) << arcs.output;
  const CommandResult nodes = cluster.run({built_program("torc"), "cluster", "nodes", "--node", any, "--json"});
  EXPECT_EQ(nodes.exit_status, 0) << nodes.output;
  EXPECT_NE(nodes.output.find("\"node\": " + std::to_string(leader) + ", \"address\": \"" +
                              cluster.cluster_address(leader).text() + "\""),
            std::string::npos)
      << nodes.output;
  const CommandResult status = cluster.run({built_program("torc"), "status", "--node", any});
  EXPECT_NE(status.output.find("1/1"), std::string::npos) << status.output;
}

}  // namespace
}  // namespace torc::integration
