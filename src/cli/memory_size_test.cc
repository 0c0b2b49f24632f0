#include "cli/memory_size.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace torc::cli {
namespace {

TEST(MemorySize, UnitsAreThoseOfRedis) {
  const std::pair<const char*, uint64_t> sizes[] = {{"0", 0},          {"123", 123},          {"5b", 5},
                                                    {"1k", 1000},      {"1kb", 1024},         {"100mb", 100u << 20},
                                                    {"2m", 2'000'000}, {"2G", 2'000'000'000}, {"3GB", 3ull << 30}};
  for (const auto& [text, bytes] : sizes) {
    const auto parsed = parse_memory_size(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, bytes) << text;
  }
  for (const char* text : {"", "mb", "-1", "1 mb", "1tb", "1mbx", "99999999999999999999", "18446744073709551615kb"}) {
    EXPECT_FALSE(parse_memory_size(text).ok()) << text;
  }
}

/// A file system with a few files of /proc and /sys.
struct Machine {
  std::string root = std::filesystem::temp_directory_path() / ("torc-memory-" + std::to_string(::getpid()));

  Machine() { put("/proc/meminfo", "MemFree:  5 kB\nMemTotal:  8000 kB\nBuffers: 1 kB\n"); }
  ~Machine() { std::filesystem::remove_all(root); }
  void put(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root + path).parent_path());
    std::ofstream(root + path) << text;
  }
  uint64_t kib() const { return memory_available(root) >> 10; }
};

TEST(MemorySize, WithoutGroupsItIsTheMachines) {
  const Machine machine;
  EXPECT_EQ(machine.kib(), 8000u);
}

TEST(MemorySize, ALimitOfTheGroupOrOfOneAroundItCounts) {
  const Machine machine;
  machine.put("/proc/self/cgroup", "0::/system.slice/torc.service\n");
  machine.put("/sys/fs/cgroup/system.slice/torc.service/memory.max", "max\n");
  EXPECT_EQ(machine.kib(), 8000u);
  machine.put("/sys/fs/cgroup/system.slice/memory.max", "4096000\n");
  EXPECT_EQ(machine.kib(), 4000u);
  machine.put("/sys/fs/cgroup/system.slice/torc.service/memory.max", "2048000\n");
  EXPECT_EQ(machine.kib(), 2000u);
}

TEST(MemorySize, InAContainerItsOwnLimitIsAtTheRoot) {
  const Machine machine;
  machine.put("/proc/self/cgroup", "0::/\n");
  machine.put("/sys/fs/cgroup/memory.max", "1024000\n");
  EXPECT_EQ(machine.kib(), 1000u);
}

TEST(MemorySize, TheFirstVersionOfGroupsCountsToo) {
  const Machine machine;
  machine.put("/proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/docker/x\n");
  machine.put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(machine.kib(), 8000u) << "what stands there for no limit";
  machine.put("/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", "3072000\n");
  EXPECT_EQ(machine.kib(), 3000u);
}

}  // namespace
}  // namespace torc::cli
