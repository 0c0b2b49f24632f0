#include "host/disk.h"

#include <gtest/gtest.h>
#include <limits.h>

#include <filesystem>
#include <fstream>

#include "host/run_until.h"
#include "host/scratch_directory.h"

namespace torc::host {
namespace {

using Names = std::vector<std::string>;

class DiskTest : public testing::Test {
 protected:
  std::unique_ptr<FileDisk> open_disk() {
    Result<std::unique_ptr<FileDisk>> disk = FileDisk::open(directory / "data", loop);
    EXPECT_TRUE(disk.ok()) << disk.error().message;
    return std::move(disk).value();
  }
  Status write(env::File& file, uint64_t offset, std::vector<Bytes> chunks, bool sync = true) {
    return wait([&](env::DiskCallback done) { file.write(offset, std::move(chunks), sync, std::move(done)); });
  }
  Status prepare(FileDisk& disk, const std::string& name, uint64_t bytes) {
    return wait([&](env::DiskCallback done) { disk.prepare(name, bytes, std::move(done)); });
  }
  Status wait(const std::function<void(env::DiskCallback)>& start) {
    std::optional<Status> outcome;
    start([&](Status status) {
      outcome = std::move(status);
      loop.stop();
    });
    while (!outcome) loop.run();
    return *outcome;
  }
  /// A file whose writes fail (/dev/full) or whose sync fails (/dev/null): devices make the kernel refuse for real.
  void link_to_device(const std::string& name, const std::string& device) {
    std::filesystem::create_symlink(device, directory / ("data/" + name));
  }

