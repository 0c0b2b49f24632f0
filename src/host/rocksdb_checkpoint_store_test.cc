#include "host/rocksdb_checkpoint_store.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "base/prng.h"
#include "host/run_until.h"
#include "host/scratch_directory.h"

namespace torc::host {
namespace {

using Contents = std::map<std::string, std::string>;

class CheckpointTest : public testing::Test {
 protected:
  std::unique_ptr<RocksDbCheckpointStore> open(const std::string& path) {
    Result<std::unique_ptr<RocksDbCheckpointStore>> store = RocksDbCheckpointStore::open(path, loop, options);
    EXPECT_TRUE(store.ok()) << store.error().message;
    return std::move(store).value();
  }
  std::unique_ptr<RocksDbCheckpointStore> open() { return open(directory / "db"); }

  Status commit(env::CheckpointWriter& writer) {
    std::optional<Status> outcome;
    writer.commit([&](Status status) {
      outcome = std::move(status);
      loop.stop();
    });
    while (!outcome) loop.run();
    return *outcome;
  }
  Status put_all(env::CheckpointStore& store, const Contents& contents) {
    const auto writer = store.begin();
    for (const auto& [key, value] : contents) writer->put(key, value);
    return commit(*writer);
  }
  static Contents read_all(env::CheckpointStore& store, std::string_view from = {}) {
    Contents contents;
    std::string last;
    const auto reader = store.read();
    for (reader->seek(from); reader->valid(); reader->next()) {
      EXPECT_TRUE(contents.empty() || last < reader->key()) << "keys ascend";
      last = reader->key();
      contents.emplace(reader->key(), reader->value());
    }
    EXPECT_TRUE(reader->status().ok());
    return contents;
  }
  static std::string key(int i) {
    std::string digits = std::to_string(i);
    return "key" + std::string(6 - digits.size(), '0') + digits;
  }
  bool incoming_is_empty() { return std::filesystem::is_empty(directory / "db/incoming"); }

