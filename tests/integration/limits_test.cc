// What clients may send within every limit of one command, until many of them come together: no node ends, everyone is
// served.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include "bystander.h"
#include "cluster.h"

namespace torc::integration {
namespace {

constexpr uint64_t kMiB = 1 << 20;

/// Nodes that are patient with each other: a value of 32 MiB keeps a loop busy for a tenth of a second, on a machine
/// that does other work too for much longer, and what is shown here is not who leads. One without a bound takes far
/// longer than this.
ClusterOptions patient(std::vector<std::string> args = {}) {
  args.insert(args.end(), {"--election-timeout-ms", "2000"});
  return {.extra_args = std::move(args)};
}

void expect_all_run_and_serve(Cluster& cluster) {
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    ASSERT_TRUE(cluster.process(node).is_running()) << "node " << node << " ended";
    cluster.wait_until_writable(node);
  }
}

// 700 keys of 65,000 bytes that expire together were one purge, larger than an entry may be: the leader ended, then its
// successor, and after a restart every node, for good.
TEST(Limits, HundredsOfLongKeysWithOneDeadlineAreDeletedAndNoNodeEnds) {
  constexpr int kKeys = 700;
  Cluster cluster(patient());
  RespClient client = cluster.connect(cluster.wait_for_leader(), Millis(20000));
  const auto soon = std::chrono::system_clock::now() + std::chrono::seconds(4);
  const std::string deadline = std::to_string(std::chrono::duration_cast<Millis>(soon.time_since_epoch()).count());
  for (int i = 0; i < kKeys; ++i) {
    std::string key = std::to_string(i);
    key.resize(65000, 'k');
    const auto set = client.call({"SET", key, "v", "PXAT", deadline});
    ASSERT_TRUE(set && set->is_ok()) << set;
  }
  const auto is_empty = [&] {
    const auto count = cluster.connect(cluster.wait_for_leader()).call({"DBSIZE"});
    return count && count->integer == 0;
  };
  EXPECT_TRUE(holds_within(Millis(15000), is_empty));
  expect_all_run_and_serve(cluster);
}

// A request near the limit behind others in one batch: together they were larger than an entry may be.
TEST(Limits, ARequestNearTheLimitUnderLoadEndsNoNode) {
  Cluster cluster(patient());
  const NodeNumber leader = cluster.wait_for_leader();
  std::string load;
  for (int i = 0; i < 200; ++i)
    load += RespClient::encode({"SET", "small" + std::to_string(i), std::string(4096, 's')});
  const std::string large =
      RespClient::encode({"MSET", "large1", std::string(20'900'000, '1'), "large2", std::string(20'900'000, '2')});
  for (int round = 0; round < 3; ++round) {
    std::vector<RespClient> others;
    for (int i = 0; i < 20; ++i) others.push_back(cluster.connect(leader, Millis(20000)));
    RespClient client = cluster.connect(leader, Millis(20000));
    for (RespClient& other : others) ASSERT_TRUE(other.send_bytes(load));
    ASSERT_TRUE(client.send_bytes(large));
    for (RespClient& other : others) ASSERT_TRUE(other.send_bytes(load));
    const auto written = client.receive(Millis(20000));
    ASSERT_TRUE(written && written->is_ok()) << "round " << round << ": " << written;
    for (RespClient& other : others) {
      for (int i = 0; i < 400; ++i) {
        const auto set = other.receive(Millis(20000));
        ASSERT_TRUE(set && set->is_ok()) << set;
      }
    }
  }
  expect_all_run_and_serve(cluster);
}

std::string term_of(Cluster& cluster) {
  auto info = cluster.info(cluster.wait_for_leader(), Millis(5000));
  return info ? (*info)["raft_term"] : "";
}

uint64_t most_memory(Cluster& cluster) {
  uint64_t most = 0;
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    most = std::max(most, cluster.process(node).resident_bytes());
  }
  return most;
}