  ScratchDirectory directory;
  EventLoop loop;
};

TEST_F(DiskTest, WrittenBytesAreThereAfterReopening) {
  {
    const auto disk = open_disk();
    const auto file = disk->create("log-1").value();
    EXPECT_TRUE(write(*file, 0, {Bytes("hello "), Bytes(""), Bytes("world")}).ok());
    EXPECT_TRUE(write(*file, 6, {Bytes("disk!")}, false).ok());
  }
  const auto disk = open_disk();
  const auto file = disk->open("log-1").value();
  EXPECT_EQ(file->size().value(), 11u);
  EXPECT_EQ(file->read(0, 100).value(), "hello disk!");
  EXPECT_EQ(file->read(6, 2).value(), "di");
  EXPECT_EQ(file->read(11, 5).value(), "");
  EXPECT_EQ(file->read(500, 5).value(), "");
  EXPECT_EQ(file->read(0, SIZE_MAX).value(), "hello disk!");
  EXPECT_EQ(disk->read_all("log-1").value(), "hello disk!");
}

TEST_F(DiskTest, ALockedDirectoryIsRefusedAndFreeAgainAfterwards) {
  {
    const auto disk = open_disk();
    const auto second = FileDisk::open(directory / "data", loop);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
    EXPECT_NE(second.error().message.find("in use by another process (pid " + std::to_string(getpid()) + ")"),
              std::string::npos)
        << second.error().message;
  }
  open_disk();
}

TEST_F(DiskTest, ADirectoryThatCannotBeCreatedIsAnError) {
  const auto disk = FileDisk::open(directory / "no/such/parent", loop);
  ASSERT_FALSE(disk.ok());
  EXPECT_EQ(disk.error().code, ErrorCode::kNotFound);
}

TEST_F(DiskTest, MoreChunksThanOneSystemCallTakesAreWrittenInOrder) {
  const auto disk = open_disk();
  const auto file = disk->create("f").value();
  for (const size_t count : {size_t{IOV_MAX}, size_t{IOV_MAX} + 1, size_t{3} * IOV_MAX + 7}) {
    std::vector<Bytes> chunks;
    std::string expected;
    for (size_t i = 0; i < count; ++i) {
      const std::string text = i % 5 == 0 ? "" : std::to_string(i) + ",";
      chunks.push_back(Bytes::copy_of(text));
      expected += text;
    }
    EXPECT_TRUE(write(*file, 10, chunks).ok());
    EXPECT_EQ(file->read(10, expected.size()).value(), expected);
  }
}

TEST_F(DiskTest, CompletionsComeInTheOrderOfSubmission) {
  const auto disk = open_disk();
  const auto a = disk->create("a").value();
  const auto b = disk->create("b").value();
  std::vector<int> order;
  for (int i = 0; i < 200; ++i) {
    env::File& file = i % 3 == 0 ? *b : *a;
    file.write(static_cast<uint64_t>(i), {Bytes(std::string(1, 'x'))}, i % 2 == 0, [&order, i](Status status) {
      EXPECT_TRUE(status.ok());
      order.push_back(i);
    });
  }
  EXPECT_TRUE(run_until(loop, [&] { return order.size() == 200; }));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(DiskTest, AFullDiskFailsTheWriteAndLaterWritesMaySucceed) {
  const auto disk = open_disk();
  link_to_device("full", "/dev/full");
  const auto full = disk->open("full").value();
  const Status refused = write(*full, 0, {Bytes("x")});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kDiskFull);
  const auto file = disk->create("roomy").value();
  EXPECT_TRUE(write(*file, 0, {Bytes("x")}).ok());

  link_to_device("full-segment", "/dev/full");
  const Status prepared = prepare(*disk, "full-segment", 10);
  ASSERT_FALSE(prepared.ok());
  EXPECT_EQ(prepared.error().code, ErrorCode::kDiskFull);
}

TEST_F(DiskTest, AfterAFailedSyncTheFileRefusesEveryWrite) {
  const auto disk = open_disk();
  link_to_device("null", "/dev/null");
  const auto file = disk->open("null").value();
  EXPECT_TRUE(write(*file, 0, {Bytes("x")}, false).ok());
  for (const bool sync : {true, false}) {
    const Status status = write(*file, 0, {Bytes("x")}, sync);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kIo);
  }
}

TEST_F(DiskTest, PreparedFilesAreZeroFilledAndKeepWhatTheyHold) {
  const auto disk = open_disk();
  constexpr uint64_t kBytes = (5u << 20) + 123;
  EXPECT_TRUE(prepare(*disk, "segment", kBytes).ok());
  EXPECT_EQ(disk->read_all("segment").value(), std::string(kBytes, '\0'));

  const auto file = disk->open("segment").value();
  EXPECT_TRUE(write(*file, 0, {Bytes("old")}).ok());
  EXPECT_TRUE(prepare(*disk, "segment", kBytes).ok());  // long enough already
  EXPECT_TRUE(prepare(*disk, "segment", 1).ok());
  EXPECT_EQ(file->size().value(), kBytes);
  EXPECT_TRUE(prepare(*disk, "segment", kBytes + 1).ok());
  EXPECT_EQ(file->size().value(), kBytes + 1);
  EXPECT_EQ(file->read(0, 4).value(), std::string("old\0", 4));
}

TEST_F(DiskTest, ReplaceIsAtomicAndItsLeftoversDisappear) {
  {
    const auto disk = open_disk();
    EXPECT_TRUE(disk->replace("identity", "one").ok());
    EXPECT_TRUE(disk->replace("identity", "two, longer").ok());
    EXPECT_EQ(disk->read_all("identity").value(), "two, longer");
    EXPECT_EQ(disk->list().value(), Names({"identity"}));
  }
  std::ofstream(directory / "data/identity.tmp") << "half of a crashed repl";
  const auto disk = open_disk();
  EXPECT_EQ(disk->list().value(), Names({"identity"}));
  EXPECT_FALSE(std::filesystem::exists(directory / "data/identity.tmp"));
  EXPECT_EQ(disk->read_all("identity").value(), "two, longer");
}

TEST_F(DiskTest, ListsFilesSortedWithoutDirectoriesAndTheLock) {
  const auto disk = open_disk();
  for (const char* name : {"c", "a", "b"}) EXPECT_TRUE(disk->replace(name, "").ok());
  std::filesystem::create_directory(directory / "data/checkpoint");
  EXPECT_EQ(disk->list().value(), Names({"a", "b", "c"}));
  EXPECT_TRUE(disk->remove("b").ok());
  EXPECT_EQ(disk->list().value(), Names({"a", "c"}));
}

TEST_F(DiskTest, MissingFilesAreNotFoundAndExistingOnesAreNotCreatedAnew) {
  const auto disk = open_disk();
  EXPECT_EQ(disk->open("x").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(disk->read_all("x").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(disk->remove("x").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(disk->replace("x", "precious").ok());
  EXPECT_EQ(disk->create("x").error().code, ErrorCode::kIo);
  EXPECT_EQ(disk->read_all("x").value(), "precious");
}

TEST_F(DiskTest, NamesThatLeaveTheDirectoryAreRefused) {
  const auto disk = open_disk();
  for (const std::string name : {"", ".", "..", "a/b", "/etc/passwd", ".hidden", "lock", "a.tmp"}) {
    EXPECT_EQ(disk->open(name).error().code, ErrorCode::kInvalid) << name;
    EXPECT_EQ(disk->create(name).error().code, ErrorCode::kInvalid) << name;
    EXPECT_EQ(disk->replace(name, "").error().code, ErrorCode::kInvalid) << name;
    EXPECT_EQ(disk->read_all(name).error().code, ErrorCode::kInvalid) << name;
    EXPECT_EQ(disk->remove(name).error().code, ErrorCode::kInvalid) << name;
    EXPECT_EQ(prepare(*disk, name, 1).error().code, ErrorCode::kInvalid) << name;
  }
}

TEST_F(DiskTest, QueuedWritesAreFinishedAndCallbacksDroppedWhenTheDiskGoes) {
  bool called = false;
  {
    const auto disk = open_disk();
    const auto file = disk->create("f").value();
    file->write(0, {Bytes("kept")}, true, [&](Status) { called = true; });
  }
  bool is_over = false;
  loop.post([&] { is_over = true; });
  EXPECT_TRUE(run_until(loop, [&] { return is_over; }));
  EXPECT_FALSE(called);
  EXPECT_EQ(open_disk()->read_all("f").value(), "kept");
}

}  // namespace
}  // namespace torc::host
