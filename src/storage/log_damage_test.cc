// Damage to what was once durable: refused, or without effect, never silently less.
#include <gmock/gmock.h>

#include "sim/log_harness.h"
#include "storage/segment_header.h"

namespace torc::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string file_holding(LogHarness& harness, const std::string& text) {
  for (const std::string& name : harness.file_names()) {
    if (harness.disk.read_all(name).value().find(text) != std::string::npos) return name;
  }
  return "";
}

size_t offset_in(LogHarness& harness, const std::string& file, const std::string& text) {
  return harness.disk.read_all(file).value().find(text);
}

TEST(LogDamage, DamageBelowSyncedThroughIsRefused) {
  LogHarness harness;
  harness.must_open();
  harness.append(1, 1, "first batch");
  ASSERT_TRUE(harness.flush().ok());
  harness.append(1, 2, "second batch");  // its record notes that the first was synced
  ASSERT_TRUE(harness.flush().ok());
  const std::string file = file_holding(harness, "first batch");
  const size_t at = offset_in(harness, file, "first batch");
  harness.disk.flip_bit(file, at, 3);
  const Status status = harness.open();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kCorrupt);
  const size_t record = at - consensus::kEntryHeaderBytes - kRecordHeaderBytes;
  EXPECT_THAT(status.error().message, HasSubstr(file + ": offset " + std::to_string(record)));
}

TEST(LogDamage, DamageIsFoundByTheHeaderOfALaterRecordWhosePayloadIsDamagedToo) {
  LogHarness harness;
  harness.must_open();
  harness.disk.run_all();
  harness.append(1, 1, "first batch");
  ASSERT_TRUE(harness.flush().ok());
  harness.append(1, 2, "second batch");
  ASSERT_TRUE(harness.flush().ok());
  const std::string file = file_holding(harness, "first batch");
  harness.disk.flip_bit(file, offset_in(harness, file, "first batch"), 3);
  harness.disk.flip_bit(file, offset_in(harness, file, "second batch"), 3);
  EXPECT_EQ(harness.open().error().code, ErrorCode::kCorrupt);
}

TEST(LogDamage, TheLastBatchIsProtectedOnceAnIdleLogHasWrittenItsMarker) {
  for (const bool is_idle : {false, true}) {
    LogHarness harness;
    harness.must_open();
    harness.append(1, 1, "first");
    ASSERT_TRUE(harness.flush().ok());
    harness.append(1, 2, "last batch");
    ASSERT_TRUE(harness.flush().ok());
    if (is_idle) {
      harness.clock.advance(harness.options.marker_delay);
      harness.disk.run_all();
    }
    const std::string file = file_holding(harness, "last batch");
    harness.disk.flip_bit(file, offset_in(harness, file, "last batch"), 0);
    const Status status = harness.open();
    EXPECT_EQ(status.ok(), !is_idle);
    if (status.ok()) {
      EXPECT_THAT(harness.texts(), ElementsAre("first")) << "taken for a torn tail";
    }
  }
}

TEST(LogDamage, AnIdleLogWritesOneMarkerAndThenRests) {
  LogHarness harness;
  harness.must_open();
  harness.append(1, 1, "a");
  ASSERT_TRUE(harness.flush().ok());
  harness.disk.run_all();
  harness.clock.advance(harness.options.marker_delay - Duration(1));
  EXPECT_EQ(harness.disk.queued(), 0u);
  harness.clock.advance(Duration(1));
  EXPECT_EQ(harness.disk.queued(), 1u);
  harness.disk.run_all();
  harness.clock.advance(Duration(10s));
  EXPECT_EQ(harness.disk.queued(), 0u);
}

TEST(LogDamage, AMissingSegmentIsRefused) {
  LogHarness harness(16 << 10);
  harness.must_open();
  for (uint64_t i = 1; i <= 60; ++i) {
    harness.append(1, i, "entry " + std::to_string(i) + std::string(1000, '.'));
    ASSERT_TRUE(harness.flush().ok());
  }
  ASSERT_TRUE(harness.disk.remove(file_holding(harness, "entry 30.")).ok());
  const Status status = harness.open();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(status.error().message, HasSubstr("missing"));
}

