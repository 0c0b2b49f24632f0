// The cluster door: what cluster clients are told, and where their commands are sent.
#include <gmock/gmock.h>

#include "net/resp_test_server.h"

namespace torc::net {
namespace {

using node::Door;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Kind = wire::RespValue::Kind;

// Slots, as Redis has them: a 15495, b 3300, foo 12182.
constexpr const char* kNode1 = "00000000000000010000000000abcdef00000000";
constexpr const char* kNode2 = "00000000000000020000000000abcdef00000000";
constexpr const char* kNode3 = "00000000000000030000000000abcdef00000000";

struct Doors {
  explicit Doors(const std::string& cluster_announced = {}) : server({}, cluster_announced) {}
  TestServer server;
  TestClient any{server, Door::kAny};
  TestClient cluster{server, Door::kCluster};
  std::string own_port() const { return std::to_string(server.port(Door::kCluster)); }
};

/// "first-last host:port id, host:port id ..." for each range.
std::vector<std::string> slots_of(TestClient& client) {
  const wire::RespValue reply = client.call({"CLUSTER", "SLOTS"});
  std::vector<std::string> ranges;
  for (const wire::RespValue& range : reply.elements) {
    std::string text =
        std::to_string(range.elements.at(0).integer) + "-" + std::to_string(range.elements.at(1).integer);
    for (size_t i = 2; i < range.elements.size(); ++i) {
      const std::vector<wire::RespValue>& node = range.elements[i].elements;
      EXPECT_EQ(node.size(), 4u);
      EXPECT_TRUE(node[3].elements.empty());
      text += (i == 2 ? " " : ", ") + node[0].text + ":" + std::to_string(node[1].integer) + " " +
              node[2].text.substr(15, 1);
    }
    ranges.push_back(text);
  }
  return ranges;
}

TEST(ClusterDoor, ExecutesWhatIsLedHereAndSendsTheRestToItsLeader) {
  Doors doors;
  doors.server.set_topology(three_nodes({3, 1, 2, 3}));  // quarters of 4096 slots
  EXPECT_EQ(doors.cluster.text_of({"SET", "b", "1"}), "OK");
  EXPECT_EQ(doors.cluster.text_of({"GET", "b"}), "1");
  EXPECT_EQ(doors.cluster.text_of({"GET", "foo"}), "MOVED 12182 10.0.0.2:7102");
  EXPECT_EQ(doors.cluster.text_of({"SET", "foo", "1"}), "MOVED 12182 10.0.0.2:7102");
  EXPECT_EQ(doors.cluster.text_of({"MSET", "{foo}1", "1", "{foo}2", "2"}), "MOVED 12182 10.0.0.2:7102");
  EXPECT_EQ(doors.any.text_of({"SET", "foo", "1"}), "OK") << "the any door takes everything";
}

TEST(ClusterDoor, KeysOfSeveralSlotsAreRefusedAlsoIfAllAreLedHere) {
  Doors doors;
  EXPECT_EQ(doors.cluster.text_of({"MGET", "a", "b"}), "CROSSSLOT Keys in request don't hash to the same slot");
  EXPECT_EQ(doors.cluster.text_of({"DEL", "a", "b"}), "CROSSSLOT Keys in request don't hash to the same slot");
  EXPECT_EQ(doors.cluster.text_of({"MSET", "a", "1", "b", "2"}),
            "CROSSSLOT Keys in request don't hash to the same slot");
  EXPECT_EQ(doors.cluster.call({"DEL", "{a}1", "a"}).integer, 0);
}

TEST(ClusterDoor, WithoutALeaderASlotIsNotServedAndAnUnbornNodeSaysWhy) {
  Doors doors;
  doors.server.set_topology(three_nodes({0, 3}));
  EXPECT_EQ(doors.cluster.text_of({"GET", "b"}), "CLUSTERDOWN Hash slot not served");
  EXPECT_EQ(doors.cluster.text_of({"SET", "foo", "1"}), "OK") << "the other half is served";
  node::Topology unborn = three_nodes({});
  doors.server.set_topology(unborn, "waiting to meet node 2");
  EXPECT_EQ(doors.cluster.text_of({"GET", "b"}), "CLUSTERDOWN Hash slot not served: waiting to meet node 2");
}

TEST(ClusterDoor, ACommandWaitsHereForALeaderThatIsBeingElected) {
  Doors doors;
  doors.server.set_topology(three_nodes({0, 3}), {}, true);
  EXPECT_EQ(doors.cluster.text_of({"SET", "b", "1"}), "OK") << "the node holds it until there is one";
  doors.server.set_topology(three_nodes({0, 3}), {}, false);
  EXPECT_EQ(doors.cluster.text_of({"SET", "b", "1"}), "CLUSTERDOWN Hash slot not served");
}

TEST(ClusterDoor, ALeaderWithoutAKnownClusterDoorIsServedFromHere) {
  Doors doors;
  node::Topology topology = three_nodes({1});
  topology.nodes[0].cluster_door.clear();
  doors.server.set_topology(topology);
  EXPECT_EQ(doors.cluster.text_of({"SET", "a", "1"}), "OK");
}

TEST(ClusterDoor, AnIpv6LeaderIsNamedAsRedisDoesWithoutBrackets) {
  Doors doors;
  node::Topology topology = three_nodes({1});
  topology.nodes[0].cluster_door = "[fd00::1]:7101";
  doors.server.set_topology(topology);
  EXPECT_EQ(doors.cluster.text_of({"GET", "a"}), "MOVED 15495 fd00::1:7101");
}

TEST(ClusterDoor, ReadsOfAReadonlyClientStayAndItsWritesAreSentOn) {
  Doors doors;
  doors.server.set_topology(three_nodes({1}));
  EXPECT_THAT(doors.cluster.text_of({"GET", "a"}), StartsWith("MOVED"));
  EXPECT_EQ(doors.cluster.text_of({"READONLY"}), "OK");
  EXPECT_EQ(doors.cluster.call({"GET", "a"}).kind, Kind::kNil);
  EXPECT_THAT(doors.cluster.text_of({"CLIENT", "INFO"}), HasSubstr(" flags=r "));
  EXPECT_THAT(doors.cluster.text_of({"SET", "a", "1"}), StartsWith("MOVED"));
  EXPECT_THAT(doors.cluster.text_of({"MGET", "a", "b"}), StartsWith("CROSSSLOT"));
  EXPECT_EQ(doors.cluster.text_of({"READWRITE"}), "OK");
  EXPECT_THAT(doors.cluster.text_of({"GET", "a"}), StartsWith("MOVED"));
  EXPECT_EQ(doors.cluster.text_of({"READONLY"}), "OK");
  EXPECT_EQ(doors.cluster.text_of({"RESET"}), "RESET");
  EXPECT_THAT(doors.cluster.text_of({"GET", "a"}), StartsWith("MOVED"));
}

TEST(ClusterDoor, ACallOfASessionIsSentOnLikeAnyCommand) {
  Doors doors;
  const std::string session = doors.cluster.text_of({"TORC.SESSION", "NEW"});
  const std::vector<std::string_view> call = {"TORC.CALL", session, "1", "0", "1", "SET", "a", "1"};
  EXPECT_EQ(doors.cluster.text_of(call), session + "/1/0/first");
  doors.server.set_topology(three_nodes({1}));
  EXPECT_EQ(doors.cluster.text_of(call), "MOVED 15495 10.0.0.1:7101") << "the session is valid there too";
}

TEST(ClusterDoor, CommandsWithoutAKeyAreExecutedHere) {
  Doors doors;
  doors.server.set_topology(three_nodes({1}));
  EXPECT_EQ(doors.cluster.call({"DBSIZE"}).integer, 0);
  EXPECT_EQ(doors.cluster.text_of({"ASKING"}), "OK");
  EXPECT_EQ(doors.cluster.text_of({"PING"}), "PONG");
}

TEST(ClusterDoor, AnswersStayInOrderWhenSomeAreSentElsewhere) {
  Doors doors;
  doors.server.set_topology(three_nodes({3, 1, 2, 3}));
  doors.cluster.send_command({"GET", "{b}hold"});
  doors.cluster.send_command({"GET", "foo"});
  doors.cluster.send_command({"SET", "b", "2"});
  doors.cluster.send_command({"MGET", "a", "b"});
  EXPECT_EQ(doors.cluster.read().kind, Kind::kNil);
  EXPECT_THAT(doors.cluster.read().text, StartsWith("MOVED"));
  EXPECT_EQ(doors.cluster.read().text, "OK");
  EXPECT_THAT(doors.cluster.read().text, StartsWith("CROSSSLOT"));
}

TEST(ClusterDoor, SaysThatItIsOneAndTheAnyDoorThatItIsNot) {
  Doors doors;
  EXPECT_THAT(doors.cluster.text_of({"INFO", "cluster"}), HasSubstr("cluster_enabled:1"));
  EXPECT_THAT(doors.any.text_of({"INFO", "cluster"}), HasSubstr("cluster_enabled:0"));
  EXPECT_THAT(doors.cluster.text_of({"INFO", "server"}), HasSubstr("redis_mode:cluster\r\n"));
  EXPECT_THAT(doors.cluster.text_of({"INFO", "server"}), HasSubstr("tcp_port:" + doors.own_port()));
  EXPECT_THAT(doors.any.text_of({"INFO", "server"}), HasSubstr("redis_mode:standalone\r\n"));
  EXPECT_EQ(doors.cluster.call({"HELLO", "2"}).elements.at(9).text, "cluster");
  EXPECT_EQ(doors.any.call({"HELLO", "2"}).elements.at(9).text, "standalone");
  EXPECT_EQ(doors.cluster.call({"CONFIG", "GET", "cluster-enabled"}).elements.at(1).text, "yes");
  EXPECT_EQ(doors.cluster.text_of({"SELECT", "1"}), "ERR SELECT is not allowed in cluster mode");
  EXPECT_EQ(doors.cluster.text_of({"SELECT", "0"}), "OK");
}

TEST(ClusterSlots, NamesTheLeaders) {
  Doors doors;
  doors.server.set_topology(three_nodes({1, 2, 3, 3}));
  const std::string own = "127.0.0.1:" + doors.own_port() + " 3";
  const std::vector<std::string> expected = {"0-4095 10.0.0.1:7101 1", "4096-8191 10.0.0.2:7102 2",
                                             "8192-16383 " + own};
  EXPECT_EQ(slots_of(doors.cluster), expected);
  EXPECT_EQ(slots_of(doors.any), expected) << "the any door names cluster doors too";
}

TEST(ClusterSlots, NamesTheReplicasOfTheOnlyArc) {
  Doors doors;
  const std::string own = "127.0.0.1:" + doors.own_port() + " 3";
  doors.server.set_topology(three_nodes({2}));
  EXPECT_THAT(slots_of(doors.cluster), ElementsAre("0-16383 10.0.0.2:7102 2, 10.0.0.1:7101 1, " + own));
}

TEST(ClusterSlots, NoNodeIsAMasterAndAReplica) {
  Doors doors;
  for (unsigned drawn = 0; drawn < 64; ++drawn) {
    doors.server.set_topology(three_nodes({drawn & 3, (drawn >> 2) & 3, (drawn >> 4) & 3, 1}));
    for (const std::string& range : slots_of(doors.cluster)) {
      EXPECT_EQ(range.find(','), std::string::npos)
          << range << ": to redis-py its node would be a replica of all slots";
    }
  }
}

TEST(ClusterSlots, AReplicaThatIsConnectedStandsInForALeaderNobodyKnows) {
  Doors doors;
  node::Topology topology = three_nodes({0, 2});
  topology.nodes[0].is_connected = false;
  doors.server.set_topology(topology);
  EXPECT_THAT(slots_of(doors.cluster), ElementsAre("0-16383 10.0.0.2:7102 2"))
      << "node 1 is away, and two ranges that are the same to a client are one";
}

TEST(ClusterSlots, ThisNodeStandsInWhileNothingIsKnown) {
  Doors doors;
  const std::string own = "127.0.0.1:" + doors.own_port() + " 3";
  doors.server.set_topology(three_nodes({}));
  EXPECT_THAT(slots_of(doors.cluster), ElementsAre("0-16383 " + own)) << "not born yet";
  node::Topology alone = three_nodes({1, 0});
  for (node::NodeAddresses& node : alone.nodes) node = {.node = node.node, .any_door = {}, .cluster_door = {}};
  doors.server.set_topology(alone);
  EXPECT_THAT(slots_of(doors.cluster), ElementsAre("0-16383 " + own)) << "no peer has told where it is";
}

TEST(ClusterSlots, EverySlotIsNamedOnceWhateverIsKnown) {
  Doors doors;
  for (unsigned drawn = 0; drawn < 256; ++drawn) {
    node::Topology topology = three_nodes({drawn & 3, (drawn >> 2) & 3, 1, 2});
    for (size_t node = 0; node < 2; ++node) {
      topology.nodes[node].is_connected = (drawn >> (4 + node) & 1) != 0;
      if ((drawn >> (6 + node) & 1) != 0) topology.nodes[node].cluster_door = topology.nodes[node].any_door = "";
    }
    doors.server.set_topology(topology);
    int64_t next = 0;
    for (const wire::RespValue& range : doors.cluster.call({"CLUSTER", "SLOTS"}).elements) {
      ASSERT_EQ(range.elements[0].integer, next) << drawn;
      ASSERT_FALSE(range.elements[2].elements[0].text.empty()) << drawn;
      next = range.elements[1].integer + 1;
    }
    ASSERT_EQ(next, kSlotCount) << drawn;
  }
}

TEST(ClusterSlots, ANodeWithoutAClusterDoorIsNamedByItsAnyDoor) {
  Doors doors;
  node::Topology topology = three_nodes({1});
  topology.nodes[0].cluster_door.clear();
  doors.server.set_topology(topology);
  EXPECT_THAT(slots_of(doors.cluster).at(0), StartsWith("0-16383 10.0.0.1:7001 1"));
}

TEST(ClusterSlots, TheAnnouncedAddressGoesBeforeTheOneThatWasReached) {
  Doors doors("torc.example:7999");
  EXPECT_THAT(slots_of(doors.cluster).at(0), StartsWith("0-16383 torc.example:7999 3"));
  EXPECT_THAT(slots_of(doors.any).at(0), StartsWith("0-16383 torc.example:7999 3"));
}

TEST(ClusterSlots, AWildcardThatAPeerToldIsNoAddress) {
  Doors doors;
  node::Topology topology = three_nodes({1});
  topology.nodes[0].cluster_door = "0.0.0.0:7101";
  doors.server.set_topology(topology);
  EXPECT_THAT(slots_of(doors.cluster).at(0), StartsWith("0-16383 10.0.0.2:7102 2"));
  EXPECT_EQ(doors.cluster.text_of({"SET", "a", "1"}), "OK") << "passed on: a client could not be sent there";
}

TEST(ClusterNodes, HasALineForEachNodeAndItsSlots) {
  Doors doors;
  node::Topology topology = three_nodes({1, 3, 3, 1});
  topology.nodes[1].is_connected = false;
  doors.server.set_topology(topology);
  EXPECT_EQ(doors.cluster.text_of({"CLUSTER", "NODES"}),
            std::string(kNode1) + " 10.0.0.1:7101@0 master - 0 0 1 connected 0-4095 12288-16383\n" + kNode2 +
                " 10.0.0.2:7102@0 master,fail? - 0 0 2 disconnected\n" + kNode3 + " 127.0.0.1:" + doors.own_port() +
                "@0 myself,master - 0 0 3 connected 4096-12287\n");
  EXPECT_EQ(doors.cluster.text_of({"CLUSTER", "MYID"}), kNode3);
}

TEST(ClusterInfo, CountsTheSlotsThatAreServed) {
  Doors doors;
  doors.server.set_topology(three_nodes({1, 0, 3, 3}));
  const std::string info = doors.cluster.text_of({"CLUSTER", "INFO"});
  EXPECT_THAT(info, StartsWith("cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:12288\r\n"));
  EXPECT_THAT(info, HasSubstr("cluster_slots_fail:4096\r\ncluster_known_nodes:3\r\ncluster_size:2\r\n"));
  doors.server.set_topology(three_nodes({0}));
  EXPECT_THAT(doors.cluster.text_of({"CLUSTER", "INFO"}), StartsWith("cluster_state:fail\r\n"));
}

TEST(ClusterShards, HasOneForEachNodeWithItsSlots) {
  Doors doors;
  doors.server.set_topology(three_nodes({1, 3, 1, 3}));
  const wire::RespValue shards = doors.cluster.call({"CLUSTER", "SHARDS"});
  ASSERT_EQ(shards.elements.size(), 3u);
  const std::vector<wire::RespValue>& first = shards.elements[0].elements;
  ASSERT_EQ(first.size(), 4u);
  EXPECT_EQ(first[0].text, "slots");
  ASSERT_EQ(first[1].elements.size(), 4u);
  EXPECT_EQ(first[1].elements[2].integer, 8192);
  EXPECT_EQ(first[3].elements.size(), 1u);
  EXPECT_TRUE(shards.elements[1].elements[1].elements.empty()) << "node 2 leads nothing, and is there";
}

TEST(ClusterShards, HasTheReplicasOfTheOnlyArc) {
  Doors doors;
  doors.server.set_topology(three_nodes({1}));
  const wire::RespValue shards = doors.cluster.call({"CLUSTER", "SHARDS"});
  ASSERT_EQ(shards.elements.size(), 3u);
  const std::vector<wire::RespValue>& members = shards.elements[0].elements.at(3).elements;
  ASSERT_EQ(members.size(), 3u);
  std::vector<std::string> fields;
  for (const wire::RespValue& field : members[1].elements) {
    fields.push_back(field.kind == Kind::kInteger ? std::to_string(field.integer) : field.text);
  }
  EXPECT_THAT(fields, ElementsAre("id", kNode2, "port", "7102", "ip", "10.0.0.2", "endpoint", "10.0.0.2", "role",
                                  "replica", "replication-offset", "0", "health", "online"));
}

TEST(ClusterLinks, AreThePeersThatAreConnected) {
  Doors doors;
  node::Topology topology = three_nodes({3});
  topology.nodes[0].is_connected = false;
  doors.server.set_topology(topology);
  const wire::RespValue links = doors.cluster.call({"CLUSTER", "LINKS"});
  ASSERT_EQ(links.elements.size(), 1u);
  EXPECT_EQ(links.elements[0].elements.at(3).text, kNode2);
  EXPECT_EQ(links.elements[0].elements.size(), 12u);
}

TEST(ClusterCommand, ShapesAreThoseOfRedisInBothProtocols) {
  Doors doors;
  doors.server.set_topology(three_nodes({1}));
  doors.cluster.send("HELLO 3\r\n");
  doors.cluster.read();
  EXPECT_EQ(doors.cluster.call({"CLUSTER", "SHARDS"}).elements.at(0).kind, Kind::kMap);
  EXPECT_EQ(doors.cluster.call({"CLUSTER", "SLOTS"}).elements.at(0).elements.at(2).elements.at(3).kind, Kind::kMap);
  EXPECT_EQ(doors.cluster.call({"CLUSTER", "NODES"}).kind, Kind::kVerbatim);
  EXPECT_EQ(doors.cluster.call({"CLUSTER", "LINKS"}).elements.at(0).kind, Kind::kMap);
  EXPECT_EQ(doors.cluster.call({"CLUSTER", "MYID"}).kind, Kind::kBulk);
  EXPECT_EQ(doors.cluster.call({"CLUSTER", "KEYSLOT", "foo"}).integer, 12182);
  EXPECT_EQ(doors.any.call({"CLUSTER", "SHARDS"}).elements.at(0).kind, Kind::kArray);
}

TEST(ClusterCommand, RefusesInRedisWords) {
  Doors doors;
  const auto answer = [&](const std::vector<std::string_view>& args) { return doors.cluster.text_of(args); };
  EXPECT_EQ(answer({"CLUSTER"}), "ERR wrong number of arguments for 'cluster' command");
  EXPECT_EQ(answer({"CLUSTER", "FOO"}), "ERR unknown subcommand 'FOO'. Try CLUSTER HELP.");
  EXPECT_EQ(answer({"cluster", "keyslot"}), "ERR wrong number of arguments for 'cluster|keyslot' command");
  EXPECT_EQ(answer({"CLUSTER", "SLOTS", "x"}), "ERR wrong number of arguments for 'cluster|slots' command");
  EXPECT_EQ(answer({"CLUSTER", "COUNTKEYSINSLOT"}),
            "ERR wrong number of arguments for 'cluster|countkeysinslot' command");
  EXPECT_EQ(answer({"CLUSTER", "COUNTKEYSINSLOT", "16384"}), "ERR Invalid slot");
  EXPECT_EQ(answer({"CLUSTER", "GETKEYSINSLOT", "1", "-1"}), "ERR Invalid slot or number of keys");
  EXPECT_EQ(answer({"CLUSTER", "COUNT-FAILURE-REPORTS", "abc"}), "ERR Unknown node abc");
  EXPECT_EQ(doors.cluster.call({"CLUSTER", "COUNT-FAILURE-REPORTS", kNode1}).integer, 0);
  EXPECT_EQ(doors.cluster.call({"CLUSTER", "REPLICAS", kNode1}).elements.size(), 0u);
  EXPECT_THAT(answer({"CLUSTER", "FAILOVER"}), HasSubstr("refused"));
  EXPECT_EQ(answer({"READONLY", "x"}), "ERR wrong number of arguments for 'readonly' command");
}

TEST(ClusterCommand, ASlotLedElsewhereHasNoKeysHereAtTheClusterDoor) {
  Doors doors;
  doors.server.set_topology(three_nodes({1}));
  EXPECT_EQ(doors.cluster.call({"CLUSTER", "COUNTKEYSINSLOT", "1"}).integer, 0);
  EXPECT_EQ(doors.cluster.call({"CLUSTER", "GETKEYSINSLOT", "1", "10"}).kind, Kind::kArray);
}

TEST(ClientLimits, AreSharedByBothDoors) {
  TestServer server({.clients_max = 2});
  TestClient one(server, Door::kAny);
  TestClient two(server, Door::kCluster);
  EXPECT_EQ(one.text_of({"PING"}), "PONG");
  EXPECT_EQ(two.text_of({"PING"}), "PONG");
  TestClient three(server, Door::kCluster);
  EXPECT_EQ(three.read().text, "ERR max number of clients reached");
}

}  // namespace
}  // namespace torc::net
