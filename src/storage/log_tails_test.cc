// A group that lags must not keep the whole log: its small tail is copied to the end, a large one is told of, and one
// that left the node counts no more. (rules.md#segments-repeat-state)
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>

#include "sim/log_harness.h"
#include "storage/segment_header.h"

namespace torc::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr GroupId kBusy{1};
const auto lose_everything = [](const std::string&, uint64_t, size_t) -> size_t { return 0; };

/// kGroup writes a little, kBusy much; kBusy is cut as it goes, so that only what kGroup wrote pins old segments.
class LogTails : public ::testing::Test {
 protected:
  LogTails() : harness_(64 << 10) {
    harness_.options.copy_beyond_bytes = 128 << 10;
    harness_.must_open();
    harness_.disk.run_all();
  }
  /// Each entry in a batch of its own.
  void busy(uint64_t bytes, uint64_t keep_bytes = 32 << 10) {
    constexpr uint64_t kEntry = 2000;
    for (uint64_t written = 0; written < bytes; written += kEntry) {
      harness_.append(1, ++busy_last_, std::string(kEntry, 'b'), kBusy);
      const uint64_t keep = keep_bytes / kEntry;
      if (busy_last_ > keep) harness_.log->cut(kBusy, LogIndex(busy_last_ - keep), Term(1));
      ASSERT_TRUE(harness_.flush().ok());
      retained_max_ = std::max(retained_max_, harness_.log->bytes_retained());
    }
  }
  void write_tail(uint64_t count, size_t bytes = 100, GroupId group = kGroup) {
    for (uint64_t i = 1; i <= count; ++i) {
      tail_.push_back(std::to_string(i) + std::string(bytes, 't'));
      harness_.append(1, i, tail_.back(), group);
    }
    ASSERT_TRUE(harness_.flush().ok());
  }
  uint64_t first_sequence() {
    uint64_t newest = 0;
    uint64_t needed = 0;
    for (const std::string& name : harness_.file_names()) {
      const auto header = decode_segment_header(harness_.disk.read_all(name).value());
      if (!header.ok() || header->sequence < newest) continue;
      newest = header->sequence;
      needed = header->first_sequence_needed;
    }
    return needed;
  }

  LogHarness harness_;
  uint64_t busy_last_ = 0;
  uint64_t retained_max_ = 0;
  std::vector<std::string> tail_;
};

// One group gets one small entry, another many times what the log may retain.
TEST_F(LogTails, OneSmallEntryOfAnIdleGroupDoesNotKeepTheLogOfABusyOne) {
  constexpr uint64_t kCheckpoint = 128 << 10;  // what the busy group's checkpoints and its kept tail take
  constexpr uint64_t kTail = 64 << 10;
  harness_.options.copy_beyond_bytes = kCheckpoint + kTail;
  harness_.must_open();
  write_tail(1);
  busy(20u << 20, kCheckpoint + kTail);
  EXPECT_LT(retained_max_, 2 * (kCheckpoint + kTail));
  EXPECT_GT(first_sequence(), 100u);
  EXPECT_EQ(harness_.texts(kGroup, LogIndex(1), LogIndex(1)), tail_);
  harness_.crash(lose_everything);
  harness_.must_open();
  EXPECT_EQ(harness_.texts(), tail_);
}

TEST_F(LogTails, ACopiedTailIsReadContinuedReplacedAndCutLikeAnyOther) {
  harness_.log->append_hard_state(kGroup, hard_state_of(3, 2));
  write_tail(20);
  busy(1 << 20);
  EXPECT_LT(harness_.log->bytes_retained(), 400u << 10);
  EXPECT_EQ(harness_.texts(kGroup, LogIndex(1), LogIndex(20)), tail_);
  harness_.append(1, 21, "continued");
  ASSERT_TRUE(harness_.flush().ok());
  busy(1 << 20);
  harness_.append(2, 18, "replaced");
  harness_.log->cut(kGroup, LogIndex(16), Term(1));
  ASSERT_TRUE(harness_.flush().ok());
  EXPECT_THAT(harness_.texts(kGroup, LogIndex(17), LogIndex(18)), ElementsAre(tail_[16], "replaced"));
  for (int life = 0; life < 3; ++life) {
    busy(1 << 20);
    harness_.crash(lose_everything);
    harness_.must_open();
    const GroupLog& log = harness_.log->recovered().at(kGroup);
    EXPECT_EQ(log.hard_state, hard_state_of(3, 2));
    EXPECT_EQ(log.start_index, LogIndex(16));
    EXPECT_THAT(log.term_runs,
                ElementsAre(consensus::TermRun{LogIndex(17), Term(1)}, consensus::TermRun{LogIndex(18), Term(2)}));
    EXPECT_THAT(harness_.texts(), ElementsAre(tail_[16], "replaced"));
  }
}

