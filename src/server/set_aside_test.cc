#include "server/set_aside.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "host/disk.h"
#include "host/event_loop.h"
#include "host/scratch_directory.h"

namespace torc::server {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class SetAsideTest : public ::testing::Test {
 protected:
  SetAsideTest() { open(); }

  void open() {
    disk_.reset();
    auto opened = host::FileDisk::open(path(), loop_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    disk_ = *std::move(opened);
  }
  std::string path(const std::string& name = "") const {
    const fs::path data = directory_ / "data";
    return name.empty() ? data : data / name;
  }
  void write(const std::string& name, const std::string& contents) {
    fs::create_directories(fs::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << contents;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  std::vector<std::string> entries(const std::string& name = "") const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path(name))) names.push_back(entry.path().filename());
    return names;
  }
  void fill() {
    write("identity", "who");
    write("log-0000000000000001", "one");
    write("log-0000000000000002", "two");
    write("checkpoint/CURRENT", "rocks");
  }
  /// What a node with data in it does when it finds damage, up to the end.
  SetAside set_all_aside(const std::string& reason = "a reason") {
    EXPECT_TRUE(give_up(*disk_, reason).ok());
    const Result<SetAside> done = set_aside(path(), *disk_);
    EXPECT_TRUE(done.ok()) << done.error().message;
    return done.ok() ? *done : SetAside{};
  }
  bool given_up() {
    const Result<bool> answer = is_given_up(*disk_);
    EXPECT_TRUE(answer.ok());
    return answer.ok() && *answer;
  }

