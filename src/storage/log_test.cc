// What a log promises when nothing goes wrong with what it reads; crashes and damage stand in log_crash_test.cc and
// log_damage_test.cc.
#include "storage/log.h"

#include <gmock/gmock.h>

#include "sim/log_harness.h"
#include "storage/segment_header.h"

namespace torc::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const auto lose_everything = [](const std::string&, uint64_t, size_t) -> size_t { return 0; };

TEST(Log, NewDirectoryIsAnEmptyLog) {
  LogHarness harness;
  harness.must_open();
  EXPECT_THAT(harness.log->recovered(), IsEmpty());
  EXPECT_FALSE(harness.log->disk_full());
}

TEST(Log, WhatWasFlushedIsThereAfterACrash) {
  LogHarness harness;
  harness.must_open();
  harness.log->append_hard_state(kGroup, hard_state_of(3, 2));
  harness.append(2, 1, "a");
  harness.append(3, 2, "b");
  ASSERT_TRUE(harness.flush().ok());
  harness.crash(lose_everything);
  harness.must_open();
  const GroupLog& log = harness.log->recovered().at(kGroup);
  EXPECT_EQ(log.hard_state, hard_state_of(3, 2));
  EXPECT_EQ(log.last_index, LogIndex(2));
  EXPECT_THAT(log.term_runs,
              ElementsAre(consensus::TermRun{LogIndex(1), Term(2)}, consensus::TermRun{LogIndex(2), Term(3)}));
  EXPECT_THAT(harness.texts(), ElementsAre("a", "b"));
}

TEST(Log, AppendAtOrBelowTheLastIndexReplacesTheTail) {
  LogHarness harness;
  harness.must_open();
  for (uint64_t i = 1; i <= 4; ++i) harness.append(1, i, "old" + std::to_string(i));
  ASSERT_TRUE(harness.flush().ok());
  harness.append(2, 3, "new3");
  EXPECT_THAT(harness.texts(kGroup, LogIndex(1), LogIndex(9)), ElementsAre("old1", "old2", "new3"))
      << "before the flush";
  ASSERT_TRUE(harness.flush().ok());
  harness.must_open();
  EXPECT_THAT(harness.texts(), ElementsAre("old1", "old2", "new3"));
}

TEST(Log, GroupsShareTheLogAndKeepApart) {
  LogHarness harness;
  harness.must_open();
  harness.append(1, 1, "seven", kGroup);
  harness.append(5, 1, "nine", kOtherGroup);
  harness.log->append_hard_state(kOtherGroup, hard_state_of(5, 1));
  ASSERT_TRUE(harness.flush().ok());
  harness.must_open();
  EXPECT_THAT(harness.texts(kGroup), ElementsAre("seven"));
  EXPECT_THAT(harness.texts(kOtherGroup), ElementsAre("nine"));
  EXPECT_EQ(harness.log->recovered().at(kGroup).hard_state, consensus::HardState());
}

TEST(Log, EverythingThatGathersDuringAWriteGoesOutInOneWriteAndOneSync) {
  LogHarness harness;
  harness.must_open();
  harness.disk.run_all();
  harness.append(1, 1, "begins the first zero-filled segment");
  ASSERT_TRUE(harness.flush().ok());
  std::vector<int> order;
  const auto note = [&order](int n) {
    return [&order, n](const Status& status) { order.push_back(status.ok() ? n : -1); };
  };
  harness.append(1, 2, "a");
  harness.log->flush(note(1));
  harness.append(1, 3, "b");
  harness.log->flush(note(2));
  harness.append(1, 4, "c");
  harness.log->flush(note(3));
  EXPECT_EQ(harness.disk.queued(), 1u);
  ASSERT_TRUE(harness.disk.run_one());
  EXPECT_THAT(order, ElementsAre(1));
  EXPECT_EQ(harness.disk.queued(), 1u);
  ASSERT_TRUE(harness.disk.run_one());
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
  EXPECT_EQ(harness.disk.queued(), 0u);
}

