// What a node does that finds its data damaged: it gives it up, for good, and comes back as one that lost its data
// (docs/operating.md, "Damaged data").
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "cluster.h"
#include "power_cut.h"

namespace torc::integration {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string identity_of(const Cluster& cluster, NodeNumber node, const std::string& folder = "") {
  return read_file(cluster.data_directory(node) + folder + "/identity");
}

/// Each write with an fsync of its own.
void write_some(Cluster& cluster, NodeNumber node) {
  for (int i = 0; i < 60; ++i) {
    const auto padding = cluster.connect(node, Millis(10000)).call({"SET", "padding", std::string(1000, 'x')});
    ASSERT_TRUE(padding && padding->is_ok()) << padding;
  }
}

/// Flips bits in the middle of the newest segment with entries in it: the segments before it are a valid log, too.
void damage_newest_segment(const std::string& data) {
  constexpr std::streamoff kDamageAt = 20'000;
  uint64_t newest = 0;
  std::string path;
  for (const auto& entry : fs::directory_iterator(data)) {
    if (!entry.path().filename().string().starts_with("log-")) continue;
    const std::string bytes = read_file(entry.path()).substr(0, kDamageAt + 1);
    if (bytes.size() <= kDamageAt) continue;
    uint64_t sequence = 0;
    std::memcpy(&sequence, bytes.data() + 16, sizeof sequence);
    if (bytes[kDamageAt] == 0 || sequence < newest) continue;
    newest = sequence;
    path = entry.path();
  }
  ASSERT_NE(path, "");
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(kDamageAt);
  const char found = static_cast<char>(file.get());
  file.seekp(kDamageAt);
  file.put(static_cast<char>(found ^ 0x55));
}

/// A member with a log of several segments, then killed and damaged.
void damage(Cluster& cluster, NodeNumber node) {
  for (int life = 0; life < 2; ++life) {  // each begins a segment
    ASSERT_NO_FATAL_FAILURE(write_some(cluster, node));
    cluster.kill_hard(node);
    cluster.start(node);
    cluster.wait_until_all_answer();
  }
  ASSERT_NO_FATAL_FAILURE(write_some(cluster, node));
  cluster.kill_hard(node);
  damage_newest_segment(cluster.data_directory(node));
}

/// In which folder the directory that the node had before is now; empty: none.
std::string folder_of(const Cluster& cluster, NodeNumber node, const std::string& former_identity) {
  for (const auto& entry : fs::directory_iterator(cluster.data_directory(node))) {
    const std::string name = "/" + entry.path().filename().string();
    if (name.starts_with("/damaged-") && identity_of(cluster, node, name) == former_identity) return name;
  }
  return "";
}

/// Segments are mostly zeros that were written ahead.
void copy_directory(const std::string& from, const std::string& to) {
  fs::remove_all(to);
  const CommandResult copied = run_command({"cp", "-r", "--sparse=always", from, to}, to + ".out", Millis(60000));
  ASSERT_EQ(copied.exit_status, 0) << copied.output;
}

// The process is killed before its first step, its second, ..., and power fails each time. Whatever is there then: the
// next start gives everything up, or finds everything as it was and gives that up. Every fourth step, beginning
// anywhere; TORC_EVERY_STEP=1 for all of them (make nemesis-power).
TEST(Damage, APowerCutAtAnyStepOfSettingDataAsideEndsInGivenUp) {
  constexpr int kStepsMax = 200;
  Cluster cluster(with_power_switch({}));
  const NodeNumber node = cluster.any_follower();
  ASSERT_NO_FATAL_FAILURE(damage(cluster, node));
  for (NodeNumber other = 1; other <= cluster.size(); ++other) cluster.kill_hard(other);  // nobody is there to ask
  const std::string data = cluster.data_directory(node);
  const std::string former = cluster.directory() + "/former";
  Prng prng(std::random_device{}());
  cut_power(cluster, {node}, PowerCut::kHard, prng);
  ASSERT_NO_FATAL_FAILURE(copy_directory(data, former));
  const std::string identity = identity_of(cluster, node);
  const auto has_settled = [&] { return !cluster.process(node).is_running() || cluster.info(node, Millis(200)); };

  const int stride = std::getenv("TORC_EVERY_STEP") != nullptr ? 1 : 4;
  int step = static_cast<int>(prng.between(1, static_cast<uint64_t>(stride)));
  for (; step <= kStepsMax; step += stride) {
    ASSERT_NO_FATAL_FAILURE(copy_directory(former, data));
    cluster.start(node, dying_at_step(step));
    ASSERT_TRUE(holds_within(Millis(10000), has_settled));
    const bool came_to_the_end = cluster.process(node).is_running();
    EXPECT_TRUE(came_to_the_end || cluster.process(node).wait(Millis(0)) == 128 + SIGKILL) << "step " << step;
    cut_power(cluster, {node}, step % 2 == 0 ? PowerCut::kHard : PowerCut::kRandom, prng);
    cluster.start(node);
    ASSERT_TRUE(holds_within(Millis(10000), has_settled));
    ASSERT_TRUE(cluster.process(node).is_running()) << "step " << step;
    const auto info = cluster.info(node);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->at("raft_membership"), "meeting") << "step " << step << ": it must not count on what it held";
    EXPECT_THAT(info->at("raft_explanation"), HasSubstr("damaged")) << "step " << step;
    EXPECT_NE(identity_of(cluster, node), identity) << "step " << step << ": a new life has a new incarnation";
    const std::string folder = folder_of(cluster, node, identity);
    ASSERT_NE(folder, "") << "step " << step << ": what there was must be there for a person to look at";
    for (const auto& entry : fs::directory_iterator(former)) {
      const std::string name = entry.path().filename();
      EXPECT_TRUE(!name.starts_with("log-") || fs::exists(data + folder + "/" + name)) << "step " << step << name;
    }
    cut_power(cluster, {node}, PowerCut::kHard, prng);
    if (came_to_the_end) break;
  }
  EXPECT_GT(step, 40) << "the steps of a start, of giving up and of the start after it";
  EXPECT_LT(step, kStepsMax);
}

