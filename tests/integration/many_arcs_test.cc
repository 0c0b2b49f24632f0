// What a group of a node does to the others: their state, and the log that all of them share.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>
#include <stdexcept>

#include "cluster.h"

namespace torc::integration {
namespace {

constexpr uint64_t kMiB = 1u << 20;
constexpr int kArcs = 8;
constexpr int kSlots = 16384;

struct ArcsCluster : Cluster {
  explicit ArcsCluster(std::vector<std::string> args) : Cluster({.extra_args = with_arcs(std::move(args))}) {
    wait_for_all_leaders();
  }
  static std::vector<std::string> with_arcs(std::vector<std::string> args) {
    args.insert(args.begin(), {"--arcs", std::to_string(kArcs)});
    return args;
  }
  void wait_for_all_leaders() {
    const bool is_led = holds_within(Millis(30000), [&] {
      for (NodeNumber node = 1; node <= size(); ++node) {
        if (!process(node).is_running()) continue;
        auto fields = info(node);
        if (!fields || (*fields)["raft_groups"] != std::to_string(kArcs) ||
            (*fields)["raft_groups_leaderless"] != "0") {
          return false;
        }
      }
      return true;
    });
    EXPECT_TRUE(is_led) << "an arc has no leader";
  }
  void kill_and_start_all() {
    for (NodeNumber node = 1; node <= size(); ++node) kill_hard(node);
    for (NodeNumber node = 1; node <= size(); ++node) start(node);
    wait_until_all_answer();
    wait_for_all_leaders();
  }
};

/// A tag whose keys stand in the n-th arc.
std::string tag_in(RespClient& client, int arc) {
  for (int i = 0;; ++i) {
    const std::string tag = "{" + std::to_string(arc) + "." + std::to_string(i) + "}";
    const auto slot = client.call({"CLUSTER", "KEYSLOT", tag});
    if (!slot || slot->kind != Reply::Kind::kInteger) throw std::runtime_error("no answer to CLUSTER KEYSLOT");
    if (slot->integer / (kSlots / kArcs) == arc) return tag;
  }
}

/// What INFO groups says of a field of every group: at this node.
std::map<std::string, uint64_t> of_groups(const Cluster& cluster, NodeNumber node, const std::string& field) {
  std::map<std::string, uint64_t> values;
  RespClient client = cluster.connect(node);
  const auto reply = client.call({"INFO", "groups"});
  if (!reply) return values;
  std::istringstream lines(reply->text);
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find("," + field + "=");
    if (!line.starts_with("group") || at == std::string::npos) continue;
    values[line.substr(0, line.find(':'))] = std::strtoull(line.c_str() + at + field.size() + 2, nullptr, 10);
  }
  return values;
}

/// Everything that a node holds under the tag, as one value.
std::string state_of(RespClient& client, const std::string& tag, int keys) {
  std::string state;
  for (int i = 0; i < keys; ++i) {
    const auto read = client.call({"GET", tag + std::to_string(i)});
    const auto ttl = client.call({"PERSIST", tag + "none" + std::to_string(i)});
    state += read && ttl ? (read->is_nil() ? "-" : read->text) + ";" : "no answer;";
  }
  return state;
}

// One arc's keys are flushed away, down to the checkpoint store, and everybody dies: the others have what they had.
TEST(ManyArcs, OneFlushedGroupCheckpointedAndKilledLeavesTheOthersAsTheyWere) {
  constexpr int kKeys = 40;
  constexpr int kFlushed = 3;
  ArcsCluster cluster({"--checkpoint-mib", "1", "--log-tail-mib", "1"});
  RespClient client = cluster.connect(1, Millis(15000));
  std::vector<std::string> tags;
  for (int arc = 0; arc < kArcs; ++arc) {
    tags.push_back(tag_in(client, arc));
    for (int i = 0; i < kKeys; ++i) {
      ASSERT_TRUE(client.call({"SET", tags.back() + std::to_string(i), std::to_string(arc) + std::string(40'000, 'a')})
                      ->is_ok());
    }
  }
  const auto checkpoints = [&](NodeNumber node) { return of_groups(cluster, node, "checkpoint"); };
  const auto is_everything_checkpointed = [&] {
    for (NodeNumber node = 1; node <= 3; ++node) {
      const auto of_node = checkpoints(node);
      if (of_node.size() != kArcs) return false;
      for (const auto& [group, index] : of_node) {
        if (index == 0) return false;
      }
    }
    return true;
  };
  ASSERT_TRUE(holds_within(Millis(20000), is_everything_checkpointed));
  std::vector<std::string> before;
  for (const std::string& tag : tags) before.push_back(state_of(client, tag, kKeys));
  const auto keys_before = of_groups(cluster, 1, "keys");

  // FLUSHALL reaches every arc at this door: one arc loses its keys by their names, then is overwritten until its
  // checkpoint has nothing of them left.
  std::vector<std::string> del = {"DEL"};
  for (int i = 0; i < kKeys; ++i) del.push_back(tags[kFlushed] + std::to_string(i));
  ASSERT_EQ(client.call(del)->integer, kKeys);
  const std::string group = "group" + std::to_string(kFlushed + 1);
  const uint64_t flushed_at = of_groups(cluster, 1, "applied").at(group);
  const auto is_checkpointed = [&] {
    static_cast<void>(client.call({"SET", tags[kFlushed] + "after", std::string(200'000, 'b')}));
    for (NodeNumber node = 1; node <= 3; ++node) {
      const auto of_node = checkpoints(node);
      if (!of_node.contains(group) || of_node.at(group) <= flushed_at) return false;
    }
    return true;
  };
  ASSERT_TRUE(holds_within(Millis(20000), is_checkpointed));
  cluster.kill_and_start_all();

  for (NodeNumber node = 1; node <= 3; ++node) {
    RespClient reader = cluster.connect(node, Millis(15000));
    for (int arc = 0; arc < kArcs; ++arc) {
      if (arc == kFlushed) continue;
      EXPECT_TRUE(state_of(reader, tags[static_cast<size_t>(arc)], kKeys) == before[static_cast<size_t>(arc)])
          << "arc " << arc << " at node " << node;
    }
    EXPECT_TRUE(reader.call({"GET", tags[kFlushed] + "0"})->is_nil());
    auto keys = of_groups(cluster, node, "keys");  // of the node's own state, whoever leads
    auto expected = keys_before;
    expected[group] = 1;
    EXPECT_TRUE(holds_within(Millis(10000), [&] { return (keys = of_groups(cluster, node, "keys")) == expected; }))
        << "node " << node;
  }
}

/// From the oldest segment that some group needs to the end.
uint64_t log_bytes_retained(const Cluster& cluster, NodeNumber node) {
  auto fields = cluster.info(node, Millis(10000));
  return fields ? std::strtoull((*fields)["log_bytes_retained"].c_str(), nullptr, 10) : 0;
}

// One write to one arc, then many times what a log may keep to another, while a node is dead that would need all of it.
TEST(ManyArcs, OneSmallWriteAndAnAbsentNodeDoNotKeepTheLogOfABusyGroup) {
  const char* asked = std::getenv("TORC_LOG_TEST_MIB");
  const bool is_long = asked != nullptr;
  const uint64_t total = (is_long ? std::strtoull(asked, nullptr, 10) : 400) * kMiB;
  const uint64_t checkpoint = is_long ? 256 : 72;  // segments of 64 MiB are what is given back
  const uint64_t tail = is_long ? 64 : 8;
  ArcsCluster cluster({"--checkpoint-mib", std::to_string(checkpoint), "--log-tail-mib", std::to_string(tail)});
  RespClient client = cluster.connect(1, Millis(30000));
  const std::string quiet = tag_in(client, 1);
  const std::string busy = tag_in(client, 6);
  ASSERT_TRUE(client.call({"SET", quiet, "one"})->is_ok());
  cluster.kill_hard(3);
  cluster.wait_for_all_leaders();
  const std::string value(1u << 20, 'v');
  std::map<NodeNumber, uint64_t> most;
  for (uint64_t written = 0; written < total; written += value.size()) {
    const std::string key = busy + std::to_string(written / value.size() % 16);
    auto reply = client.call({"SET", key, value});
    for (int i = 0; i < 100 && (!reply || !reply->is_ok()); ++i) {  // while arcs of the dead node find a leader
      sleep_for(Millis(100));
      client = cluster.connect(1, Millis(30000));
      reply = client.call({"SET", key, value});
    }
    ASSERT_TRUE(reply && reply->is_ok()) << reply;
    if (written % (4 * kMiB) != 0) continue;
    for (const NodeNumber node : {1, 2}) most[node] = std::max(most[node], log_bytes_retained(cluster, node));
  }
  for (const NodeNumber node : {1, 2}) {
    std::cout << "node " << node << ": at most " << most[node] / kMiB << " MiB of log\n";
    EXPECT_GT(most[node], 0u);
    EXPECT_LT(most[node], 2 * (checkpoint + tail) * kMiB) << "node " << node;
  }
  cluster.start(3);
  cluster.wait_until_all_answer();
  EXPECT_EQ(cluster.connect(3, Millis(30000)).call({"GET", quiet})->text, "one");
  cluster.kill_and_start_all();
  EXPECT_EQ(cluster.connect(2, Millis(30000)).call({"GET", quiet})->text, "one");
}

}  // namespace
}  // namespace torc::integration
