// Power fails, or the process dies, at every disk operation while tails are copied and their segments recycled. What
// was acknowledged is there afterwards, whatever of the copy reached the disk.
#include <gmock/gmock.h>

#include "sim/log_harness.h"

namespace torc::storage {
namespace {

constexpr GroupId kBusy{1};
constexpr uint64_t kTailEntries = 7;

std::string tail_text(uint64_t index) { return "tail " + std::to_string(index) + std::string(300, 't'); }
std::string busy_text(uint64_t index) { return "busy " + std::to_string(index) + std::string(1500, 'b'); }

/// kGroup has a tail of several sectors and does nothing; kBusy goes on, and only its last entry is kept.
class Story {
 public:
  Story(uint64_t segment_bytes, uint64_t tail_bytes_max) : harness_(segment_bytes) {
    harness_.options.copy_beyond_bytes = segment_bytes;
    harness_.options.copy_tail_bytes_max = tail_bytes_max;
    harness_.options.recycled_segments_max = 2;
    harness_.must_open();
    harness_.disk.run_all();
    harness_.log->append_hard_state(kGroup, hard_state_of(3, 2));
    for (uint64_t i = 1; i <= kTailEntries; ++i) harness_.append(1, i, tail_text(i));
    CHECK(harness_.flush().ok());
  }

  /// False if everything was written before that many disk operations.
  bool run(uint64_t operations, uint64_t entries) {
    for (; entries > 0; --entries) {
      ++appended_;
      harness_.append(1, appended_, busy_text(appended_), kBusy);
      if (appended_ > 1) harness_.log->cut(kBusy, LogIndex(appended_ - 1), Term(1));
      harness_.log->flush([this, index = appended_](const Status& status) {
        if (status.ok()) acknowledged_ = index;
      });
      while (acknowledged_ < appended_) {
        if (operations-- == 0) return false;
        CHECK(harness_.disk.run_one());
      }
    }
    return true;
  }

  void crash(uint64_t seed) {
    Prng prng(seed);
    if (seed % 3 == 0) {
      harness_.crash([](const std::string&, uint64_t, size_t) -> size_t { return 0; });
    } else if (seed % 3 == 1) {
      harness_.crash(prng);
    } else {
      harness_.log.reset();
      harness_.clock.forget_timers();
      harness_.disk.kill(prng);
    }
  }

  void check(const std::string& when) {
    const Status opened = harness_.open();
    ASSERT_TRUE(opened.ok()) << when << ": " << opened.error().message;
    const GroupLog& log = harness_.log->recovered().at(kGroup);
    ASSERT_EQ(log.last_index, LogIndex(kTailEntries)) << when;
    ASSERT_EQ(log.hard_state, hard_state_of(3, 2)) << when;
    const auto texts = harness_.texts();
    ASSERT_EQ(texts.size(), kTailEntries) << when;
    for (uint64_t i = 1; i <= kTailEntries; ++i) ASSERT_EQ(texts[i - 1], tail_text(i)) << when;
    const auto busy = harness_.log->recovered().find(kBusy);
    const uint64_t last = busy == harness_.log->recovered().end() ? 0 : busy->second.last_index.value;
    ASSERT_GE(last, acknowledged_) << when;
    ASSERT_LE(last, appended_) << when;
    appended_ = acknowledged_ = last;
  }

  uint64_t retained() const { return harness_.log->bytes_retained(); }

 private:
  LogHarness harness_;
  uint64_t appended_ = 0;
  uint64_t acknowledged_ = 0;
};

TEST(LogTailsCrash, AtEveryDiskOperationOfACopyAndItsRecyclingNothingAcknowledgedIsLost) {
  struct Sizes {
    uint64_t segment_bytes;
    uint64_t tail_bytes_max;  // small: copies may stand in the middle of a segment, else at its beginning only
  };
  for (const Sizes& sizes : {Sizes{12 << 10, 1 << 20}, Sizes{24 << 10, 4 << 10}}) {
    constexpr uint64_t kEntries = 45;
    bool is_through = false;
    for (uint64_t operations = 0; !is_through; ++operations) {
      for (uint64_t seed = 0; seed < 12; ++seed) {
        const std::string when = std::to_string(sizes.segment_bytes) + " bytes, operation " +
                                 std::to_string(operations) + ", seed " + std::to_string(seed);
        Story story(sizes.segment_bytes, sizes.tail_bytes_max);
        is_through = story.run(operations, kEntries);
        story.crash(seed);
        story.check(when);
        if (::testing::Test::HasFatalFailure()) return;
        story.crash(0);
        story.check(when + ", again");
        if (::testing::Test::HasFatalFailure()) return;
        ASSERT_TRUE(story.run(UINT64_MAX, 5)) << when;
        story.crash(seed + 1);
        story.check(when + ", and after a life");
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
    Story story(sizes.segment_bytes, sizes.tail_bytes_max);
    ASSERT_TRUE(story.run(UINT64_MAX, kEntries));
    EXPECT_LE(story.retained(), 4 * sizes.segment_bytes) << "the story has copies";
  }
}

}  // namespace
}  // namespace torc::storage
