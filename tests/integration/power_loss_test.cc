// Is what a process did not sync taken back when power fails, and nothing else? The layer under the power cuts of
// nemesis_power_test.cc must itself be right, or those prove nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "cluster.h"
#include "power_loss/roll_back.h"
#include "power_loss/state.h"

namespace torc::integration {
namespace {

namespace fs = std::filesystem;
using power_loss::Extent;

class PowerLoss : public ::testing::Test {
 protected:
  PowerLoss() {
    std::string pattern = fs::temp_directory_path() / "torc-power-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    directory_ = pattern;
    root_ = directory_ + "/data";
    fs::create_directory(root_);
  }
  ~PowerLoss() override { fs::remove_all(directory_); }

  /// A process takes these steps under the preloaded library and is killed.
  void run(const std::vector<std::string>& steps, const std::string& lie = "") {
    std::vector<std::string> argv{"env",
                                  "-C",
                                  root_,
                                  "TORC_POWER_LOSS_ROOT=" + root_,
                                  "TORC_POWER_LOSS_LIE=" + lie,
                                  "LD_PRELOAD=" + built_program("torc_power_loss_preload.so"),
                                  built_program("torc_power_loss_probe")};
    argv.insert(argv.end(), steps.begin(), steps.end());
    const CommandResult result = run_command(argv, directory_ + "/output", Millis(30000));
    ASSERT_EQ(result.exit_status, 128 + SIGKILL) << result.output;
  }
  /// Power fails: nothing unsynced is left.
  void cut() { power_loss::roll_back(root_, Extent::kNothing, prng_); }
  void cut_at_random(uint64_t seed) {
    Prng prng(seed);
    power_loss::roll_back(root_, Extent::kSome, prng);
  }
  std::string file(const std::string& name) const { return read_file(root_ + "/" + name); }
  bool exists(const std::string& name) const { return fs::exists(root_ + "/" + name); }
  std::string inside(const std::string& name) const { return root_ + "/" + name; }

