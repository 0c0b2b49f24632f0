// A log belongs to one life of one node: another's holds promises that are not ours, and lacks ours.
#include <gmock/gmock.h>

#include "sim/log_harness.h"

namespace torc::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LogOwner : public ::testing::Test {
 protected:
  void must_open(uint64_t owner, bool must_exist = false) {
    harness_.options.owner = owner;
    harness_.options.must_exist = must_exist;
    harness_.must_open();
  }
  Error refusal(uint64_t owner, bool must_exist) {
    harness_.log.reset();
    harness_.disk.run_all();
    harness_.options.owner = owner;
    harness_.options.must_exist = must_exist;
    const auto before = harness_.disk.copy();
    const Status opened = harness_.open();
    EXPECT_FALSE(opened.ok());
    EXPECT_EQ(harness_.disk.copy().size(), before.size()) << "nothing is written";
    return opened.ok() ? Error{ErrorCode::kInvalid, ""} : opened.error();
  }
  void write_something() {
    harness_.append(1, 1, "promise");
    ASSERT_TRUE(harness_.flush().ok());
  }

  LogHarness harness_{16 << 10};
};

TEST_F(LogOwner, ANewLogIsNobodysAndThenTheOwners) {
  must_open(11);
  EXPECT_EQ(harness_.log->owner(), 0u);
  write_something();
  must_open(11, true);
  EXPECT_EQ(harness_.log->owner(), 11u);
  EXPECT_THAT(harness_.texts(), ElementsAre("promise"));
}

TEST_F(LogOwner, EverySegmentNamesIt) {
  must_open(11);
  for (uint64_t i = 1; i <= 100; ++i) {
    harness_.append(1, i, std::string(1000, 'x'));
    ASSERT_TRUE(harness_.flush().ok());
    harness_.log->cut(kGroup, LogIndex(i), Term(1));
  }
  ASSERT_TRUE(harness_.flush().ok());
  must_open(11, true);
  EXPECT_EQ(harness_.log->owner(), 11u);
}

TEST_F(LogOwner, AnotherNodesLogIsRefused) {
  must_open(11);
  write_something();
  for (const bool must_exist : {false, true}) {
    const Error error = refusal(12, must_exist);
    EXPECT_EQ(error.code, ErrorCode::kCorrupt);
    EXPECT_THAT(error.message, HasSubstr("this log belongs to another node's life"));
  }
  must_open(11, true);
  EXPECT_THAT(harness_.texts(), ElementsAre("promise"));
}

// Its first batch may be all there is, and not known to be synced.
TEST_F(LogOwner, AnotherNodesLogIsRefusedEvenIfAllItSaysIsInItsLastBatch) {
  must_open(11);
  harness_.log->append_hard_state(kGroup, hard_state_of(3, 2));
  ASSERT_TRUE(harness_.flush().ok());
  EXPECT_EQ(refusal(12, false).code, ErrorCode::kCorrupt);
}

TEST_F(LogOwner, WhoeverOpensItWithoutALifeOfTheirOwnLeavesTheOwner) {
  must_open(11);
  write_something();
  must_open(0);
  EXPECT_EQ(harness_.log->owner(), 11u);
  must_open(0);
  must_open(11, true);
  EXPECT_EQ(harness_.log->owner(), 11u);
}

// The first start may end between the log and the identity; the next one draws another number.
TEST_F(LogOwner, ALogThatSaysNothingIsTakenOver) {
  must_open(11);
  must_open(12);
  EXPECT_EQ(harness_.log->owner(), 11u);
  write_something();
  must_open(12, true);
  EXPECT_EQ(harness_.log->owner(), 12u);
  EXPECT_EQ(refusal(11, false).code, ErrorCode::kCorrupt);
}

TEST_F(LogOwner, AnOwnerWithPromisesIsNotServedByALogThatIsMissingEmptyOrOfNobody) {
  const Error missing = refusal(11, true);
  EXPECT_EQ(missing.code, ErrorCode::kCorrupt);
  EXPECT_THAT(missing.message, HasSubstr("the log of this data directory is missing"));
  EXPECT_THAT(harness_.file_names(), IsEmpty()) << "else the next start would find one";
  EXPECT_EQ(refusal(11, true).code, ErrorCode::kCorrupt) << "every time";
  must_open(12);
  EXPECT_EQ(refusal(11, true).code, ErrorCode::kCorrupt) << "somebody else's, although empty";
  harness_.crash([](const std::string&, uint64_t, size_t) -> size_t { return 0; });
  for (const std::string& name : harness_.file_names()) (void)harness_.disk.remove(name);
  must_open(0);
  EXPECT_EQ(refusal(11, true).code, ErrorCode::kCorrupt) << "nobody's";
}

}  // namespace
}  // namespace torc::storage