TEST(Log, FlushWithNothingToWriteCompletesAtOnceAndInOrder) {
  LogHarness harness;
  harness.must_open();
  std::vector<int> order;
  harness.append(1, 1, "a");
  harness.log->flush([&](const Status&) {
    harness.log->flush([&](const Status&) { order.push_back(3); });
    order.push_back(1);
  });
  harness.log->flush([&](const Status&) { order.push_back(2); });
  harness.disk.run_all();
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST(Log, EntriesAreReadWhileTheyAreOnTheirWay) {
  LogHarness harness;
  harness.must_open();
  harness.append(1, 1, "durable");
  ASSERT_TRUE(harness.flush().ok());
  harness.append(1, 2, "in flight");
  harness.log->flush([](const Status&) {});
  harness.append(1, 3, "gathering");
  EXPECT_THAT(harness.texts(kGroup, LogIndex(1), LogIndex(3)), ElementsAre("durable", "in flight", "gathering"));
  harness.disk.run_all();
}

TEST(Log, ReadStopsAfterTheEntryThatReachesTheLimit) {
  LogHarness harness;
  harness.must_open();
  for (uint64_t i = 1; i <= 5; ++i) harness.append(1, i, std::string(76, 'x'));  // 100 bytes each
  ASSERT_TRUE(harness.flush().ok());
  const auto count = [&](size_t bytes_max) {
    return harness.log->read(kGroup, LogIndex(1), LogIndex(5), bytes_max).value().size();
  };
  EXPECT_EQ(count(0), 1u);
  EXPECT_EQ(count(100), 1u);
  EXPECT_EQ(count(101), 2u);
  EXPECT_EQ(count(SIZE_MAX), 5u);
}

TEST(Log, CutEntriesAreNotFound) {
  LogHarness harness;
  harness.must_open();
  for (uint64_t i = 1; i <= 3; ++i) harness.append(i, i, "e");
  harness.log->cut(kGroup, LogIndex(2), Term(2));
  EXPECT_EQ(harness.log->read(kGroup, LogIndex(2), LogIndex(3), 1).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(harness.log->read(kGroup, LogIndex(4), LogIndex(4), 1).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(harness.log->read(kOtherGroup, LogIndex(1), LogIndex(1), 1).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(harness.flush().ok());
  harness.must_open();
  const GroupLog& log = harness.log->recovered().at(kGroup);
  EXPECT_EQ(log.start_index, LogIndex(2));
  EXPECT_EQ(log.start_term, Term(2));
  EXPECT_THAT(log.term_runs, ElementsAre(consensus::TermRun{LogIndex(3), Term(3)}));
  EXPECT_EQ(harness.log->group_bytes(kGroup), consensus::kEntryHeaderBytes + 1);
}

TEST(Log, ResetStartsAnewBehindACheckpoint) {
  LogHarness harness;
  harness.must_open();
  for (uint64_t i = 1; i <= 3; ++i) harness.append(1, i, "old");
  harness.log->append_hard_state(kGroup, hard_state_of(4, 1));
  harness.log->reset(kGroup, LogIndex(100), Term(4));
  harness.append(4, 101, "new");
  ASSERT_TRUE(harness.flush().ok());
  harness.must_open();
  const GroupLog& log = harness.log->recovered().at(kGroup);
  EXPECT_EQ(log.start_index, LogIndex(100));
  EXPECT_EQ(log.start_term, Term(4));
  EXPECT_EQ(log.hard_state, hard_state_of(4, 1));
  EXPECT_THAT(harness.texts(), ElementsAre("new"));
}

TEST(Log, ConfigurationsAreThoseOfTheEntriesThatAreStillThere) {
  LogHarness harness;
  harness.must_open();
  const consensus::ReplicaId one{NodeId(1), ReplicaNumber(11)};
  const consensus::ReplicaId two{NodeId(2), ReplicaNumber(22)};
  const consensus::Configuration first{{one}, {}, {}};
  const consensus::Configuration second{{one, two}, {}, {}};
  const auto configuration_entry = [](uint64_t index, const consensus::Configuration& configuration) {
    return entry_of(1, index, consensus::encode_configuration(configuration), consensus::EntryKind::kConfiguration);
  };
  harness.log->append_entries(kGroup,
                              {configuration_entry(1, first), entry_of(1, 2, "x"), configuration_entry(3, second)});
  ASSERT_TRUE(harness.flush().ok());
  harness.must_open();
  const auto found = [&] { return harness.log->recovered().at(kGroup).configurations; };
  using consensus::PlacedConfiguration;
  EXPECT_THAT(found(), ElementsAre(PlacedConfiguration{LogIndex(1), first}, PlacedConfiguration{LogIndex(3), second}));
  harness.append(2, 3, "replaces the second");
  ASSERT_TRUE(harness.flush().ok());
  harness.must_open();
  EXPECT_THAT(found(), ElementsAre(PlacedConfiguration{LogIndex(1), first}));
  harness.log->cut(kGroup, LogIndex(1), Term(1));
  ASSERT_TRUE(harness.flush().ok());
  harness.must_open();
  EXPECT_THAT(found(), ElementsAre());
}

TEST(Log, SegmentsNoGroupNeedsAreRecycledAndALaggingGroupPinsThem) {
  LogHarness harness(16 << 10);
  harness.must_open();
  harness.append(1, 1, "lags", kOtherGroup);
  uint64_t index = 0;
  const auto write_and_cut = [&](int entries) {
    for (int i = 0; i < entries; ++i) {
      harness.append(1, ++index, std::string(1000, 'x'));
      ASSERT_TRUE(harness.flush().ok());
    }
    harness.log->cut(kGroup, LogIndex(index), Term(1));
    ASSERT_TRUE(harness.flush().ok());
  };
  write_and_cut(100);
  EXPECT_GT(harness.log->bytes_retained(), 100'000u) << "the lagging group needs the oldest segment";
  harness.log->cut(kOtherGroup, LogIndex(1), Term(1));
  ASSERT_TRUE(harness.flush().ok());
  EXPECT_LT(harness.log->bytes_retained(), 3u * harness.options.segment_bytes);
  write_and_cut(200);
  EXPECT_LE(harness.file_names().size(), harness.options.recycled_segments_max + 2) << "recycled or removed";
  harness.must_open();
  EXPECT_EQ(harness.log->recovered().at(kGroup).last_index, LogIndex(index));
  EXPECT_EQ(harness.log->recovered().at(kOtherGroup).start_index, LogIndex(1));
}

/// Writes as much as several segments hold, and cuts it all: nothing needs the first one any more.
void outlive_first_segment(LogHarness& harness) {
  for (uint64_t i = 1; i <= 100; ++i) {
    harness.append(1, i, std::string(1000, 'x'));
    ASSERT_TRUE(harness.flush().ok());
    harness.log->cut(kGroup, LogIndex(i), Term(1));
  }
  ASSERT_TRUE(harness.flush().ok());
}

TEST(Log, AGroupIsRememberedEvenIfAllItEverWroteIsAnEmptyHardState) {
  LogHarness harness(16 << 10);
  harness.must_open();
  harness.log->append_hard_state(kOtherGroup, {});
  outlive_first_segment(harness);
  harness.must_open();
  EXPECT_TRUE(harness.log->recovered().contains(kOtherGroup));
}

TEST(Log, AReplicasNumberOutlivesTheSegmentThatItWasWrittenIn) {
  LogHarness harness(16 << 10);
  harness.must_open();
  harness.log->begin_replica(kOtherGroup, ReplicaNumber(5));
  harness.log->begin_replica(kGroup, ReplicaNumber(6));
  outlive_first_segment(harness);
  harness.must_open();
  EXPECT_EQ(harness.log->recovered().at(kOtherGroup).replica, ReplicaNumber(5));
  EXPECT_EQ(harness.log->recovered().at(kGroup).replica, ReplicaNumber(6));
  EXPECT_EQ(harness.log->recovered().at(kGroup).start_index, LogIndex(100)) << "nothing of the first segment is needed";
}

TEST(Log, AReplicaThatBeginsAfterTheGroupWasRemovedHasNothingOfTheFormerOne) {
  LogHarness harness;
  harness.must_open();
  harness.log->begin_replica(kGroup, ReplicaNumber(5));
  harness.log->append_hard_state(kGroup, hard_state_of(3, 2));
  harness.append(3, 1, "of the former one");
  ASSERT_TRUE(harness.flush().ok());
  harness.log->remove(kGroup);
  harness.log->begin_replica(kGroup, ReplicaNumber(6));
  ASSERT_TRUE(harness.flush().ok());
  harness.must_open();
  const GroupLog& log = harness.log->recovered().at(kGroup);
  EXPECT_EQ(log.replica, ReplicaNumber(6));
  EXPECT_EQ(log.hard_state, consensus::HardState());
  EXPECT_EQ(log.last_index, LogIndex());
}

TEST(Log, AnEntryLargerThanASegmentIsWrittenAndRead) {
  LogHarness harness(16 << 10);
  harness.must_open();
  const std::string large(100 << 10, 'L');
  harness.append(1, 1, "before");
  ASSERT_TRUE(harness.flush().ok());
  harness.append(1, 2, large);
  ASSERT_TRUE(harness.flush().ok());
  harness.append(1, 3, "behind");
  ASSERT_TRUE(harness.flush().ok());
  harness.must_open();
  EXPECT_THAT(harness.texts(), ElementsAre("before", large, "behind"));
}

TEST(Log, TheLargestEntryIsAcceptedAndRead) {
  LogHarness harness(1 << 20);
  harness.must_open();
  harness.append(1, 1, std::string(consensus::kEntryPayloadBytesMax, 'm'));
  ASSERT_TRUE(harness.flush().ok());
  harness.must_open();
  EXPECT_EQ(harness.texts().at(0).size(), consensus::kEntryPayloadBytesMax);
}

TEST(Log, AFullDiskKeepsWhatWasAppendedInOrderAndGoesOnWhenThereIsSpace) {
  LogHarness harness(16 << 10);
  harness.must_open();
  harness.disk.run_all();
  harness.append(1, 1, "before");
  ASSERT_TRUE(harness.flush().ok());
  harness.disk.set_capacity_bytes(harness.disk.bytes_used());
  std::vector<int> order;
  harness.append(1, 2, std::string(20 << 10, 'x'));
  harness.log->flush([&](const Status& status) { order.push_back(status.ok() ? 2 : -2); });
  harness.disk.run_all();
  EXPECT_TRUE(harness.log->disk_full());
  harness.append(1, 3, "gathers");
  harness.log->flush([&](const Status& status) { order.push_back(status.ok() ? 3 : -3); });
  for (int i = 0; i < 3; ++i) {
    harness.clock.advance(kDiskFullRetryDelay);
    harness.disk.run_all();
  }
  EXPECT_THAT(order, IsEmpty());
  EXPECT_THAT(harness.texts(kGroup, LogIndex(1), LogIndex(1)), ElementsAre("before")) << "reads go on";
  harness.disk.set_capacity_bytes(UINT64_MAX);
  harness.clock.advance(kDiskFullRetryDelay);
  harness.disk.run_all();
  EXPECT_THAT(order, ElementsAre(2, 3));
  EXPECT_FALSE(harness.log->disk_full());
  EXPECT_THAT(harness.disk_full_changes, ElementsAre(true, false));
  harness.crash(lose_everything);
  harness.must_open();
  EXPECT_THAT(harness.texts(), ElementsAre("before", std::string(20 << 10, 'x'), "gathers"));
}

TEST(Log, ACrashOfAFullDiskLosesOnlyWhatWaited) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    LogHarness harness(16 << 10);
    harness.must_open();
    harness.disk.run_all();
    harness.append(1, 1, "before");
    ASSERT_TRUE(harness.flush().ok());
    harness.disk.set_capacity_bytes(harness.disk.bytes_used() + seed * 40);
    harness.append(1, 2, std::string(20 << 10, 'x'));
    ASSERT_FALSE(harness.flush().ok());
    Prng prng(seed);
    harness.crash(prng);
    harness.disk.set_capacity_bytes(UINT64_MAX);
    harness.must_open();
    ASSERT_THAT(harness.texts(), ElementsAre("before")) << "seed " << seed;
  }
}

TEST(Log, AFullDiskDuringBackgroundPreparationDoesNotStopTheRunningSegment) {
  LogHarness harness(16 << 10);
  harness.must_open();
  harness.disk.set_capacity_bytes(harness.disk.bytes_used() + 2000);
  harness.append(1, 1, "a");
  ASSERT_TRUE(harness.flush().ok()) << "written behind the failed preparation";
  EXPECT_FALSE(harness.log->disk_full());
  harness.disk.set_capacity_bytes(UINT64_MAX);
  harness.clock.advance(kDiskFullRetryDelay);
  for (uint64_t i = 2; i <= 40; ++i) {
    harness.append(1, i, std::string(1000, 'x'));
    ASSERT_TRUE(harness.flush().ok());
  }
  harness.must_open();
  EXPECT_EQ(harness.texts().size(), 40u);
}

TEST(Log, AStartOnAFullDiskGivesUpThePreparedFileAndServesReads) {
  LogHarness harness(16 << 10);
  harness.must_open();
  harness.append(1, 1, "a");
  ASSERT_TRUE(harness.flush().ok());
  harness.disk.run_all();
  harness.crash(lose_everything);
  harness.disk.set_capacity_bytes(harness.disk.bytes_used());
  harness.must_open();
  EXPECT_THAT(harness.texts(), ElementsAre("a"));
}

TEST(Log, AFailedSyncIsFatalAndEveryLaterFlushFails) {
  LogHarness harness;
  harness.must_open();
  harness.disk.run_all();
  harness.disk.fail_next_sync();
  harness.append(1, 1, "a");
  EXPECT_EQ(harness.flush().error().code, ErrorCode::kIo);
  harness.append(1, 2, "b");
  EXPECT_EQ(harness.flush().error().code, ErrorCode::kIo);
  EXPECT_EQ(harness.flush().error().code, ErrorCode::kIo);
}

TEST(Log, ADamagedEntryIsNotServed) {
  LogHarness harness;
  harness.must_open();
  harness.append(1, 1, "precious");
  ASSERT_TRUE(harness.flush().ok());
  for (const std::string& name : harness.file_names()) {
    const size_t at = harness.disk.read_all(name).value().find("precious");
    if (at != std::string::npos) harness.disk.flip_bit(name, at, 0);
  }
  const auto entries = harness.log->read(kGroup, LogIndex(1), LogIndex(1), 1000);
  ASSERT_FALSE(entries.ok());
  EXPECT_EQ(entries.error().code, ErrorCode::kCorrupt);
}

TEST(Log, AFailingReadIsReported) {
  LogHarness harness;
  harness.must_open();
  harness.append(1, 1, "a");
  ASSERT_TRUE(harness.flush().ok());
  for (const std::string& name : harness.file_names()) harness.disk.set_reads_fail(name, true);
  EXPECT_EQ(harness.log->read(kGroup, LogIndex(1), LogIndex(1), 1000).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(harness.open().error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace torc::storage
