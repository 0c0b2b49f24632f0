// Does a client see one store, whichever node it talks to?
#include <gtest/gtest.h>

#include "cluster.h"

namespace torc::integration {
namespace {

TEST(OneStore, WhatOneNodeAcknowledgedEveryNodeReads) {
  Cluster cluster;
  for (NodeNumber writer = 1; writer <= cluster.size(); ++writer) {
    const std::string value = "written at " + std::to_string(writer);
    const auto written = cluster.connect(writer).call({"SET", "a", value});
    ASSERT_TRUE(written && written->is_ok()) << written;
    for (NodeNumber reader = 1; reader <= cluster.size(); ++reader) {
      const auto read = cluster.connect(reader).call({"GET", "a"});
      ASSERT_TRUE(read) << "node " << reader;
      EXPECT_EQ(read->text, value) << "node " << reader;
    }
  }
}

TEST(OneStore, APipelineThroughAFollowerIsAnsweredInOrderAndSeesItsOwnWrites) {
  Cluster cluster;
  constexpr int kCommands = 5000;
  RespClient client = cluster.connect(cluster.any_follower());
  std::string requests;
  for (int i = 0; i < kCommands; ++i) {
    requests += RespClient::encode({"INCR", "n"}) + RespClient::encode({"GET", "n"});
  }
  ASSERT_TRUE(client.send_bytes(requests));
  for (int i = 1; i <= kCommands; ++i) {
    const auto increased = client.receive();
    ASSERT_TRUE(increased && increased->kind == Reply::Kind::kInteger) << increased;
    ASSERT_EQ(increased->integer, i);
    const auto read = client.receive();
    ASSERT_TRUE(read) << "after " << i;
    ASSERT_EQ(read->text, std::to_string(i));
  }
}

TEST(OneStore, InfoNamesOneLeaderAndTheSameTermOnEveryNode) {
  Cluster cluster;
  const NodeNumber leader = cluster.wait_for_leader();
  const auto agrees = [&] {
    const auto expected = cluster.info(leader);
    if (!expected) return false;
    for (NodeNumber node = 1; node <= cluster.size(); ++node) {
      auto fields = cluster.info(node);
      if (!fields || fields->at("raft_term") != expected->at("raft_term")) return false;
      if (fields->at("raft_leader_id") != std::to_string(leader)) return false;
      if (fields->at("raft_role") != (node == leader ? "leader" : "follower")) return false;
    }
    return true;
  };
  EXPECT_TRUE(holds_within(Millis(5000), agrees));
}

TEST(OneStore, AOneNodeClusterKeepsWhatItAcknowledgedThroughAKill) {
  Cluster cluster({.nodes = 1});
  for (int round = 0; round < 5; ++round) {
    const auto grown = cluster.connect(1).call({"APPEND", "a", "x"});
    ASSERT_TRUE(grown) << "round " << round;
    EXPECT_EQ(grown->integer, round + 1);
    cluster.kill_hard(1);
    cluster.start(1);
    cluster.wait_until_all_answer();
  }
}

}  // namespace
}  // namespace torc::integration