TEST_F(LogTails, ConfigurationsThatExistOnlyAsCopiesAreRecovered) {
  const consensus::ReplicaId one{NodeId(1), ReplicaNumber(11)};
  const consensus::Configuration members{{one}, {}, {}};
  harness_.log->append_entries(kGroup, {entry_of(1, 1, "a"), entry_of(1, 2, consensus::encode_configuration(members),
                                                                      consensus::EntryKind::kConfiguration)});
  ASSERT_TRUE(harness_.flush().ok());
  busy(1 << 20);
  harness_.crash(lose_everything);
  harness_.must_open();
  EXPECT_THAT(harness_.log->recovered().at(kGroup).configurations,
              ElementsAre(consensus::PlacedConfiguration{LogIndex(2), members}));
}

// A copy is not an entry: what was appended while it was on its way stands, whatever of it reached the disk.
TEST_F(LogTails, WhatReplacesOrCutsATailWhileItsCopyIsOnItsWayCounts) {
  write_tail(10);
  for (int round = 0; round < 200; ++round) {  // a copy is under way in some of these
    harness_.append(1, ++busy_last_, std::string(9000, 'b'), kBusy);
    harness_.log->cut(kBusy, LogIndex(busy_last_ - 1), Term(busy_last_ == 1 ? 0 : 1));
    harness_.log->flush([](const Status&) {});
    const uint64_t term = 2 + static_cast<uint64_t>(round);
    harness_.append(term, 8, "replaced " + std::to_string(round));
    if (round == 100) harness_.log->cut(kGroup, LogIndex(3), Term(1));
    if (round % 3 != 0) harness_.disk.run_one();
    harness_.log->flush([](const Status&) {});
    harness_.disk.run_all();
    const uint64_t first = round < 100 ? 1 : 4;
    std::vector<std::string> expected(tail_.begin() + static_cast<ptrdiff_t>(first - 1), tail_.begin() + 7);
    expected.push_back("replaced " + std::to_string(round));
    ASSERT_EQ(harness_.texts(kGroup, LogIndex(first), LogIndex(8)), expected);
    if (round % 10 == 9) {
      harness_.crash(lose_everything);
      harness_.must_open();
      ASSERT_EQ(harness_.texts(), expected) << round;
    }
  }
  EXPECT_GT(first_sequence(), 10u);
}

TEST_F(LogTails, ATailAtTheLimitIsCopiedAndOneAboveIsToldOf) {
  for (const bool is_above : {false, true}) {
    LogHarness harness(64 << 10);
    harness.options.copy_beyond_bytes = 128 << 10;
    harness.options.copy_tail_bytes_max = 10u << 10;
    harness.must_open();
    harness.disk.run_all();
    const uint64_t overhead = consensus::kEntryHeaderBytes + kRecordHeaderBytes + kRecordAlignment;
    harness.append(1, 1, std::string((10u << 10) - overhead + is_above, 'x'));
    ASSERT_TRUE(harness.flush().ok());
    for (uint64_t i = 1; i <= 500; ++i) {
      harness.append(1, i, std::string(2000, 'b'), kBusy);
      harness.log->cut(kBusy, LogIndex(i), Term(1));
      ASSERT_TRUE(harness.flush().ok());
    }
    const std::vector<Pin> pins = harness.log->pins_beyond(256u << 10, 10);
    if (is_above) {
      ASSERT_THAT(pins, SizeIs(1));
      EXPECT_EQ(pins[0].group, kGroup);
      EXPECT_EQ(pins[0].tail_bytes, (10u << 10) - kRecordHeaderBytes - kRecordAlignment + 1);
      EXPECT_EQ(pins[0].bytes_pinned, harness.log->bytes_retained());
      EXPECT_GT(pins[0].bytes_pinned, 1'000'000u);
    } else {
      EXPECT_THAT(pins, IsEmpty());
      EXPECT_LT(harness.log->bytes_retained(), 256u << 10);
    }
  }
}