  host::ScratchDirectory directory_;
  host::EventLoop loop_;
  std::unique_ptr<host::FileDisk> disk_;
};

TEST_F(SetAsideTest, EverythingGoesIntoAFolderTogetherWithTheReason) {
  fill();
  EXPECT_FALSE(given_up());
  const SetAside done = set_all_aside("damaged record");
  EXPECT_EQ(done.folder, path("damaged-1"));
  EXPECT_EQ(done.reason, "damaged record");
  EXPECT_FALSE(given_up());
  EXPECT_THAT(entries(), UnorderedElementsAre("lock", "damaged-1"));
  EXPECT_THAT(entries("damaged-1"), UnorderedElementsAre("identity", "log-0000000000000001", "log-0000000000000002",
                                                         "checkpoint", "given-up"));
  EXPECT_THAT(read("damaged-1/given-up"), HasSubstr("damaged record"));
  EXPECT_EQ(read("damaged-1/checkpoint/CURRENT"), "rocks");
}

// Any order in which files were moved, any number of them: the next start ends in the same place.
TEST_F(SetAsideTest, WhateverWasMovedBeforeAnInterruptionTheRestFollows) {
  const std::vector<std::string> names{"identity", "log-0000000000000001", "log-0000000000000002", "checkpoint"};
  for (unsigned moved = 0; moved < 1u << names.size(); ++moved) {
    fs::remove_all(path("damaged-1"));
    fill();
    ASSERT_TRUE(give_up(*disk_, "r").ok());
    fs::create_directory(path("damaged-1"));
    for (size_t i = 0; i < names.size(); ++i) {
      if ((moved >> i & 1) != 0) fs::rename(path(names[i]), path("damaged-1/" + names[i]));
    }
    open();
    ASSERT_TRUE(given_up());
    ASSERT_TRUE(set_aside(path(), *disk_).ok());
    EXPECT_THAT(entries(), UnorderedElementsAre("lock", "damaged-1"));
    EXPECT_EQ(read("damaged-1/identity"), "who");
    EXPECT_EQ(read("damaged-1/log-0000000000000002"), "two");
    EXPECT_EQ(read("damaged-1/checkpoint/CURRENT"), "rocks");
  }
}

TEST_F(SetAsideTest, APowerCutThatLeavesAFileUnderBothNamesLeavesItUnderOne) {
  fill();
  ASSERT_TRUE(give_up(*disk_, "r").ok());
  fs::create_directory(path("damaged-1"));
  fs::create_hard_link(path("identity"), path("damaged-1/identity"));
  ASSERT_TRUE(set_aside(path(), *disk_).ok());
  EXPECT_THAT(entries(), UnorderedElementsAre("lock", "damaged-1"));
  EXPECT_EQ(read("damaged-1/identity"), "who");
}

TEST_F(SetAsideTest, APowerCutThatBringsTheMarkBackBeforeAnythingNewWasWrittenDoesNoHarm) {
  fill();
  set_all_aside();
  fs::rename(path("damaged-1/given-up"), path("given-up"));
  ASSERT_TRUE(given_up());
  ASSERT_TRUE(set_aside(path(), *disk_).ok());
  EXPECT_THAT(entries(), UnorderedElementsAre("lock", "damaged-1"));
  EXPECT_EQ(read("damaged-1/identity"), "who");
}

TEST_F(SetAsideTest, TheSecondTimeHasAFolderOfItsOwn) {
  fill();
  set_all_aside();
  write("identity", "another");
  EXPECT_EQ(set_all_aside().folder, path("damaged-2"));
  EXPECT_EQ(read("damaged-1/identity"), "who");
  EXPECT_EQ(read("damaged-2/identity"), "another");
}

TEST_F(SetAsideTest, TheOldestFoldersGoWhenThereAreTooMany) {
  for (size_t i = 0; i < kAsideFoldersMax; ++i) {
    fill();
    EXPECT_EQ(set_all_aside().folders_removed, 0u);
  }
  fill();
  EXPECT_EQ(set_all_aside().folders_removed, 1u);
  EXPECT_THAT(entries(), UnorderedElementsAre("lock", "damaged-2", "damaged-3", "damaged-4"));
  EXPECT_EQ(aside_use(path()).folders, kAsideFoldersMax);
}

TEST_F(SetAsideTest, TheOldestFoldersGoWhenTheyAreTooLargeAndTheNewestStaysHoweverLargeItIs) {
  const auto set_large_aside = [&](uint64_t bytes) {
    write("log-0000000000000001", "");
    fs::resize_file(path("log-0000000000000001"), bytes);  // a hole: it costs nothing
    return set_all_aside().folders_removed;
  };
  EXPECT_EQ(set_large_aside(kAsideBytesMax / 2), 0u);
  EXPECT_EQ(set_large_aside(kAsideBytesMax / 4), 0u);
  EXPECT_EQ(set_large_aside(kAsideBytesMax / 2), 1u);
  EXPECT_THAT(entries(), UnorderedElementsAre("lock", "damaged-2", "damaged-3"));
  EXPECT_GT(aside_use(path()).bytes, kAsideBytesMax / 2);
  EXPECT_EQ(set_large_aside(kAsideBytesMax * 2), 2u);
  EXPECT_THAT(entries(), UnorderedElementsAre("lock", "damaged-4"));
}

TEST_F(SetAsideTest, AMarkThatIsDamagedItselfStillMeansGivenUp) {
  fill();
  write("given-up", "\x01garbage");
  EXPECT_TRUE(given_up());
  ASSERT_TRUE(set_aside(path(), *disk_).ok());
  EXPECT_EQ(read("damaged-1/identity"), "who");
}

TEST_F(SetAsideTest, AMarkOfALaterVersionIsRefusedAndNamesBothVersions) {
  fill();
  write("given-up", "torc given up, version 2\nwho knows\n");
  const Result<bool> answer = is_given_up(*disk_);
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message, HasSubstr("has version 2, this program knows version 1"));
  EXPECT_FALSE(set_aside(path(), *disk_).ok());
  EXPECT_EQ(read("identity"), "who");
}

TEST_F(SetAsideTest, WhatElseLiesThereMovesAlong) {
  write("damaged-by-hand/notes", "mine");
  fill();
  set_all_aside();
  EXPECT_EQ(read("damaged-1/damaged-by-hand/notes"), "mine") << "moved along, like everything that is not ours to name";
}

}  // namespace
}  // namespace torc::server