TEST(LogDamage, ALostHeaderOfTheNewestSegmentIsRefusedOnceALaterSyncWasNoted) {
  LogHarness harness(16 << 10);
  harness.must_open();
  harness.disk.run_all();
  harness.append(1, 1, "first in a zero-filled segment");
  ASSERT_TRUE(harness.flush().ok());
  harness.append(1, 2, "second");
  ASSERT_TRUE(harness.flush().ok());
  const std::string file = file_holding(harness, "second");
  std::string contents = harness.disk.read_all(file).value();
  contents.replace(0, kSegmentHeaderBytes, kSegmentHeaderBytes, '\0');
  ASSERT_TRUE(harness.disk.replace(file, contents).ok());
  EXPECT_EQ(harness.open().error().code, ErrorCode::kCorrupt);
}

TEST(LogDamage, ADirectoryWithPreparedFilesOnlyIsRefused) {
  LogHarness harness;
  harness.must_open();
  harness.disk.run_all();
  for (const std::string& name : harness.file_names()) {
    if (harness.disk.read_all(name).value().front() == 'T') {
      ASSERT_TRUE(harness.disk.remove(name).ok());
    }
  }
  EXPECT_EQ(harness.open().error().code, ErrorCode::kCorrupt);
}

TEST(LogDamage, AStoredValueThatLooksLikeARecordDoesNotPassForOneBehindATornTail) {
  // A client that knew the salt could make a torn tail look like damage: it does not know it.
  for (const bool knows_salt : {false, true}) {
    LogHarness harness;
    harness.must_open();
    harness.disk.run_all();
    harness.append(1, 1, "first");
    ASSERT_TRUE(harness.flush().ok());
    RecordHeader forged;
    forged.synced_through = LogPosition(1u << 20);
    std::string value;
    RecordSeal(2, knows_salt ? harness.options.salt : 0).put_header(value, forged);
    harness.append(1, 2, value);
    ASSERT_TRUE(harness.flush().ok());
    const std::string file = file_holding(harness, value);
    harness.disk.flip_bit(file, offset_in(harness, file, value) - 1, 0);  // tears entry 2, the last unmarked batch
    EXPECT_EQ(harness.open().ok(), !knows_salt);
  }
}

// The precise promise: every bit of a log is either without effect, or its flip is refused, or it lies in a record of
// the last batch whose sync nothing later in the log notes; such a flip may be taken for a torn tail, which ends the
// log before the damaged record.
TEST(LogDamage, EveryFlippedBitIsRefusedOrWithoutEffectExceptInTheLastUnmarkedBatch) {
  for (const bool is_marked : {false, true}) {
    LogHarness original(8 << 10);
    original.must_open();
    original.disk.run_all();
    original.log->append_hard_state(kGroup, hard_state_of(1, 1));
    for (uint64_t i = 1; i <= 6; ++i) original.append(1, i, std::string(i * 7, 'x'));
    ASSERT_TRUE(original.flush().ok());
    original.log->cut(kGroup, LogIndex(2), Term(1));
    original.append(2, 5, "replaces", kGroup);
    original.append(2, 1, "other", kOtherGroup);
    ASSERT_TRUE(original.flush().ok());
    original.log->append_hard_state(kGroup, hard_state_of(3, 2));
    original.append(3, 6, "last batch");
    ASSERT_TRUE(original.flush().ok());
    if (is_marked) original.clock.advance(Duration(1s));
    original.disk.run_all();
    std::map<std::string, std::string> files;
    for (const std::string& name : original.file_names()) files[name] = original.disk.read_all(name).value();
    const auto load = [&files](LogHarness& harness) {
      for (const auto& [name, contents] : files) ASSERT_TRUE(harness.disk.replace(name, contents).ok());
    };
    const std::vector<std::string> expected = {"xxxxxxxxxxxxxxxxxxxxx", "xxxxxxxxxxxxxxxxxxxxxxxxxxxx", "replaces",
                                               "last batch"};
    size_t refused = 0;
    size_t taken_for_torn = 0;
    for (const auto& [name, contents] : files) {
      const size_t end = contents.find_last_not_of('\0') + 1;
      for (size_t bit = 0; bit < end * 8; ++bit) {
        if (bit / 8 > 76 && bit / 8 < kSegmentHeaderBytes && bit % 512 != 0) continue;  // zeros of the header block
        LogHarness harness(8 << 10);
        load(harness);
        harness.disk.flip_bit(name, bit / 8, static_cast<int>(bit % 8));
        if (!harness.open().ok()) {
          ++refused;
          continue;
        }
        const GroupLog& log = harness.log->recovered().at(kGroup);
        ASSERT_EQ(harness.log->recovered().at(kOtherGroup).last_index, LogIndex(1));
        const auto texts = harness.texts();
        if (texts == expected && log.hard_state == hard_state_of(3, 2)) continue;
        ++taken_for_torn;
        ASSERT_FALSE(is_marked) << name << " bit " << bit << " was lost silently";
        ASSERT_EQ(log.last_index, LogIndex(5)) << name << " bit " << bit;
        ASSERT_EQ(texts, (std::vector<std::string>(expected.begin(), expected.end() - 1)));
      }
    }
    EXPECT_GT(refused, 1000u);
    EXPECT_EQ(taken_for_torn > 0, !is_marked);
  }
}

