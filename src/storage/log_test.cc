#include "storage/log.h"

#include <gmock/gmock.h>

#include "storage/log_harness.h"

namespace torc::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

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
  harness.crash([](const std::string&, uint64_t, size_t) { return 0; });
  harness.must_open();
  const GroupLog& log = harness.log->recovered().at(kGroup);
  EXPECT_EQ(log.hard_state, hard_state_of(3, 2));
  EXPECT_EQ(log.last_index, LogIndex(2));
  EXPECT_THAT(log.term_runs, ElementsAre(consensus::TermRun{LogIndex(1), Term(2)},
                                         consensus::TermRun{LogIndex(2), Term(3)}));
  EXPECT_THAT(harness.texts(), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace torc::storage
