// The simulated disk must be at least as unkind as a real one, and no kinder than it says.
#include "sim/disk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace torc::sim {
namespace {

Status write(Disk& disk, env::File& file, uint64_t offset, const std::string& text, bool sync) {
  Status outcome = Error{ErrorCode::kUnknown, "not completed"};
  file.write(offset, {Bytes::copy_of(text)}, sync, [&outcome](Status status) { outcome = std::move(status); });
  disk.run_all();
  return outcome;
}

std::unique_ptr<env::File> created(Disk& disk, const std::string& name) { return *disk.create(name); }

TEST(Disk, SyncedBytesSurviveEveryCrash) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Disk disk;
    const auto file = created(disk, "f");
    ASSERT_TRUE(write(disk, *file, 0, std::string(10'000, 's'), true).ok());
    ASSERT_TRUE(write(disk, *file, 10'000, std::string(5'000, 'u'), false).ok());
    Prng prng(seed);
    disk.crash(prng);
    ASSERT_EQ(disk.read_all("f").value().substr(0, 10'000), std::string(10'000, 's'));
  }
}

TEST(Disk, UnsyncedPagesAreKeptLostOrTornInAnyOrder) {
  std::set<std::string> pictures;  // K kept, L lost, T torn: one letter per page
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Disk disk;
    const auto file = created(disk, "f");
    ASSERT_TRUE(write(disk, *file, 0, std::string(3 * kPageBytes, 'o'), true).ok());
    ASSERT_TRUE(write(disk, *file, 0, std::string(3 * kPageBytes, 'n'), false).ok());
    Prng prng(seed);
    disk.crash(prng);
    const std::string contents = disk.read_all("f").value();
    std::string picture;
    for (size_t page = 0; page < 3; ++page) {
      const std::string bytes = contents.substr(page * kPageBytes, kPageBytes);
      const auto count = static_cast<size_t>(std::count(bytes.begin(), bytes.end(), 'n'));
      ASSERT_EQ(count % kSectorBytes, 0u) << "a sector is old or new";
      picture += count == 0 ? 'L' : count == kPageBytes ? 'K' : 'T';
    }
    pictures.insert(picture);
  }
  EXPECT_EQ(pictures.size(), 27u);
}

TEST(Disk, ASectorWrittenTwiceMayComeBackInItsMiddleState) {
  std::set<char> states;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Disk disk;
    const auto file = created(disk, "f");
    for (const char state : {'a', 'b', 'c'}) {
      ASSERT_TRUE(write(disk, *file, 0, std::string(kSectorBytes, state), state == 'a').ok());
    }
    Prng prng(seed);
    disk.crash(prng);
    states.insert(disk.read_all("f").value()[0]);
  }
  EXPECT_EQ(states, (std::set<char>{'a', 'b', 'c'}));
}

TEST(Disk, AnOperationMayBeDoneWithoutItsCallbackHavingRun) {
  std::set<bool> outcomes;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Disk disk;
    const auto file = created(disk, "f");
    bool is_told = false;
    file->write(0, {Bytes::copy_of(std::string(kSectorBytes, 'x'))}, true,
                [&is_told](const Status&) { is_told = true; });
    Prng prng(seed);
    disk.crash(prng);
    disk.run_all();
    EXPECT_FALSE(is_told);
    outcomes.insert(!disk.read_all("f").value().empty());
  }
  EXPECT_EQ(outcomes.size(), 2u);
}

TEST(Disk, AKilledProcessLeavesItsWritesReadableButNotDurable) {
  Disk disk;
  const auto file = created(disk, "f");
  ASSERT_TRUE(write(disk, *file, 0, "cached", false).ok());
  Prng prng(1);
  disk.kill(prng);
  EXPECT_EQ(disk.read_all("f").value(), "cached");
  disk.crash([](const std::string&, uint64_t, size_t) -> size_t { return 0; });
  EXPECT_EQ(disk.read_all("f").value(), "");
}

TEST(Disk, ARemovedFileMayComeBackUntilTheDirectoryIsSynced) {
  std::set<bool> outcomes;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Disk disk;
    ASSERT_TRUE(disk.replace("f", "x").ok());
    ASSERT_TRUE(disk.remove("f").ok());
    if (seed % 2 == 1) {
      ASSERT_TRUE(disk.replace("g", "x").ok());
    }
    Prng prng(seed);
    disk.crash(prng);
    const bool is_back = disk.read_all("f").ok();
    if (seed % 2 == 1) {
      ASSERT_FALSE(is_back);
    }
    outcomes.insert(is_back);
  }
  EXPECT_EQ(outcomes.size(), 2u);
}

TEST(Disk, CapacityIsReachedExactlyAndOneByteBehindIsRefused) {
  Disk disk({.capacity_bytes = 1000});
  const auto file = created(disk, "f");
  EXPECT_TRUE(write(disk, *file, 0, std::string(1000, 'x'), true).ok());
  EXPECT_EQ(write(disk, *file, 1000, "x", true).error().code, ErrorCode::kDiskFull);
  EXPECT_TRUE(write(disk, *file, 0, "overwriting needs no space", true).ok());
}