// Eight kept replies of 32 MiB were the budget of all sessions, the nodes' own included: from then on two of three
// nodes answered UNKNOWN to every SET, through restarts, for an hour.
TEST(Limits, LargeRepliesInSomeSessionsAreNobodyElsesRefusal) {
  Cluster cluster(patient());
  RespClient client = cluster.connect(cluster.wait_for_leader(), Millis(30000));
  const std::string large(32 * kMiB, 'v');
  const auto first = client.call({"SET", "v", large});
  ASSERT_TRUE(first && first->is_ok()) << first;
  for (int i = 0; i < 8; ++i) {
    const auto session = client.call({"TORC.SESSION", "NEW"});
    ASSERT_TRUE(session && session->text.size() == 32) << session;
    const std::string& id = session->text;
    const auto old = client.call({"TORC.CALL", id, "1", "1", "1", "SET", "v", large, "GET"});
    ASSERT_TRUE(old && old->text.size() == large.size()) << i;
    const auto again = client.call({"TORC.CALL", id, "1", "1", "2", "SET", "v", "another", "GET"});
    ASSERT_TRUE(again && again->is_error()) << again;
    EXPECT_TRUE(again->text.starts_with("EXECUTED")) << again->text;
  }
  const auto expect_served = [&](const char* when) {
    for (NodeNumber node = 1; node <= cluster.size(); ++node) {
      for (int i = 0; i < 5; ++i) {
        const auto set = cluster.connect(node, Millis(20000)).call({"SET", "k" + std::to_string(i), "1"});
        EXPECT_TRUE(set && set->is_ok()) << when << ", node " << node << ": " << set;
      }
    }
  };
  expect_served("at once");
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.process(node).kill_hard();
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.start(node);
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.wait_until_writable(node);
  expect_served("after a restart of all");
}

/// Pipelines GETDEL of as many keys through a follower, and expects every value.
void expect_every_value_back(int keys, size_t value_bytes) {
  Cluster cluster(patient());
  RespClient writer = cluster.connect(cluster.wait_for_leader(), Millis(30000));
  std::string requests;
  for (int i = 0; i < keys; ++i) {
    const auto set =
        writer.call({"SET", "k" + std::to_string(i), std::string(value_bytes, static_cast<char>('a' + i % 26))});
    ASSERT_TRUE(set && set->is_ok()) << set;
    requests += RespClient::encode({"GETDEL", "k" + std::to_string(i)});
  }
  RespClient client = cluster.connect(cluster.any_follower(), Millis(30000));
  ASSERT_TRUE(client.send_bytes(requests));
  for (int i = 0; i < keys; ++i) {
    const auto value = client.receive(Millis(30000));
    ASSERT_TRUE(value) << i;
    ASSERT_EQ(value->kind, Reply::Kind::kBulk) << i << ": " << value->text.substr(0, 200);
    ASSERT_EQ(value->text, std::string(value_bytes, static_cast<char>('a' + i % 26))) << i;
  }
}

