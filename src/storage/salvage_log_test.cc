#include "storage/salvage_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/log_harness.h"

namespace torc::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SalvageLogTest : public ::testing::Test {
 protected:
  SalvageLogTest() : harness_(16 << 10) {
    harness_.must_open();
    for (uint64_t i = 1; i <= 60; ++i) {
      harness_.append(1, i, "text-" + std::to_string(i) + std::string(1000, '.'));
      CHECK(harness_.flush().ok());
    }
    harness_.log.reset();
  }
  SalvagedLog salvage() {
    auto salvaged = salvage_log(harness_.disk, kGroup);
    CHECK(salvaged.ok()) << salvaged.error().message;
    return *std::move(salvaged);
  }
  /// The file that holds the text, and where.
  std::pair<std::string, uint64_t> place_of(const std::string& text) {
    for (const std::string& name : harness_.file_names()) {
      const size_t at = harness_.disk.read_all(name)->find(text);
      if (at != std::string::npos) return {name, at};
    }
    throw std::runtime_error("not found: " + text);
  }
  static std::vector<uint64_t> missing(const SalvagedLog& log) {
    std::vector<uint64_t> indexes;
    for (uint64_t i = 1; i <= 60; ++i) {
      if (!log.entries.contains(LogIndex(i))) indexes.push_back(i);
    }
    return indexes;
  }

  LogHarness harness_;
};

TEST_F(SalvageLogTest, OfASoundLogIsAllOfIt) {
  const SalvagedLog log = salvage();
  EXPECT_THAT(missing(log), IsEmpty());
  EXPECT_EQ(log.bytes_unreadable, 0u);
  EXPECT_THAT(log.troubles, IsEmpty());
}

TEST_F(SalvageLogTest, GoesOnBehindDamage) {
  const auto [name, at] = place_of("text-7.");
  harness_.disk.flip_bit(name, at, 3);
  ASSERT_EQ(harness_.open().error().code, ErrorCode::kCorrupt);
  const SalvagedLog log = salvage();
  EXPECT_THAT(missing(log), ElementsAre(7));
  EXPECT_GT(log.bytes_unreadable, 1000u);
  EXPECT_THAT(log.troubles, SizeIs(1));
}

TEST_F(SalvageLogTest, FindsASegmentWithoutItsHeader) {
  const auto [name, at] = place_of("text-20.");
  harness_.disk.flip_bit(name, 20, 3);
  const SalvagedLog log = salvage();
  EXPECT_THAT(missing(log), IsEmpty());
  EXPECT_THAT(log.troubles, SizeIs(1));
}

TEST_F(SalvageLogTest, ReplacedEntriesAreGone) {
  harness_.must_open();
  harness_.append(2, 50, "another");
  CHECK(harness_.flush().ok());
  harness_.log.reset();
  const SalvagedLog log = salvage();
  EXPECT_EQ(log.entries.rbegin()->first, LogIndex(50));
  EXPECT_EQ(log.entries.rbegin()->second.payload(), "another");
}

class SalvageCopies : public SalvageLogTest {
 protected:
  static constexpr GroupId kLagging{33};
  SalvageCopies() {
    harness_.options.copy_beyond_bytes = 32 << 10;
    harness_.must_open();
    for (uint64_t i = 1; i <= 3; ++i) harness_.append(1, i, "lags-" + std::to_string(i), kLagging);
    for (uint64_t i = 61; i <= 300; ++i) {
      harness_.append(1, i, "text-" + std::to_string(i) + std::string(1000, '.'));
      harness_.log->cut(kGroup, LogIndex(i - 1), Term(1));
      CHECK(harness_.flush().ok());
    }
  }
  SalvagedLog salvage_lagging() { return salvage_log(harness_.disk, kLagging).value(); }
};

TEST_F(SalvageCopies, ATailThatExistsOnlyAsACopyIsFound) {
  // The rest of a recycled segment, and its file behind the new life's records, do not count: other sequences.
  harness_.log.reset();
  const auto [name, at] = place_of("text-300.");
  harness_.disk.flip_bit(name, 30, 3);  // the newest header
  ASSERT_EQ(harness_.open().error().code, ErrorCode::kCorrupt);
  const SalvagedLog log = salvage_lagging();
  ASSERT_THAT(log.entries, SizeIs(3));
  for (const auto& [index, entry] : log.entries) {
    EXPECT_EQ(entry.payload(), "lags-" + std::to_string(index.value));
  }
}

TEST_F(SalvageCopies, ACopyDoesNotCutOffWhatStandsBehindIt) {
  harness_.append(1, 4, "lags-4", kLagging);
  for (uint64_t i = 301; i <= 500; ++i) {
    harness_.append(1, i, "text-" + std::to_string(i) + std::string(1000, '.'));
    harness_.log->cut(kGroup, LogIndex(i - 1), Term(1));
    ASSERT_TRUE(harness_.flush().ok());
  }
  harness_.log.reset();
  EXPECT_THAT(salvage_lagging().entries, SizeIs(4));
}

TEST_F(SalvageCopies, OfAGroupThatIsGoneThereIsNothing) {
  harness_.log->remove(kLagging);
  ASSERT_TRUE(harness_.flush().ok());
  harness_.log.reset();
  EXPECT_THAT(salvage_lagging().entries, IsEmpty());
  EXPECT_EQ(salvage().entries.rbegin()->first, LogIndex(300)) << "another group is not gone";
}

TEST_F(SalvageLogTest, AFileThatCannotBeReadAtAllCostsWhatIsInIt) {
  const auto [name, at] = place_of("text-20.");
  harness_.disk.set_reads_fail(name, true);
  const SalvagedLog log = salvage();
  EXPECT_THAT(missing(log), ::testing::Contains(20));
  EXPECT_LT(missing(log).size(), 20u);
}

}  // namespace
}  // namespace torc::storage