// Whatever of the settled bytes a device flips, never writes or writes elsewhere: the log says so, or it was of nothing
// that counts. Segments change and are recycled all the time here.
TEST(LogDamage, RandomDamageIsRefusedOrWithoutEffect) {
  using sim::Damage;
  constexpr uint64_t kSeeds = 600;
  std::map<Damage, int> refused;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    LogHarness harness(12 << 10);
    harness.options.copy_beyond_bytes = 24 << 10;
    harness.must_open();
    Prng prng(seed);
    // A group that lags: in the longer stories its entries exist only as copies.
    std::vector<std::string> lagging;
    for (uint64_t i = 1; i <= 4; ++i) {
      lagging.push_back("lags " + std::to_string(i) + std::string(prng.below(400), 'y'));
      harness.append(1, i, lagging.back(), kOtherGroup);
    }
    uint64_t start = 0;
    uint64_t last = 0;
    std::vector<std::string> expected;
    const uint64_t batches = prng.between(10, 150);
    for (uint64_t batch = 0; batch < batches; ++batch) {
      for (uint64_t i = prng.between(1, 4); i > 0; --i) {
        expected.push_back("entry " + std::to_string(++last) + std::string(prng.below(600), 'x'));
        harness.append(1, last, expected.back());
      }
      if (prng.chance(1, 12)) {
        const uint64_t cut = prng.between(start, last - 1);
        harness.log->cut(kGroup, LogIndex(cut), Term(cut == 0 ? 0 : 1));
        expected.erase(expected.begin(), expected.begin() + static_cast<ptrdiff_t>(cut - start));
        start = cut;
      }
      ASSERT_TRUE(harness.flush().ok());
    }
    const auto kind = static_cast<Damage>(seed % 3);
    const std::string what = harness.disk.damage(kind, prng);
    if (prng.chance(1, 2)) harness.crash(prng);
    const Status opened = harness.open();
    if (opened.ok()) {
      EXPECT_EQ(harness.texts(), expected) << "seed " << seed << ": " << what;
      EXPECT_EQ(harness.texts(kOtherGroup), lagging) << "seed " << seed << ": " << what;
      EXPECT_EQ(harness.log->recovered().at(kGroup).start_index, LogIndex(start)) << "seed " << seed << ": " << what;
    } else {
      EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt) << opened.error().message;
      ++refused[kind];
    }
  }
  for (const Damage kind : {Damage::kBitFlip, Damage::kLostWrite, Damage::kMisdirectedWrite}) {
    EXPECT_GT(refused[kind], 20) << static_cast<int>(kind);
  }
}

}  // namespace
}  // namespace torc::storage