// However many lag, copies are a bounded part of what is written, and what is over is told of, largest pin first.
TEST_F(LogTails, ManySmallTailsAreCopiedWithinABoundedShareOfWhatIsWritten) {
  harness_.options.segment_bytes = 512u << 10;  // so that the groups' states at their heads take little
  harness_.options.copy_tail_bytes_max = 16u << 10;
  harness_.must_open();
  harness_.disk.run_all();
  constexpr uint64_t kGroups = 100;
  for (uint64_t group = 0; group < kGroups; ++group) {  // 1 MB of tails
    harness_.append(1, 1, std::string(10'000, 't'), GroupId(100 + group));
    ASSERT_TRUE(harness_.flush().ok());
  }
  const auto written = [this] {
    uint64_t newest = 0;
    for (const std::string& name : harness_.file_names()) {
      const auto header = decode_segment_header(harness_.disk.read_all(name).value());
      if (header.ok()) newest = std::max(newest, header->base.value);
    }
    return newest;
  };
  const uint64_t before = written();
  busy(8u << 20);
  const uint64_t busy_bytes = 4200 * 2104;  // its entries and cuts, with headers
  EXPECT_LT(written() - before, busy_bytes * 13 / 10);
  EXPECT_LT(harness_.log->bytes_retained(), 6u << 20) << "five times the tails";
  const std::vector<Pin> pins = harness_.log->pins_beyond(0, 1000);
  ASSERT_GT(pins.size(), kGroups);
  for (size_t i = 1; i < pins.size(); ++i) EXPECT_LE(pins[i].bytes_pinned, pins[i - 1].bytes_pinned);
  EXPECT_THAT(harness_.log->pins_beyond(0, 3), ElementsAre(pins[0], pins[1], pins[2]));
  EXPECT_THAT(harness_.log->pins_beyond(harness_.log->bytes_retained(), 1000), IsEmpty());
}

/// Of this thread.
Duration cpu() {
  rusage used{};
  getrusage(RUSAGE_THREAD, &used);
  const auto ns = [](const timeval& time) { return time.tv_sec * 1'000'000'000LL + time.tv_usec * 1000LL; };
  return Duration(ns(used.ru_utime) + ns(used.ru_stime));
}

// A thousand groups and more share a log; nearly all of them do nothing. A walk over all of them per write, as there
// was once, takes many times what the write itself takes.
TEST_F(LogTails, AFlushCostsNoMoreForGroupsThatDoNothing) {
  const auto cost_of_flushes = [](uint64_t idle_groups) {
    Duration least = Duration::max();
    LogHarness harness(16 << 20);
    harness.must_open();
    harness.disk.run_all();
    for (uint64_t group = 1; group <= idle_groups; ++group) {
      harness.log->append_hard_state(GroupId(100 + group), hard_state_of(1, 1));
      harness.append(1, 1, "idle", GroupId(100 + group));
    }
    CHECK(harness.flush().ok());
    uint64_t index = 0;
    for (int run = 0; run < 3; ++run) {
      const Duration before = cpu();
      for (int i = 0; i < 2000; ++i) {
        harness.append(1, ++index, "busy", kBusy);
        CHECK(harness.flush().ok());
      }
      least = std::min(least, cpu() - before);
    }
    return least;
  };
  const Duration alone = cost_of_flushes(0);
  const Duration among_many = cost_of_flushes(5'000);
  EXPECT_LT(among_many.count(), 10 * alone.count() + 20'000'000);
}

// Written once per segment: of 64 MiB in a server.
TEST_F(LogTails, TheHeadOfASegmentTakesEightyEightBytesPerGroup) {
  constexpr uint64_t kGroups = 1000;
  LogHarness harness(1 << 20);
  harness.must_open();
  for (uint64_t group = 1; group <= kGroups; ++group) {
    harness.log->append_hard_state(GroupId(group), hard_state_of(1, 1));
  }
  ASSERT_TRUE(harness.flush().ok());  // in the short segment of the start
  const uint64_t before = harness.log->bytes_retained();
  harness.log->append_hard_state(GroupId(1), hard_state_of(2, 1));  // begins a zero-filled one
  harness.log->flush([](const Status&) {});
  ASSERT_TRUE(harness.disk.run_one());
  const uint64_t head = harness.log->bytes_retained() - before - record_bytes(24);
  EXPECT_EQ(head, kSegmentHeaderBytes + kGroups * 88);
}

TEST_F(LogTails, NothingIsCopiedOnAFullDisk) {
  write_tail(5);
  busy(100 << 10);
  harness_.disk.set_capacity_bytes(harness_.disk.bytes_used());
  for (int i = 0; i < 30; ++i) {
    harness_.append(1, ++busy_last_, std::string(20'000, 'b'), kBusy);
    harness_.log->flush([](const Status&) {});
    harness_.disk.run_all();
    harness_.clock.advance(kDiskFullRetryDelay);
    harness_.disk.run_all();
  }
  EXPECT_TRUE(harness_.log->disk_full());
  harness_.disk.set_capacity_bytes(UINT64_MAX);
  harness_.clock.advance(kDiskFullRetryDelay);
  harness_.disk.run_all();
  busy(1 << 20);
  harness_.crash(lose_everything);
  harness_.must_open();
  EXPECT_EQ(harness_.texts(), tail_);
}

TEST_F(LogTails, ATailThatCannotBeReadStopsTheLogInsteadOfBeingForgotten) {
  write_tail(1);
  for (const std::string& name : harness_.file_names()) {
    const size_t at = harness_.disk.read_all(name).value().find(tail_[0]);
    if (at != std::string::npos) harness_.disk.flip_bit(name, at, 0);
  }
  Status status;
  for (int i = 0; i < 500 && status.ok(); ++i) {
    harness_.append(1, ++busy_last_, std::string(2000, 'b'), kBusy);
    harness_.log->cut(kBusy, LogIndex(busy_last_), Term(1));
    status = harness_.flush();
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(harness_.flush().error().code, ErrorCode::kCorrupt) << "for good";
}

TEST_F(LogTails, AGroupThatIsGoneIsNotRecoveredAndPinsNothing) {
  harness_.options.copy_tail_bytes_max = 0;  // nobody is copied
  harness_.must_open();
  harness_.log->append_hard_state(kGroup, hard_state_of(3, 2));
  write_tail(20);
  write_tail(1, 100, kOtherGroup);
  busy(1 << 20);
  EXPECT_GT(harness_.log->bytes_retained(), 1u << 20);
  harness_.log->remove(kOtherGroup);
  harness_.log->remove(kGroup);
  harness_.log->remove(GroupId(77));  // nobody
  EXPECT_EQ(harness_.log->group_bytes(kGroup), 0u);
  EXPECT_EQ(harness_.log->read(kGroup, LogIndex(1), LogIndex(1), 1).error().code, ErrorCode::kNotFound);
  busy(10'000);
  EXPECT_LT(harness_.log->bytes_retained(), 200u << 10);
  harness_.crash(lose_everything);
  harness_.must_open();
  EXPECT_FALSE(harness_.log->recovered().contains(kGroup));
  EXPECT_FALSE(harness_.log->recovered().contains(kOtherGroup));
  EXPECT_TRUE(harness_.log->recovered().contains(kBusy));
}

TEST_F(LogTails, ALaterLifeOfAGroupBeginsEmpty) {
  harness_.log->append_hard_state(kGroup, hard_state_of(9, 3));
  write_tail(5);
  for (const bool is_same_batch : {true, false}) {
    harness_.append(9, 6, "of the former life, in the batch that ends it");
    harness_.log->remove(kGroup);
    if (!is_same_batch) {
      ASSERT_TRUE(harness_.flush().ok());
    }
    harness_.log->append_hard_state(kGroup, hard_state_of(1, 0));
    harness_.append(1, 1, "new life");
    ASSERT_TRUE(harness_.flush().ok());
    EXPECT_THAT(harness_.texts(kGroup, LogIndex(1), LogIndex(9)), ElementsAre("new life"));
    busy(500 << 10);
    harness_.crash(lose_everything);
    harness_.must_open();
    EXPECT_EQ(harness_.log->recovered().at(kGroup).hard_state, hard_state_of(1, 0));
    EXPECT_EQ(harness_.log->recovered().at(kGroup).start_index, LogIndex(0));
    EXPECT_THAT(harness_.texts(), ElementsAre("new life"));
    for (uint64_t i = 2; i <= 5; ++i) harness_.append(9, i, "more");
    ASSERT_TRUE(harness_.flush().ok());
  }
}

TEST_F(LogTails, AGroupRemovedWhileItsTailIsBeingCopiedStaysGone) {
  for (int after = 0; after < 60; ++after) {
    LogHarness harness(16 << 10);
    harness.options.copy_beyond_bytes = 16 << 10;
    harness.must_open();
    harness.disk.run_all();
    harness.append(1, 1, "tail");
    ASSERT_TRUE(harness.flush().ok());
    for (uint64_t i = 1; i <= 40; ++i) {
      harness.append(1, i, std::string(1500, 'b'), kBusy);
      harness.log->cut(kBusy, LogIndex(i), Term(1));
      harness.log->flush([](const Status&) {});
      if (i == static_cast<uint64_t>(after)) harness.log->remove(kGroup);
      harness.disk.run_all();
    }
    harness.log->remove(kGroup);
    ASSERT_TRUE(harness.flush().ok());
    ASSERT_THAT(harness.log->pins_beyond(0, 10), IsEmpty());
    harness.crash(lose_everything);
    harness.must_open();
    ASSERT_FALSE(harness.log->recovered().contains(kGroup)) << after;
  }
}

}  // namespace
}  // namespace torc::storage