// A third of them were answered UNKNOWN, although they certainly did not execute: the follower's session kept 4 MiB.
TEST(Limits, PipelinedGetDelsThroughAFollowerAllGetTheirValue) { expect_every_value_back(64, 100'000); }

// Answers too large to be kept for a retry, more than a connection's queue takes: none may be thrown away.
TEST(Limits, PipelinedGetDelsOfLargeValuesThroughAFollowerAllGetTheirValue) { expect_every_value_back(70, 2 * kMiB); }

TEST(Limits, AnMGetOfMoreThanAnAnswerMayHoldIsRefusedAtOnceAtEveryNode) {
  Cluster cluster(patient());
  const NodeNumber leader = cluster.wait_for_leader();
  RespClient writer = cluster.connect(leader, Millis(30000));
  const auto set = writer.call({"SET", "k", std::string(32 * kMiB, 'v')});
  ASSERT_TRUE(set && set->is_ok()) << set;
  const uint64_t before = most_memory(cluster);
  std::vector<std::string> bomb(10'001, "k");
  bomb[0] = "MGET";
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    Bystander bystander(cluster.address(node), Millis(20000));
    for (int i = 0; i < 5; ++i) {
      const auto refused = cluster.connect(node, Millis(20000)).call(bomb);
      ASSERT_TRUE(refused && refused->is_error()) << refused;
      EXPECT_EQ(refused->text, "ERR the answer would be larger than 50331648 bytes, ask for fewer keys at a time");
    }
    const auto one = cluster.connect(node, Millis(20000)).call({"MGET", "k", "none"});
    ASSERT_TRUE(one && one->elements.size() == 2) << "node " << node;
    EXPECT_EQ(one->elements[0].text.size(), 32 * kMiB);
    bystander.expect_undisturbed(Millis(10000));
  }
  EXPECT_LT(most_memory(cluster), before + 400 * kMiB);
  expect_all_run_and_serve(cluster);
}

// Each of them writes, so it goes through the log, and answers with 32 MiB.
TEST(Limits, AClientThatAsksForMoreThanItReadsThroughTheLogCostsBoundedMemory) {
  Cluster cluster(patient());
  const NodeNumber leader = cluster.wait_for_leader();
  const auto set = cluster.connect(leader, Millis(30000)).call({"SET", "k", std::string(32 * kMiB, 'v')});
  ASSERT_TRUE(set && set->is_ok()) << set;
  const uint64_t before = most_memory(cluster);
  for (const NodeNumber node : {leader, cluster.any_follower()}) {
    Bystander bystander(cluster.address(node), Millis(20000));
    RespClient never_reads = cluster.connect(node, Millis(20000));
    std::string requests;
    for (int i = 0; i < 500; ++i) requests += RespClient::encode({"GETEX", "k", "PERSIST"});
    never_reads.send_without_waiting(requests);
    uint64_t most = 0;
    for (int i = 0; i < 40; ++i) {
      most = std::max(most, most_memory(cluster));
      sleep_for(Millis(50));
    }
    EXPECT_LT(most, before + 600 * kMiB) << "node " << node;
    bystander.expect_undisturbed(Millis(10000));
  }
  expect_all_run_and_serve(cluster);
}

// 60 KB that ask for 160 GB: neither the loop nor the memory may be theirs.
TEST(Limits, APipelineOfFarSetRangesIsRefusedWhenTheMemoryIsUsedAndCostsNoLeader) {
  constexpr uint64_t kMaxMemory = 300 * kMiB;
  Cluster cluster(patient({"--max-memory", "300mb"}));
  const NodeNumber leader = cluster.wait_for_leader();
  const uint64_t before = most_memory(cluster);
  const std::string term = term_of(cluster);
  for (const NodeNumber node : {leader, cluster.any_follower()}) {
    Bystander reader(cluster.address(node), Millis(20000));
    RespClient client = cluster.connect(node, Millis(60000));
    constexpr int kCommands = 5000;
    std::string requests;
    for (int i = 0; i < kCommands; ++i) {
      requests += RespClient::encode({"SETRANGE", "far" + std::to_string(i), "33554431", "x"});
    }
    ASSERT_TRUE(client.send_bytes(requests));
    uint64_t most = 0;
    int done = 0;
    for (int i = 0; i < kCommands; ++i) {
      const auto reply = client.receive(Millis(60000));
      ASSERT_TRUE(reply) << i;
      if (reply->kind == Reply::Kind::kInteger) {
        ++done;
      } else {
        ASSERT_TRUE(reply->text.starts_with("OOM ")) << reply->text;
      }
      if (i % 100 == 0) most = std::max(most, most_memory(cluster));
    }
    EXPECT_LE(done, 11) << "of 32 MiB each";
    if (node == leader) {
      EXPECT_GE(done, 7);
    }
    EXPECT_LT(most, before + kMaxMemory + 400 * kMiB);
  }
  EXPECT_EQ(term_of(cluster), term) << "an election: its heartbeats were late";
  const auto flushed = cluster.connect(leader, Millis(20000)).call({"FLUSHALL"});
  ASSERT_TRUE(flushed && flushed->is_ok()) << flushed;
  expect_all_run_and_serve(cluster);
}

TEST(Limits, AtTheMemoryLimitWritesThatGrowAreRefusedAtEveryNodeAndTheRestGoesOn) {
  Cluster cluster(patient({"--max-memory", "100mb"}));
  const NodeNumber leader = cluster.wait_for_leader();
  const std::string value(5 * kMiB, 'v');
  int filled = 0;
  std::optional<Reply> last;
  for (; filled < 40; ++filled) {
    last = cluster.connect(leader, Millis(20000)).call({"SET", "fill" + std::to_string(filled), value});
    ASSERT_TRUE(last);
    if (last->is_error()) break;
  }
  ASSERT_TRUE(last->is_error());
  EXPECT_EQ(last->text, "OOM command not allowed when used memory > 'maxmemory'.");
  EXPECT_GE(filled, 15);
  EXPECT_LE(filled, 21);
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    RespClient client = cluster.connect(node, Millis(20000));
    const auto answer = [&](std::vector<std::string> words) {
      const auto reply = client.call(words);
      if (!reply) return std::string("no answer");
      return reply->kind == Reply::Kind::kInteger ? std::to_string(reply->integer) : reply->text.substr(0, 30);
    };
    EXPECT_EQ(answer({"SET", "a", "1"}), "OOM command not allowed when u") << "node " << node;
    EXPECT_EQ(answer({"INCR", "a"}), "OOM command not allowed when u");
    EXPECT_EQ(answer({"STRLEN", "fill0"}), std::to_string(value.size()));
    EXPECT_EQ(answer({"PEXPIRE", "fill1", "1000000"}), "1");
    EXPECT_EQ(answer({"PERSIST", "fill1"}), "1");
    EXPECT_EQ(answer({"DEL", "none"}), "0");
    const auto setting = client.call({"CONFIG", "GET", "maxmemory"});
    ASSERT_TRUE(setting && setting->elements.size() == 2);
    EXPECT_EQ(setting->elements[1].text, "104857600");
  }
  auto info = cluster.info(leader, Millis(5000));
  ASSERT_TRUE(info);
  EXPECT_EQ((*info)["maxmemory"], "104857600");
  EXPECT_GT(std::stoull((*info)["used_memory"]), 104857600u);
  RespClient client = cluster.connect(cluster.any_follower(), Millis(20000));
  for (int i = 0; i < 5; ++i) {
    const auto taken = client.call({i % 2 == 0 ? "GETDEL" : "DEL", "fill" + std::to_string(i)});
    ASSERT_TRUE(taken && !taken->is_error()) << taken;
  }
  const auto set = client.call({"SET", "a", "1"});
  EXPECT_TRUE(set && set->is_ok()) << set;
}

// glibc's malloc takes blocks of up to 32 MiB from its heap once one of them was freed. Large values that come and go
// between small ones that stay left a heap full of holes: 2.4 GiB of a node whose limit was 400 MiB.
TEST(Limits, TheMemoryOfLargeValuesThatAreGoneIsGivenBack) {
  Cluster cluster({.nodes = 1});
  RespClient client = cluster.connect(1, Millis(20000));
  const auto set = [&client](const std::string& key, size_t bytes) {
    const auto reply = client.call({"SET", key, std::string(bytes, 'v')});
    ASSERT_TRUE(reply && reply->is_ok()) << key;
  };
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < 12; ++i) {
      set("large" + std::to_string(i), (8 + i) * kMiB);
      set("small" + std::to_string(round) + ":" + std::to_string(i), 2000);
    }
    for (size_t i = 0; i < 12; ++i) client.call({"DEL", "large" + std::to_string(i)});
  }
  uint64_t resident = 0;
  const auto is_given_back = [&] {
    resident = cluster.process(1).resident_bytes();
    return resident < 100 * kMiB;
  };
  EXPECT_TRUE(holds_within(Millis(10000), is_given_back)) << resident / kMiB << " MiB";
}