  ScratchDirectory directory;
  EventLoop loop;
  RocksDbCheckpointOptions options;
};

TEST_F(CheckpointTest, CommittedGenerationsSurviveReopening) {
  {
    const auto store = open();
    EXPECT_EQ(read_all(*store), Contents{});
    EXPECT_TRUE(put_all(*store, {{"a", "1"}, {"b", "2"}, {"c", "3"}}).ok());
    const auto writer = store->begin();
    writer->put("a", "one");
    writer->erase("b");
    writer->put("d", "");
    EXPECT_TRUE(commit(*writer).ok());
    EXPECT_EQ(writer->bytes_pending(), 0u);
  }
  EXPECT_EQ(read_all(*open()), (Contents{{"a", "one"}, {"c", "3"}, {"d", ""}}));
}

TEST_F(CheckpointTest, AnUncommittedGenerationLeavesNothing) {
  options.chunk_bytes = 1;  // everything reaches the background thread
  {
    const auto store = open();
    EXPECT_TRUE(put_all(*store, {{"a", "1"}}).ok());
    {
      const auto writer = store->begin();
      writer->put("a", "2");
      writer->put("b", "2");
      writer->erase_range("a", "z");
    }
    EXPECT_EQ(read_all(*store), (Contents{{"a", "1"}}));
    EXPECT_TRUE(put_all(*store, {{"c", "3"}}).ok());  // behind the removal in the queue
    EXPECT_TRUE(incoming_is_empty());
  }
  EXPECT_EQ(read_all(*open()), (Contents{{"a", "1"}, {"c", "3"}}));
}

TEST_F(CheckpointTest, FilesOfACrashedGenerationAreRemovedAtOpen) {
  { EXPECT_TRUE(put_all(*open(), {{"a", "1"}}).ok()); }
  std::ofstream(directory / "db/incoming/7-0.sst") << "half a file";
  EXPECT_EQ(read_all(*open()), (Contents{{"a", "1"}}));
  EXPECT_TRUE(incoming_is_empty());
}

TEST_F(CheckpointTest, AnErasedRangeTakesOlderKeysAndKeepsThePutsOfItsGeneration) {
  for (const uint64_t file_bytes_max : {uint64_t{1}, uint64_t{1} << 20}) {  // one file per key, or one for all
    options.file_bytes_max = file_bytes_max;
    const auto store = open(directory / std::to_string(file_bytes_max));
    Contents old;
    for (int i = 0; i < 50; ++i) old[key(i)] = "old";
    EXPECT_TRUE(put_all(*store, old).ok());

    const auto writer = store->begin();
    writer->put(key(3), "new");
    writer->erase_range(key(10), key(20));
    writer->put(key(10), "new");  // the range's first key
    writer->put(key(15), "new");
    writer->erase_range(key(30), key(31));
    writer->erase_range(key(40), key(40));  // empty
    writer->put(key(45), "new");
    EXPECT_TRUE(commit(*writer).ok());

    Contents expected = old;
    for (int i = 10; i < 20; ++i) expected.erase(key(i));
    expected.erase(key(30));
    for (const int i : {3, 10, 15, 45}) expected[key(i)] = "new";
    EXPECT_EQ(read_all(*store), expected);
  }
}

TEST_F(CheckpointTest, ManyRandomGenerationsEqualAMapAlsoAfterCompaction) {
  options.file_bytes_max = 4096;
  options.chunk_bytes = 512;
  Contents model;
  Prng prng(20);
  {
    const auto store = open();
    for (int generation = 0; generation < 40; ++generation) {  // compaction starts at four overlapping files
      const auto writer = store->begin();
      Contents next = model;
      if (prng.chance(1, 2)) {
        const int begin = static_cast<int>(prng.below(200));
        const int end = begin + static_cast<int>(prng.below(60));
        writer->erase_range(key(begin), key(end));
        next.erase(next.lower_bound(key(begin)), next.lower_bound(key(end)));
      }
      for (int i = 0; i < 250; ++i) {
        if (prng.chance(1, 5)) {
          const std::string value(prng.below(100), static_cast<char>('a' + prng.below(26)));
          writer->put(key(i), value);
          next[key(i)] = value;
        } else if (prng.chance(1, 10)) {
          writer->erase(key(i));
          next.erase(key(i));
        }
      }
      if (prng.chance(1, 5)) continue;  // forgotten
      ASSERT_TRUE(commit(*writer).ok());
      model = next;
      ASSERT_EQ(read_all(*store), model) << "generation " << generation;
    }
  }
  EXPECT_EQ(read_all(*open()), model);
}

TEST_F(CheckpointTest, AReaderSeesTheStateOfItsBirthAndSeeks) {
  const auto store = open();
  EXPECT_TRUE(put_all(*store, {{"a", "1"}, {"c", "3"}}).ok());
  const auto reader = store->read();
  EXPECT_TRUE(put_all(*store, {{"a", "2"}, {"b", "2"}}).ok());
  reader->seek("b");
  ASSERT_TRUE(reader->valid());
  EXPECT_EQ(reader->key(), "c");
  reader->seek("");
  ASSERT_TRUE(reader->valid());
  EXPECT_EQ(reader->value(), "1");
  reader->seek("d");
  EXPECT_FALSE(reader->valid());
  EXPECT_TRUE(reader->status().ok());
  EXPECT_EQ(read_all(*store, "b"), (Contents{{"b", "2"}, {"c", "3"}}));
}

TEST_F(CheckpointTest, AnEmptyGenerationCommits) {
  const auto store = open();
  const auto writer = store->begin();
  EXPECT_TRUE(commit(*writer).ok());
}

TEST_F(CheckpointTest, KeysOutOfOrderFailTheCommitAndChangeNothing) {
  const auto store = open();
  const auto writer = store->begin();
  writer->put("b", "1");
  writer->put("a", "1");
  EXPECT_EQ(commit(*writer).error().code, ErrorCode::kIo);
  EXPECT_EQ(read_all(*store), Contents{});
}

TEST_F(CheckpointTest, AStoreThatIsOpenElsewhereIsAnError) {
  const auto store = open();
  EXPECT_FALSE(RocksDbCheckpointStore::open(directory / "db", loop).ok());
}

TEST_F(CheckpointTest, BytesPendingFallAsTheBackgroundThreadWrites) {
  options.chunk_bytes = 1000;
  const auto store = open();
  const auto writer = store->begin();
  for (int i = 0; i < 10'000; ++i) writer->put(key(i), "value");
  EXPECT_TRUE(run_until(loop, [&] { return writer->bytes_pending() == 0; }));
  EXPECT_TRUE(commit(*writer).ok());
  EXPECT_EQ(read_all(*store).size(), 10'000u);
}

TEST_F(CheckpointTest, TheInfoLogDoesNotGrowInTheDirectory) {
  const auto store = open();
  EXPECT_TRUE(put_all(*store, {{"a", "1"}}).ok());
  EXPECT_FALSE(std::filesystem::exists(directory / "db/LOG"));
}

/// A file system of 3 MiB in a mount namespace of this process. Root has it, and users where the kernel lets them.
bool mount_tiny_disk(const std::string& path) {
  const bool has_namespace = unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) == 0;
  return has_namespace && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tiny", path.c_str(), "tmpfs", 0, "size=3m") == 0;
}

class FullDiskTest : public testing::Test {
 protected:
  ScratchDirectory directory;
};

TEST_F(FullDiskTest, WhatWasStagedIsCommittedOnceThereIsSpaceForTheSwitch) {
  if (!mount_tiny_disk(directory.path())) GTEST_SKIP() << "this user may not mount a tmpfs: ENOSPC cannot be produced";
  EventLoop loop;
  const auto store = RocksDbCheckpointStore::open(directory / "db", loop).value();
  const auto writer = store->begin();
  for (int i = 0; i < 64; ++i) writer->put("key" + std::to_string(100 + i), std::string(10'000, 'v'));
  const auto run = [&](void (env::CheckpointWriter::*step)(std::function<void(Status)>)) {
    std::optional<Status> outcome;
    ((*writer).*step)([&](Status status) {
      outcome = std::move(status);
      loop.stop();
    });
    while (!outcome) loop.run();
    return *outcome;
  };
  ASSERT_TRUE(run(&env::CheckpointWriter::stage).ok());
  {
    std::ofstream filler(directory / "filler", std::ios::binary);
    while (filler) filler << std::string(4096, 'x') << std::flush;
  }
  for (int attempt = 0; attempt < 3; ++attempt) {  // it may find what it needs in pages it has already
    const Status refused = run(&env::CheckpointWriter::commit);
    if (refused.ok()) break;
    EXPECT_EQ(refused.error().code, ErrorCode::kDiskFull) << refused.error().message;
    if (attempt == 1) std::filesystem::remove(directory / "filler");
    ASSERT_LT(attempt, 2);
  }
  const auto reader = store->read();
  int keys = 0;
  for (reader->seek(""); reader->valid(); reader->next()) ++keys;
  EXPECT_EQ(keys, 64);
}

// A fixture of its own: CLONE_NEWUSER needs a process that has not started threads yet, and CTest runs each test alone.
TEST_F(FullDiskTest, AFullDiskFailsTheCommitKeepsTheOlderStateAndCanRecover) {
  if (!mount_tiny_disk(directory.path())) GTEST_SKIP() << "this user may not mount a tmpfs: ENOSPC cannot be produced";
  EventLoop loop;
  const auto commit = [&](env::CheckpointStore& store, size_t value_bytes) {
    std::optional<Status> outcome;
    const auto writer = store.begin();
    for (int i = 0; i < 64; ++i) writer->put("key" + std::to_string(100 + i), std::string(value_bytes, 'v'));
    writer->commit([&](Status status) {
      outcome = std::move(status);
      loop.stop();
    });
    while (!outcome) loop.run();
    return *outcome;
  };
  {
    const auto store = RocksDbCheckpointStore::open(directory / "db", loop).value();
    EXPECT_TRUE(commit(*store, 10).ok());
    for (int attempt = 0; attempt < 2; ++attempt) {
      const Status refused = commit(*store, 100'000);
      ASSERT_FALSE(refused.ok());
      EXPECT_EQ(refused.error().code, ErrorCode::kDiskFull) << refused.error().message;
    }
    const auto reader = store->read();
    reader->seek("");
    ASSERT_TRUE(reader->valid());
    EXPECT_EQ(reader->value().size(), 10u);
    EXPECT_TRUE(commit(*store, 20).ok());
  }
  umount(directory.path().c_str());
}

}  // namespace
}  // namespace torc::host
