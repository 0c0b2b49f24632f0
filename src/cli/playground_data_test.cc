#include "cli/playground_data.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace torc::cli {
namespace {

namespace fs = std::filesystem;

class PlaygroundData : public testing::Test {
 protected:
  PlaygroundData() : place_(fs::temp_directory_path() / ("torc-playground-data-" + std::to_string(::getpid()))) {
    for (const char* node : {"node-1", "node-2", "node-12"}) {
      fs::create_directories(place_ / node / "checkpoint");
      std::ofstream(place_ / node / "lock") << "1234\n";
      std::ofstream(place_ / (std::string(node) + ".log")) << "said\n";
    }
    for (const char* other : {"node-x", "node-", "my-node-1", "node-1.bak"}) std::ofstream(place_ / other) << "mine";
  }
  ~PlaygroundData() override { fs::remove_all(place_); }
  std::set<std::string> names() const {
    std::set<std::string> all;
    for (const auto& entry : fs::directory_iterator(place_)) all.insert(entry.path().filename().string());
    return all;
  }

  const fs::path place_;
};

TEST_F(PlaygroundData, OfTheNodesGoesAndEverythingElseStays) {
  const Status removed = remove_nodes(place_.string());
  ASSERT_TRUE(removed.ok()) << removed.error().message;
  EXPECT_EQ(names(), (std::set<std::string>{"node-x", "node-", "my-node-1", "node-1.bak"}));
}

TEST_F(PlaygroundData, OfANodeThatRunsStaysAndSoDoesThatOfTheOthers) {
  const std::set<std::string> before = names();
  const int lock = ::open((place_ / "node-2/lock").c_str(), O_RDWR);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  const Status refused = remove_nodes(place_.string());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, (place_ / "node-2").string() + " is in use by a node that runs");
  EXPECT_EQ(names(), before);
  ::close(lock);
  EXPECT_TRUE(remove_nodes(place_.string()).ok());
}

TEST_F(PlaygroundData, OfADirectoryThatIsNotThereIsNothing) {
  EXPECT_TRUE(remove_nodes((place_ / "nowhere").string()).ok());
}

}  // namespace
}  // namespace torc::cli