// While there is no leader four clients with 64 MiB each were all that a follower would hold: everybody else was
// refused.
TEST(Limits, WhatSomeClientsHaveWaitingAtANodeIsNobodyElsesRefusal) {
  Cluster cluster(patient());
  const NodeNumber leader = cluster.wait_for_leader();
  const NodeNumber node = leader % cluster.size() + 1;
  std::vector<RespClient> greedy;
  for (int i = 0; i < 6; ++i) greedy.push_back(cluster.connect(node, Millis(30000)));
  for (NodeNumber other = 1; other <= cluster.size(); ++other) {
    if (other != node) cluster.pause(other);
  }
  const std::string pipeline = RespClient::encode({"SET", "greedy", std::string(kMiB, 'g')});
  for (int i = 0; i < 80; ++i) {
    for (RespClient& client : greedy) client.send_without_waiting(pipeline);
  }
  sleep_for(Millis(500));
  RespClient modest = cluster.connect(node, Millis(20000));
  ASSERT_TRUE(modest.send({"SET", "modest", "1"}));
  sleep_for(Millis(500));
  for (NodeNumber other = 1; other <= cluster.size(); ++other) {
    if (other != node) cluster.resume(other);
  }
  const auto set = modest.receive(Millis(20000));
  EXPECT_TRUE(set && set->is_ok()) << set;
  expect_all_run_and_serve(cluster);
}

}  // namespace
}  // namespace torc::integration