  Prng prng_{1};
  std::string directory_;
  std::string root_;
};

TEST_F(PowerLoss, AWriteWithoutASyncIsLost) {
  run({"write f 0 a 10000", "sync f", "sync-directory .", "write f 100 b 5000"});
  EXPECT_EQ(file("f")[100], 'b') << "the page cache outlives the process";
  cut();
  EXPECT_EQ(file("f"), std::string(10000, 'a'));
}

TEST_F(PowerLoss, AWriteThatWasSyncedIsKept) {
  run({"write f 0 a 10000", "sync-directory .", "write f 100 b 5000", "sync f"});
  cut();
  EXPECT_EQ(file("f"), std::string(100, 'a') + std::string(5000, 'b') + std::string(4900, 'a'));
}

TEST_F(PowerLoss, AFileKeepsTheSizeOfItsLastSync) {
  run({"write f 0 a 100", "sync f", "sync-directory .", "write f 100 b 100000"});
  cut();
  EXPECT_EQ(file("f"), std::string(100, 'a'));
}

TEST_F(PowerLoss, WhatWasCutOffOrEmptiedComesBack) {
  run({"write f 0 a 20000", "write g 0 a 20000", "sync f", "sync g", "sync-directory .", "truncate f 50", "empty g",
       "write g 0 b 10"});
  cut();
  EXPECT_EQ(file("f"), std::string(20000, 'a'));
  EXPECT_EQ(file("g"), std::string(20000, 'a'));
}

TEST_F(PowerLoss, SyncFileRangePromisesNothing) {
  run({"write f 0 a 100", "sync f", "sync-directory .", "write f 0 b 100", "sync-range f"});
  cut();
  EXPECT_EQ(file("f"), std::string(100, 'a'));
}

TEST_F(PowerLoss, AWriteThroughODsyncIsDurable) {
  run({"write f 0 a 9000", "sync f", "sync-directory .", "write f 0 b 9000", "write-through f 0 c 4096"});
  cut();
  EXPECT_EQ(file("f"), std::string(4096, 'c') + std::string(4904, 'a'));
}

TEST_F(PowerLoss, ANewFileIsGoneUntilItsDirectoryIsSynced) {
  run({"write f 0 a 100", "sync f", "write g 0 a 100", "sync g", "sync-directory .", "write h 0 a 100", "sync h"});
  cut();
  EXPECT_FALSE(exists("h"));
  EXPECT_EQ(file("f"), std::string(100, 'a'));
  EXPECT_EQ(file("g"), std::string(100, 'a'));
}

TEST_F(PowerLoss, ASyncedNameWithUnsyncedContentsIsAnEmptyFile) {
  run({"write f 0 a 100", "sync-directory ."});
  cut();
  EXPECT_TRUE(exists("f"));
  EXPECT_EQ(file("f"), "");
}

TEST_F(PowerLoss, ARenameIsUndoneUntilTheDirectoryIsSynced) {
  run({"write f 0 a 10", "sync f", "write f.tmp 0 b 10", "sync f.tmp", "sync-directory .", "rename f.tmp f"});
  cut();
  EXPECT_EQ(file("f"), std::string(10, 'a'));
  EXPECT_EQ(file("f.tmp"), std::string(10, 'b'));
  run({"rename f.tmp f", "sync-directory ."});
  cut();
  EXPECT_EQ(file("f"), std::string(10, 'b'));
  EXPECT_FALSE(exists("f.tmp"));
}

TEST_F(PowerLoss, ARemovedFileComesBackAsItWasDurable) {
  run({"write f 0 a 10", "sync f", "sync-directory .", "write f 0 b 10", "unlink f", "write f 0 c 3"});
  cut();
  EXPECT_EQ(file("f"), std::string(10, 'a'));
  run({"unlink f", "sync-directory ."});
  cut();
  EXPECT_FALSE(exists("f"));
}

TEST_F(PowerLoss, ADirectoryIsGoneWithAllInItUntilItsParentIsSynced) {
  run({"mkdir d", "write d/f 0 a 10", "sync d/f", "sync-directory d"});
  cut();
  EXPECT_FALSE(exists("d"));
  run({"mkdir d", "write d/f 0 a 10", "sync d/f", "sync-directory d", "sync-directory ."});
  cut();
  EXPECT_EQ(file("d/f"), std::string(10, 'a'));
}

TEST_F(PowerLoss, TheRootItselfIsGoneUntilItsParentIsSynced) {
  fs::remove(root_);
  std::vector<std::string> argv{"env",
                                "-C",
                                directory_,
                                "TORC_POWER_LOSS_ROOT=" + root_,
                                "LD_PRELOAD=" + built_program("torc_power_loss_preload.so"),
                                built_program("torc_power_loss_probe"),
                                "mkdir data",
                                "write data/f 0 a 10",
                                "sync data/f",
                                "sync-directory data"};
  run_command(argv, directory_ + "/output", Millis(30000));
  ASSERT_TRUE(exists("f"));
  cut();
  EXPECT_FALSE(fs::exists(root_));
  fs::create_directory(root_);
}

TEST_F(PowerLoss, AMoveIntoAnotherDirectoryLeavesBothNamesIfOnlyTheNewOneWasSynced) {
  run({"mkdir d", "write f 0 a 10", "sync f", "sync-directory .", "rename f d/f"});
  cut();
  EXPECT_TRUE(exists("f"));
  EXPECT_FALSE(exists("d/f"));
  run({"rename f d/f", "sync-directory d"});
  cut();
  EXPECT_TRUE(exists("f"));
  EXPECT_TRUE(exists("d/f"));
}

TEST_F(PowerLoss, AMoveIntoADirectoryThatIsGoneDidNotHappen) {
  run({"write f 0 a 10", "sync f", "sync-directory .", "mkdir d", "rename f d/f", "sync-directory d"});
  cut();
  EXPECT_TRUE(exists("f"));
  EXPECT_FALSE(exists("d"));
}

TEST_F(PowerLoss, AMoveOfADirectoryTakesWhatIsInItAlong) {
  run({"mkdir d", "mkdir e", "write d/f 0 a 10", "sync d/f", "sync-directory d", "sync-directory .", "write d/g 0 b 10",
       "sync d/g", "rename d e/d"});
  cut();
  EXPECT_TRUE(exists("d/f"));
  EXPECT_FALSE(exists("d/g"));
  EXPECT_FALSE(exists("e/d"));
  run({"write d/g 0 b 10", "sync d/g", "rename d e/d", "sync-directory e", "sync-directory ."});
  cut();
  EXPECT_TRUE(exists("e/d/f"));
  EXPECT_FALSE(exists("e/d/g")) << "its own directory was not synced";
}

TEST_F(PowerLoss, AHardLinkIsAName) {
  run({"mkdir d", "write f 0 a 10", "sync f", "sync-directory .", "link f d/f"});
  cut();
  EXPECT_FALSE(exists("d/f"));
  run({"link f d/f", "sync-directory d", "unlink f"});
  cut();
  EXPECT_EQ(file("f"), std::string(10, 'a'));
  EXPECT_EQ(file("d/f"), std::string(10, 'a'));
}

TEST_F(PowerLoss, AKillWithoutAPowerCutKeepsEverythingAndForgetsNothing) {
  run({"write f 0 a 5000", "sync f", "sync-directory .", "write f 0 b 5000", "write g 0 a 10"});
  run({"write f 1 c 1", "rename g h"});
  EXPECT_EQ(file("f").substr(0, 3), "bcb");
  cut();
  EXPECT_EQ(file("f"), std::string(5000, 'a')) << "the first life's write was never synced either";
  EXPECT_FALSE(exists("g"));
  EXPECT_FALSE(exists("h"));
  run({"write f 0 d 5000"});
  run({"sync f"});
  cut();
  EXPECT_EQ(file("f"), std::string(5000, 'd')) << "whose write a sync covers does not matter";
}

TEST_F(PowerLoss, FourThreadsLoseOnlyTheirLastUnsyncedWrite) {
  run({"write f0 0 x 1", "write f1 0 x 1", "write f2 0 x 1", "write f3 0 x 1", "sync-directory .", "threads f"});
  cut();
  for (const char* name : {"f0", "f1", "f2", "f3"}) EXPECT_EQ(file(name), std::string(10000, 'a' + 198 % 26)) << name;
}

TEST_F(PowerLoss, ARandomCutLeavesAnyMixtureOfPagesAndTheSameOneForOneSeed) {
  const std::vector<std::string> story{"write f 0 a 8192", "sync f", "sync-directory .", "write f 0 b 8192",
                                       "write f 0 c 8192"};
  std::set<std::string> seen;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    run(story);
    cut_at_random(seed);
    const std::string once = file("f");
    EXPECT_EQ(once.size(), 8192u);
    EXPECT_EQ(once.find_first_not_of("abc"), std::string::npos);
    if (seed <= 3) {
      fs::remove(inside("f"));
      run(story);
      cut_at_random(seed);
      EXPECT_EQ(file("f"), once) << "seed " << seed;
    }
    seen.insert(std::string{once[0], once[512], once[4096]});
    fs::remove(inside("f"));
  }
  EXPECT_THAT(seen, ::testing::Contains("aaa"));
  EXPECT_THAT(seen, ::testing::Contains("ccc"));
  EXPECT_GT(seen.size(), 6u) << "lost, kept and torn pages";
}

TEST_F(PowerLoss, ARandomCutLeavesSomeNamesAndNeverHalfOfARename) {
  std::set<std::string> seen;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    run({"write a 0 a 1", "write b 0 b 1", "rename a c"});
    cut_at_random(seed);
    EXPECT_FALSE(exists("a") && exists("c"));
    std::string there;
    for (const char* name : {"a", "b", "c"}) {
      if (exists(name)) there += name;
      fs::remove(inside(name));
    }
    seen.insert(there);
  }
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("", "b", "a", "ab", "c", "bc"));
}

TEST_F(PowerLoss, ADiskThatIgnoresDataSyncsLosesWhatWasSynced) {
  run({"write f 0 a 10", "sync f", "sync-directory ."}, "data");
  cut();
  EXPECT_EQ(file("f"), "");
}

TEST_F(PowerLoss, ADiskThatIgnoresDirectorySyncsLosesNames) {
  run({"write f 0 a 10", "sync f", "sync-directory ."}, "directories");
  cut();
  EXPECT_FALSE(exists("f"));
}

TEST_F(PowerLoss, ADiskThatSyncsLateLosesTheLastMoments) {
  run({"write f 0 a 10", "sync f", "sync-directory .", "wait 300", "write f 0 b 10", "sync f"}, "late");
  cut();
  EXPECT_EQ(file("f"), std::string(10, 'a'));
  run({"write f 0 c 10", "sync f", "wait 300"}, "late");
  cut();
  EXPECT_EQ(file("f"), std::string(10, 'c'));
}

}  // namespace
}  // namespace torc::integration
