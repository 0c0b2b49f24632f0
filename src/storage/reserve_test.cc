// Space that is kept back on a full disk, and who gets it (rules.md#full-and-failing-disks).
#include "storage/reserve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/log_harness.h"

namespace torc::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kReserveBytes = 32 << 10;
constexpr Duration kPatience = 3s;

/// A log with "before" in it, whose disk has no byte left but what is prepared.
class ReserveTest : public ::testing::Test {
 protected:
  ReserveTest() : harness_(16 << 10) {
    harness_.options.reserve_bytes = kReserveBytes;
    harness_.must_open();
    harness_.disk.run_all();
    harness_.append(1, 1, "before");
    CHECK(harness_.flush().ok());
    fill();
  }

  void fill() { harness_.disk.set_capacity_bytes(harness_.disk.bytes_used()); }
  void give_space() { harness_.disk.set_capacity_bytes(UINT64_MAX); }
  void append(uint64_t index, size_t bytes, uint64_t term = 1) {
    harness_.append(term, index, std::string(bytes, 'x'));
    harness_.log->flush([this, index](const Status& status) {
      ASSERT_TRUE(status.ok());
      durable_.push_back(index);
    });
    harness_.disk.run_all();
  }
  Status vote(uint64_t term) {
    harness_.log->append_hard_state(kGroup, hard_state_of(term, 2));
    return harness_.flush();
  }
  void wait(Duration time) {
    for (Duration waited{0}; waited < time; waited += kDiskFullRetryDelay) {
      harness_.clock.advance(kDiskFullRetryDelay);
      harness_.disk.run_all();
    }
  }

  LogHarness harness_;
  std::vector<uint64_t> durable_;
};

TEST_F(ReserveTest, CommandsWaitForSpaceAndDoNotTouchIt) {
  append(2, 40 << 10);  // more than the segment and its successor have
  wait(10s);
  EXPECT_THAT(durable_, IsEmpty());
  EXPECT_TRUE(harness_.log->disk_full());
  give_space();
  wait(kPatience);
  EXPECT_THAT(durable_, ElementsAre(2));
  EXPECT_FALSE(harness_.log->disk_full());
}

TEST_F(ReserveTest, AVoteIsWrittenWithWhatWaitsBeforeItAndTheDiskIsCalledFullUntilThereIsAReserveAgain) {
  append(2, 40 << 10);
  EXPECT_THAT(durable_, IsEmpty());
  EXPECT_TRUE(vote(3).ok());
  EXPECT_THAT(durable_, ElementsAre(2));
  EXPECT_TRUE(harness_.log->disk_full());
  append(3, 10, 3);  // there would be space, and votes come later
  wait(10s);
  EXPECT_THAT(durable_, ElementsAre(2));
  EXPECT_TRUE(vote(4).ok());
  EXPECT_THAT(durable_, ElementsAre(2, 3));
  give_space();
  wait(kPatience);
  EXPECT_FALSE(harness_.log->disk_full());
  append(4, 10, 4);
  EXPECT_THAT(durable_, ElementsAre(2, 3, 4));
  harness_.crash([](const std::string&, uint64_t, size_t) { return size_t{0}; });
  harness_.must_open();
  EXPECT_EQ(harness_.log->recovered().at(kGroup).hard_state.term, Term(4));
  EXPECT_EQ(harness_.texts().size(), 4u);
}

TEST_F(ReserveTest, AnEntryThatIsNoCommandMayHaveItToo) {
  append(2, 40 << 10);
  harness_.log->append_entries(kGroup, {entry_of(2, 3, "", consensus::EntryKind::kNoop)});
  EXPECT_TRUE(harness_.flush().ok());
  EXPECT_THAT(durable_, ElementsAre(2));
}

// Whoever is elected on full disks brings its followers what they lack, and then its first entry. They have to take the
// one before they are sent the other.
TEST_F(ReserveTest, CommandsOfFormerTermsMayHaveItToo) {
  append(2, 20 << 10);
  EXPECT_TRUE(vote(3).ok());
  append(3, 10);
  EXPECT_THAT(durable_, ElementsAre(2, 3));
}

TEST_F(ReserveTest, AVoteThatIsTheFirstToFindTheDiskFullHasItAtOnce) {
  harness_.append(1, 2, std::string(40 << 10, 'x'));
  EXPECT_TRUE(vote(3).ok());
}

// The disk was full before there was a reserve: the command that was on its way then does not take what a vote may
// need.
TEST_F(ReserveTest, WhereThereIsNoneCommandsLeaveTheLittleSpaceThereIsToVotes) {
  give_up_reserve(harness_.disk);
  fill();
  harness_.must_open();
  harness_.append(1, 2, std::string(24 << 10, 'x'));
  harness_.log->flush([this](const Status& status) {
    ASSERT_TRUE(status.ok());
    durable_.push_back(2);
  });
  harness_.disk.run_all();
  harness_.disk.set_capacity_bytes(harness_.disk.bytes_used() + kReserveBytes - 1000);
  wait(10s);
  EXPECT_THAT(durable_, IsEmpty());
  (void)vote(3);  // the next attempt writes it
  wait(kPatience);
  EXPECT_THAT(durable_, ElementsAre(2)) << "with the vote behind it";
  EXPECT_TRUE(harness_.log->disk_full());
}

TEST_F(ReserveTest, IfSomebodyElseTakesItTheVoteWaitsForSpace) {
  append(2, 40 << 10);
  harness_.disk.set_capacity_bytes(0);
  EXPECT_FALSE(vote(3).ok());
  wait(10s);
  EXPECT_THAT(durable_, IsEmpty());
  give_space();
  wait(kPatience);
  EXPECT_THAT(durable_, ElementsAre(2));
}

TEST_F(ReserveTest, AStartMayHaveIt) {
  append(2, 8 << 10);
  harness_.log.reset();
  harness_.clock.forget_timers();
  harness_.disk.run_all();
  for (const std::string& name : harness_.file_names()) {  // prepared files, of which a start makes use first
    if (harness_.disk.read_all(name)->find_first_not_of('\0') == std::string::npos && name != "reserve") {
      ASSERT_TRUE(harness_.disk.remove(name).ok());
    }
  }
  fill();
  ASSERT_EQ(harness_.open().error().code, ErrorCode::kDiskFull);
  EXPECT_TRUE(give_up_reserve(harness_.disk));
  harness_.must_open();
  harness_.disk.run_all();
  EXPECT_TRUE(harness_.log->disk_full()) << "as long as there is no other";
  EXPECT_TRUE(vote(7).ok());
  EXPECT_FALSE(give_up_reserve(harness_.disk));
  give_space();
  wait(kPatience);
  EXPECT_FALSE(harness_.log->disk_full());
}

}  // namespace
}  // namespace torc::storage
