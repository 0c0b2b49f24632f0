// A majority of the nodes has lost the same: what is left can be read, and what is not is told (docs/operating.md).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "cluster.h"

namespace torc::integration {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// Flips a bit of the text wherever the file holds it; true if it does.
bool damage_text(const fs::path& path, const std::string& text) {
  std::string bytes = read_file(path);
  bool is_there = false;
  for (size_t at = bytes.find(text); at != std::string::npos; at = bytes.find(text, at + 1)) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(bytes[at] ^ 1));
    is_there = true;
  }
  return is_there;
}

struct Values {
  std::map<std::string, std::string> written;

  static std::string key(int i) { return "key-" + std::to_string(i); }
  void write(RespClient& client, int first, int end, const std::string& word) {
    constexpr int kTogether = 50;
    for (int begin = first; begin < end; begin += kTogether) {
      for (int i = begin; i < begin + kTogether; ++i) {
        written[key(i)] = word + "-" + std::to_string(i) + std::string(300, '.');
        ASSERT_TRUE(client.send({"SET", key(i), written[key(i)]}));
      }
      for (int i = 0; i < kTogether; ++i) {
        const auto set = client.receive();
        ASSERT_TRUE(set && set->is_ok()) << set;
      }
    }
  }
};

/// Keys that are in both checkpoints and logs; then all nodes are down.
Values write_and_stop(Cluster& cluster) {
  Values values;
  RespClient client = cluster.connect(cluster.wait_for_leader(), Millis(10000));
  values.write(client, 0, 6000, "early");  // checkpoints of 1 MiB
  values.write(client, 5000, 6500, "late");
  cluster.wait_until_all_answer();
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.kill_hard(node);
  return values;
}

std::vector<std::string> directories(const Cluster& cluster) {
  std::vector<std::string> paths;
  for (NodeNumber node = 1; node <= cluster.size(); ++node) paths.push_back(cluster.data_directory(node));
  return paths;
}

CommandResult salvage(const Cluster& cluster, const std::vector<std::string>& paths, const std::string& out) {
  std::vector<std::string> command = {built_program("torc"), "salvage", "--out", out};
  for (const std::string& path : paths) command.insert(command.end(), {"--data", path});
  return run_command(command, cluster.directory() + "/salvage.out", Millis(60000));
}

/// A new cluster with what was salvaged, read back.
std::map<std::string, std::string> load(const std::string& file, const Values& values) {
  Cluster fresh;
  const Address& address = fresh.address(fresh.wait_for_leader());
  const CommandResult loaded = run_command(
      {"sh", "-c", "redis-cli -h " + address.host + " -p " + std::to_string(address.port) + " --pipe < " + file},
      fresh.directory() + "/pipe.out", Millis(60000));
  EXPECT_EQ(loaded.exit_status, 0) << loaded.output;
  EXPECT_THAT(loaded.output, HasSubstr("errors: 0"));
  std::map<std::string, std::string> found;
  RespClient client = fresh.connect(fresh.any_follower(), Millis(10000));
  constexpr size_t kTogether = 50;
  for (auto next = values.written.begin(); next != values.written.end();) {
    std::vector<std::string> keys;
    for (; keys.size() < kTogether && next != values.written.end(); ++next) keys.push_back(next->first);
    for (const std::string& key : keys) client.send({"GET", key});
    for (const std::string& key : keys) {
      const auto read = client.receive();
      if (read && !read->is_nil()) found[key] = read->text;
    }
  }
  return found;
}

ClusterOptions with_small_checkpoints() { return {.extra_args = {"--checkpoint-mib", "1", "--log-tail-mib", "1"}}; }