TEST(Disk, FaultsHitWhatTheyWereAimedAt) {
  Disk disk;
  const auto file = created(disk, "f");
  disk.fail_next_sync();
  EXPECT_EQ(write(disk, *file, 0, "a", true).error().code, ErrorCode::kIo);
  EXPECT_TRUE(write(disk, *file, 0, "a", true).ok());
  disk.flip_bit("f", 0, 1);
  EXPECT_EQ(disk.read_all("f").value(), "c");
  disk.set_reads_fail("f", true);
  EXPECT_EQ(file->read(0, 1).error().code, ErrorCode::kCorrupt);
}

TEST(Disk, EqualSeedsGiveEqualCompletionsAndCrashes) {
  const auto run = [](uint64_t seed) {
    std::vector<Duration> delays;
    Disk disk({.seed = seed}, [&delays](Duration delay, std::function<void()> work) {
      delays.push_back(delay);
      work();
    });
    const auto file = created(disk, "f");
    for (int i = 0; i < 20; ++i)
      file->write(0, {Bytes::copy_of(std::string(9000, 'x'))}, i % 3 == 0, [](const Status&) {});
    Prng prng(seed);
    disk.crash(prng);
    return std::make_pair(delays, disk.read_all("f").value());
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5).first, run(6).first);
}

TEST(Disk, PagesOfAFailedSyncMayBeCleanAndStillNotOnTheDevice) {
  std::set<std::string> survivors;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Disk disk(DiskOptions{.seed = seed});
    const auto file = created(disk, "f");
    ASSERT_TRUE(write(disk, *file, 0, std::string(kSectorBytes, 'o'), true).ok());
    disk.fail_next_sync(true);
    ASSERT_FALSE(write(disk, *file, 0, std::string(kSectorBytes, 'n'), true).ok());
    // A second sync succeeds, which proves nothing: what the first one forgot is not written any more.
    ASSERT_TRUE(write(disk, *file, kSectorBytes, "x", true).ok());
    ASSERT_EQ(disk.read_all("f").value().substr(0, 1), "n");
    Prng prng(seed);
    disk.crash(prng);
    survivors.insert(disk.read_all("f").value().substr(0, 1));
  }
  EXPECT_EQ(survivors, (std::set<std::string>{"n", "o"}));
}

TEST(Disk, DamageHitsOnlyWhatEnoughLaterSyncsFollowed) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Disk disk;
    const auto file = created(disk, "f");
    constexpr uint64_t kWrites = 8;
    for (uint64_t i = 0; i < kWrites; ++i) {
      ASSERT_TRUE(
          write(disk, *file, i * kSectorBytes, std::string(kSectorBytes, static_cast<char>('a' + i)), true).ok());
    }
    const std::string before = disk.read_all("f").value();
    Prng prng(seed);
    ASSERT_NE(disk.damage(static_cast<Damage>(seed % 3), prng), "");
    const std::string after = disk.read_all("f").value();
    EXPECT_TRUE(after != before) << "seed " << seed;
    const uint64_t settled = (kWrites - kSettledSyncs) * kSectorBytes;
    EXPECT_TRUE(after.substr(settled) == before.substr(settled)) << "seed " << seed;
  }
}

TEST(Disk, ALostWriteLeavesWhatStoodThereAndAMisdirectedOneStandsElsewhere) {
  bool went_elsewhere = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Disk disk;
    const auto file = created(disk, "f");
    for (const char text : {'a', 'b'}) {
      for (uint64_t i = 0; i < 2; ++i) {
        ASSERT_TRUE(
            write(disk, *file, i * kSectorBytes, std::string(kSectorBytes, text + 2 * static_cast<char>(i)), true)
                .ok());
      }
    }
    for (uint64_t i = 0; i < kSettledSyncs; ++i) ASSERT_TRUE(write(disk, *file, 4096, "later", true).ok());
    Prng prng(seed);
    const Damage kind = seed % 2 == 0 ? Damage::kLostWrite : Damage::kMisdirectedWrite;
    ASSERT_NE(disk.damage(kind, prng), "");
    const std::string after = disk.read_all("f").value();
    const std::string heads = {after[0], after[kSectorBytes]};  // was "bd" after "ac"
    if (kind == Damage::kLostWrite) {
      EXPECT_TRUE(heads == "ad" || heads == "bc") << heads;
    } else {
      EXPECT_TRUE(heads == "ad" || heads == "bc" || heads == "ab" || heads == "dc") << heads;
      went_elsewhere = went_elsewhere || heads == "ab" || heads == "dc";
    }
  }
  EXPECT_TRUE(went_elsewhere);
}

TEST(Disk, NothingSettledIsNothingToDamage) {
  Disk disk;
  const auto file = created(disk, "f");
  ASSERT_TRUE(write(disk, *file, 0, "fresh", true).ok());
  Prng prng(1);
  EXPECT_EQ(disk.damage(Damage::kBitFlip, prng), "");
}

}  // namespace
}  // namespace torc::sim