/// Reads of one file fail while this lives.
class BadSector {
 public:
  BadSector(const Cluster& cluster, const std::string& file) : path_(cluster.directory() + "/bad-sector") {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) throw std::runtime_error("no such file: " + file);
    std::ofstream(path_ + ".tmp") << status.st_ino;
    fs::rename(path_ + ".tmp", path_);
  }
  ~BadSector() { fs::remove(path_); }

  static ClusterOptions options(std::vector<std::string> extra_args = {}) {
    std::string place(kClusterDirectory);
    place += "/bad-sector";
    return {
        .extra_args = std::move(extra_args),
        .environment = {{"LD_PRELOAD", built_program("torc_bad_sector_preload.so")}, {"TORC_BAD_SECTOR_OF", place}}};
  }

 private:
  std::string path_;
};

/// The largest of the files whose names begin and end so, in the node's directory or in one below it.
std::string largest_file(const std::string& directory, const std::string& prefix, const std::string& suffix) {
  std::string largest;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (!entry.is_regular_file() || !name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    if (largest.empty() || entry.file_size() > fs::file_size(largest)) largest = entry.path();
  }
  return largest;
}

bool is_member_with_damage(const Cluster& cluster, NodeNumber node) {
  const auto info = cluster.info(node, Millis(300));
  return info && info->at("raft_membership") == "member" && info->at("damaged_folders") == "1";
}

void write_megabytes(Cluster& cluster, NodeNumber node, int count) {
  RespClient client = cluster.connect(node, Millis(20000));
  const std::string value(1 << 20, 'v');
  for (int i = 0; i < count; ++i) {
    const auto written = client.call({"SET", "large" + std::to_string(i % 8), value});
    ASSERT_TRUE(written && written->is_ok()) << written;
  }
}

TEST(Damage, ABadSectorOfTheLogFoundAtTheStartIsDamageAndTheNodeComesBack) {
  Cluster cluster(BadSector::options());
  const NodeNumber node = cluster.any_follower();
  ASSERT_NO_FATAL_FAILURE(write_some(cluster, node));
  cluster.kill_hard(node);
  const BadSector bad(cluster, largest_file(cluster.data_directory(node), "log-", ""));
  cluster.start(node);
  EXPECT_TRUE(holds_within(Millis(20000), [&] { return is_member_with_damage(cluster, node); }));
  EXPECT_THAT(read_file(cluster.data_directory(node) + "/damaged-1/given-up"), HasSubstr("Input/output error"));
  const CommandResult status = run_command({built_program("torc"), "status", "--node", cluster.address(node).text()},
                                           cluster.directory() + "/status.out", Millis(20000));
  EXPECT_THAT(status.output, HasSubstr("keeps damaged data in 1 damaged-* folders of its data directory"));
}

TEST(Damage, ABadSectorOfTheCheckpointFoundAtTheStartIsDamageAndTheNodeComesBack) {
  Cluster cluster(BadSector::options({"--checkpoint-mib", "1", "--log-tail-mib", "1"}));
  const NodeNumber node = cluster.any_follower();
  ASSERT_NO_FATAL_FAILURE(write_megabytes(cluster, node, 8));
  const std::string checkpoint = cluster.data_directory(node) + "/checkpoint";
  ASSERT_TRUE(holds_within(Millis(10000), [&] { return !largest_file(checkpoint, "", ".sst").empty(); }));
  cluster.kill_hard(node);
  const BadSector bad(cluster, largest_file(checkpoint, "", ".sst"));
  cluster.start(node);
  EXPECT_TRUE(holds_within(Millis(20000), [&] { return is_member_with_damage(cluster, node); }));
}

// The leader needs its log for a follower that was away.
TEST(Damage, ABadSectorThatALeaderMeetsWhileItRunsIsGivenUpWithoutAPerson) {
  Cluster cluster(BadSector::options());
  const NodeNumber leader = cluster.wait_for_leader();
  const NodeNumber away = cluster.any_follower();
  cluster.kill_hard(away);
  ASSERT_NO_FATAL_FAILURE(write_megabytes(cluster, leader, 40));  // more than it holds in memory
  const BadSector bad(cluster, largest_file(cluster.data_directory(leader), "log-", ""));
  const pid_t process = cluster.process(leader).pid();
  cluster.start(away);
  ASSERT_TRUE(holds_within(Millis(40000), [&] { return is_member_with_damage(cluster, leader); }));
  EXPECT_EQ(cluster.info(leader)->at("process_id"), std::to_string(process)) << "nobody had to start it";
  cluster.wait_until_all_answer();
  const auto read = cluster.connect(leader).call({"STRLEN", "large7"});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->integer, 1 << 20);
}

}  // namespace
}  // namespace torc::integration