TEST(Salvage, OfAMajorityDamagedInTheSamePlaceEverythingElseIsRead) {
  Cluster cluster(with_small_checkpoints());
  const Values values = write_and_stop(cluster);
  const std::string out = cluster.directory() + "/keys.resp";

  // The same checkpoint block and the same log record, on all of them.
  std::set<std::string> damaged;
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    bool has_any = false;
    for (const auto& entry : fs::recursive_directory_iterator(cluster.data_directory(node))) {
      if (!entry.is_regular_file()) continue;
      for (const char* const text : {"early-123.", "late-6400."}) has_any |= damage_text(entry.path(), text);
    }
    EXPECT_TRUE(has_any) << node;
  }
  const CommandResult result = salvage(cluster, directories(cluster), out);
  EXPECT_EQ(result.exit_status, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("lost everywhere: entry "));
  EXPECT_THAT(result.output, HasSubstr("% of the checkpoint's keys cannot be read"));
  const std::map<std::string, std::string> found = load(out, values);
  size_t missing = 0;
  for (const auto& [key, value] : values.written) {
    const auto at = found.find(key);
    if (at == found.end() || at->second != value) ++missing;
  }
  EXPECT_GT(missing, 0u);
  EXPECT_LT(missing, 400u) << "a block of a file, and what was written in one turn";
}

TEST(Salvage, WhatIsDamagedInOneDirectoryIsTakenFromAnother) {
  Cluster cluster(with_small_checkpoints());
  const Values values = write_and_stop(cluster);
  const std::string out = cluster.directory() + "/keys.resp";
  for (const auto& entry : fs::recursive_directory_iterator(cluster.data_directory(1))) {
    if (entry.is_regular_file()) damage_text(entry.path(), "early-123.");
  }
  for (const auto& entry : fs::recursive_directory_iterator(cluster.data_directory(2))) {
    if (entry.is_regular_file()) damage_text(entry.path(), "late-6400.");
  }
  const CommandResult result = salvage(cluster, directories(cluster), out);
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_EQ(load(out, values), values.written);
}

TEST(Salvage, AMajorityThatLostTheSameAcknowledgesNothingSaysSoAndWhatItSetAsideCanBeRead) {
  Cluster cluster;
  const Values values = write_and_stop(cluster);
  const std::vector<NodeNumber> damaged = {1, 2};
  for (const NodeNumber node : damaged) {
    bool has_any = false;
    for (const auto& entry : fs::directory_iterator(cluster.data_directory(node))) {
      if (entry.is_regular_file()) has_any |= damage_text(entry.path(), "late-6400.");
    }
    EXPECT_TRUE(has_any) << node;
  }
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.start(node);
  const auto says_so = [&](NodeNumber node) {
    const auto info = cluster.info(node);
    return info && info->at("damaged_folders") == "1" && info->at("raft_membership") == "meeting" &&
           info->at("raft_explanation").find("damaged") != std::string::npos;
  };
  for (const NodeNumber node : damaged) {
    EXPECT_TRUE(holds_within(Millis(20000), [&] { return says_so(node); })) << cluster.log(node);
    EXPECT_THAT(read_file(cluster.data_directory(node) + "/damaged-1/given-up"), HasSubstr("log-"));
  }
  sleep_for(Millis(3000));  // elections, if there were any
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    const auto written = cluster.connect(node, Millis(2000)).call({"SET", "key-0", "new"});
    EXPECT_TRUE(!written || written->is_error()) << "node " << node << ": " << written;
    const auto read = cluster.connect(node, Millis(2000)).call({"GET", "key-0"});
    EXPECT_TRUE(!read || read->is_error()) << "node " << node << ": " << read;
  }

  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.kill_hard(node);
  std::vector<std::string> paths = directories(cluster);
  for (const NodeNumber node : damaged) paths[static_cast<size_t>(node - 1)] += "/damaged-1";
  const std::string out = cluster.directory() + "/keys.resp";
  const CommandResult result = salvage(cluster, paths, out);
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("what is damaged in one directory is whole in another"));
  EXPECT_EQ(load(out, values), values.written);
}

}  // namespace
}  // namespace torc::integration
