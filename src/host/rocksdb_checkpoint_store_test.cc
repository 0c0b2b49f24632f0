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
    for (int generation = 0; generation < 40; ++generation) {  // compaction starts at eight overlapping files
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

/// As groups write them: a record in front of all data, and the images of an arc.
class ArcsTest : public CheckpointTest {
 protected:
  static constexpr int kArcs = 8;

  static std::string record_key(int arc) { return std::string("\0\x51", 2) + std::to_string(arc); }
  static std::string image_key(int arc, int i) { return std::string("\1\0", 2) + std::to_string(arc) + key(i); }
  static void put_round(env::CheckpointWriter& writer, int arc, const std::string& value) {
    writer.put(record_key(arc), value);
    for (int i = 0; i < 100; ++i) writer.put(image_key(arc, i), value);
  }
  Contents of_arc(env::CheckpointStore& store, int arc) {
    Contents contents = read_all(store);
    std::erase_if(contents, [&](const auto& item) {
      return item.first != record_key(arc) && item.first.substr(0, 3) != image_key(arc, 0).substr(0, 3);
    });
    return contents;
  }
};

// With record and images in one file each generation overlapped with those of all other groups: all lay on level 0, and
// merging them rewrote the whole store.
TEST_F(ArcsTest, WhatGroupsWriteInTurnDoesNotPileUpOnLevel0) {
  const auto store = open();
  for (int round = 0; round < 5; ++round) {
    for (int arc = 0; arc < kArcs; ++arc) {
      const auto writer = store->begin();
      put_round(*writer, arc, std::to_string(round));
      ASSERT_TRUE(commit(*writer).ok());
      ASSERT_EQ(store->level_0_files(), 0u) << "round " << round << ", arc " << arc;
    }
  }
  // By and by there are files on every level; then level 0 is merged again and again.
  for (int round = 5; round < 15; ++round) {
    for (int arc = 0; arc < kArcs; ++arc) {
      const auto writer = store->begin();
      put_round(*writer, arc, std::to_string(round));
      ASSERT_TRUE(commit(*writer).ok());
    }
  }
  EXPECT_TRUE(run_until(loop, [&] { return store->level_0_files() < 8; }));
  for (int arc = 0; arc < kArcs; ++arc) {
    const Contents contents = of_arc(*store, arc);
    EXPECT_EQ(contents.size(), 101u);
    EXPECT_EQ(contents.at(image_key(arc, 99)), "14");
  }
}

TEST_F(ArcsTest, AnArcThatIsErasedLeavesTheOthersAsTheyWere) {
  std::vector<Contents> before(kArcs);
  {
    const auto store = open();
    for (int arc = 0; arc < kArcs; ++arc) {
      const auto writer = store->begin();
      put_round(*writer, arc, "of " + std::to_string(arc));
      ASSERT_TRUE(commit(*writer).ok());
    }
    for (int arc = 0; arc < kArcs; ++arc) before[static_cast<size_t>(arc)] = of_arc(*store, arc);
    const auto writer = store->begin();
    writer->put(record_key(3), "flushed");
    writer->erase_range(image_key(3, 0).substr(0, 3), image_key(4, 0).substr(0, 3));
    writer->put(image_key(3, 42), "after");
    ASSERT_TRUE(commit(*writer).ok());
  }
  const auto store = open();
  for (int arc = 0; arc < kArcs; ++arc) {
    const Contents after = of_arc(*store, arc);
    if (arc == 3) {
      EXPECT_EQ(after, (Contents{{record_key(3), "flushed"}, {image_key(3, 42), "after"}}));
    } else {
      EXPECT_EQ(after, before[static_cast<size_t>(arc)]) << arc;
    }
  }
}

TEST_F(ArcsTest, AnErasedRangeThatIsEmptyCostsNothing) {
  const auto store = open();
  for (int arc = 0; arc < kArcs; ++arc) {
    const auto writer = store->begin();
    writer->put(record_key(arc), "from a snapshot");
    writer->erase_range(image_key(arc, 0).substr(0, 3), image_key(arc + 1, 0).substr(0, 3));
    for (int i = 0; i < 100; ++i) writer->put(image_key(arc, i), "v");
    ASSERT_TRUE(commit(*writer).ok());
    EXPECT_EQ(store->level_0_files(), 0u);
  }
  EXPECT_EQ(read_all(*store).size(), 101u * kArcs);
}

TEST_F(ArcsTest, SeveralWriteAtATimeAndOneOfThemMayBeForgotten) {
  options.chunk_bytes = 200;
  {
    const auto store = open();
    std::vector<std::unique_ptr<env::CheckpointWriter>> writers(4);
    for (auto& writer : writers) writer = store->begin();
    for (int arc = 0; arc < 4; ++arc) writers[static_cast<size_t>(arc)]->put(record_key(arc), "r");
    for (int i = 0; i < 100; ++i) {
      for (int arc = 0; arc < 4; ++arc) writers[static_cast<size_t>(arc)]->put(image_key(arc, i), std::to_string(arc));
    }
    EXPECT_TRUE(commit(*writers[2]).ok());
    writers[1].reset();
    EXPECT_TRUE(commit(*writers[0]).ok());
    EXPECT_EQ(of_arc(*store, 3), Contents{}) << "not committed";
    EXPECT_TRUE(commit(*writers[3]).ok());
  }
  const auto store = open();
  for (int arc = 0; arc < 4; ++arc) EXPECT_EQ(of_arc(*store, arc).size(), arc == 1 ? 0u : 101u) << arc;
  EXPECT_TRUE(incoming_is_empty());
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
