// A state machine that owns a part of the slots: what lies elsewhere is not its to execute, to list or to restore.
#include <gmock/gmock.h>
#include <malloc.h>

#include <string>
#include <vector>

#include "kv/command_script.h"
#include "kv/image_format.h"
#include "kv/position.h"

namespace torc::kv {
namespace {

using ::testing::StartsWith;

constexpr Arc kLower{0, 8192};

std::string refused() { return "!" + std::string(name_of(Refusal::kNotHere)) + "\n"; }

/// "ours" is its own, "away" is not; "{ours}x" and "{away}x" go with them.
struct Lower : ScriptMachine {
  Lower() : ScriptMachine(1, kLower) {
    EXPECT_TRUE(kLower.contains(slot_of("ours")));
    EXPECT_FALSE(kLower.contains(slot_of("away")));
  }
};

TEST(Arc, IsHalfOpen) {
  constexpr Arc arc{16, 32};
  EXPECT_TRUE(arc.contains(16));
  EXPECT_TRUE(arc.contains(31));
  EXPECT_FALSE(arc.contains(15));
  EXPECT_FALSE(arc.contains(32));
  EXPECT_EQ(arc.slot_count(), 16u);
  EXPECT_EQ(arc.text(), "slots 16 to 31");
  EXPECT_TRUE(Arc().is_whole_circle());
  EXPECT_FALSE((Arc{5, 5}.is_valid()));
  EXPECT_FALSE((Arc{5, 4}.is_valid()));
  EXPECT_TRUE((Arc{16383, 16384}.is_valid()));
  EXPECT_FALSE((Arc{0, 16385}.is_valid()));
}

TEST(StateOfAnArc, AKeyElsewhereIsRefusedAndNothingIsExecuted) {
  Lower node;
  EXPECT_EQ(node.run("SET ours 1"), "+OK\n");
  const uint64_t digest = node.machine.digest();
  const uint64_t operations = node.machine.operation_count();
  for (const char* command : {"SET away 1", "GET away", "INCR away", "DEL away", "EXPIRE away 10", "TTL away",
                              "MSET ours 2 away 2", "MSET away 2 ours 2", "MGET ours away", "DEL ours away",
                              "EXISTS away", "CAS away 1 2", "VERSION away", "SETRANGE away 3 x", "TYPE away"}) {
    EXPECT_EQ(node.run(command), refused()) << command;
    EXPECT_EQ(node.propose(command), refused()) << command;
    EXPECT_EQ(node.machine.digest(), digest) << command;
  }
  EXPECT_EQ(node.machine.operation_count(), operations);
  EXPECT_EQ(node.run("GET ours"), "\"1\"\n");
  EXPECT_EQ(node.run("MSET ours 2 {ours}x 3"), "+OK\n");
}

// The group that owns the key has to execute the call under the same label: it must not be remembered ours as done, and
// its floor must not make this session forget.
TEST(StateOfAnArc, ARefusedCallLeavesNoTraceInItsSession) {
  Lower node;
  const SessionCall earlier{SessionId(0, 1), 1, 0, true};
  EXPECT_EQ(node.propose("INCR ours", &earlier), ":1\n");
  const uint64_t digest = node.machine.digest();
  const SessionCall call{SessionId(0, 1), 2, 2};
  EXPECT_EQ(node.propose("INCR away", &call), refused());
  EXPECT_EQ(node.machine.digest(), digest);
  EXPECT_TRUE(node.machine.would_execute(call));
  EXPECT_EQ(node.propose("INCR ours", &earlier), ":1\n") << "what it answered before";
  EXPECT_EQ(node.propose("INCR ours", &call), ":2\n") << "the label is still free";
}

// It goes on to the group that owns the key: the next call of the session that comes here may be one sent again.
TEST(StateOfAnArc, ARefusedFirstCallOpensNoSession) {
  Lower node;
  const SessionCall call{SessionId(0, 1), 1, 1, true};
  EXPECT_EQ(node.propose("INCR away", &call), refused());
  EXPECT_EQ(node.machine.session_bytes(), 0u);
}

TEST(StateOfAnArc, WhatNamesNoKeyConcernsItsOwnKeys) {
  Lower node;
  node.run("MSET ours 1 {ours}x 2");
  EXPECT_EQ(node.run("DBSIZE"), ":2\n");
  // A walk goes on where the arc ends, with whoever owns what comes there.
  const std::string behind = "*2\n\"" + std::to_string(uint64_t{8192} << kLowPositionBits) + "\"\n";
  EXPECT_THAT(node.run("TORC.SCAN 0 16383 0"), StartsWith(behind + "*4\n"));
  EXPECT_THAT(node.run("TORC.SCAN 0 8191 0"), StartsWith("*2\n\"0\"\n*4\n"));
  EXPECT_THAT(node.run("SCAN 0 COUNT 100"), StartsWith(behind + "*2\n"));
  EXPECT_EQ(node.run("FLUSHALL"), "+OK\n");
  EXPECT_EQ(node.run("DBSIZE"), ":0\n");
}

TEST(StateOfAnArc, APurgeSkipsKeysElsewhere) {
  Lower node;
  node.run("SET ours 1 PX 100");
  node.now.ms += 200;
  EXPECT_EQ(node.propose("PURGE away ours"), "+OK\n");
  EXPECT_EQ(node.run("DBSIZE"), ":0\n");
}

TEST(StateOfAnArc, WhatACommandElsewhereWouldCostCanBeAsked) {
  Lower node;
  OwnedCommand command("APPEND away x");
  EXPECT_GT(node.machine.cost_of(command.view(), 0).work, 0u);
}

TEST(StateOfAnArc, AnImageOfAKeyElsewhereIsRefused) {
  Lower node;
  Table table(1);
  for (const std::string key : {"ours", "away"}) {
    Spot spot = table.find(key);
    table.set(spot, key, "v", kNoDeadline, 0);
    std::string image_key, image_value;
    put_image_key(image_key, position_of(key), key);
    put_image_value(image_value, *spot.entry());
    const Status restored = node.machine.restore(image_key, image_value);
    EXPECT_EQ(restored.ok(), key == "ours");
    if (!restored.ok()) {
      EXPECT_EQ(restored.error().message, "checkpoint image: a key that does not belong to slots 0 to 8191");
    }
  }
}

class Ranges final : public ImageSink {
 public:
  void put(std::string_view, std::string_view) override {}
  void erase(std::string_view) override {}
  void erase_range(std::string_view begin, std::string_view end) override {
    erased.push_back({std::string(begin), std::string(end)});
  }
  std::vector<ImageRange> erased;
};

TEST(StateOfAnArc, AFlushErasesTheImagesOfTheArc) {
  for (const Arc arc : {kLower, Arc{8192, 16384}, Arc{100, 101}, Arc{}}) {
    ScriptMachine node(1, arc);
    node.run("FLUSHALL");
    Ranges ranges;
    node.machine.begin_capture();
    EXPECT_TRUE(node.machine.continue_capture(ranges, SIZE_MAX));
    node.machine.end_capture(true);
    ASSERT_EQ(ranges.erased.size(), 1u);
    EXPECT_EQ(ranges.erased[0].begin, images_of(arc).begin) << arc.text();
    EXPECT_EQ(ranges.erased[0].end, images_of(arc).end) << arc.text();
  }
}

// A node holds hundreds of groups: with 16,384 slots in each of them 1,024 empty ones took 1.3 GB.
TEST(StateOfAnArc, ATableHasRoomForTheSlotsOfItsArcOnly) {
  const auto bytes_of = [](Arc arc) {
    const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    const Table table(1, arc);
    return mallinfo2().uordblks + mallinfo2().hblkhd - before;
  };
  const size_t whole = bytes_of({});
  if (whole == 0) GTEST_SKIP() << "this malloc does not say what it has given out";
  EXPECT_LT(bytes_of({0, 16}), whole / 100);
  EXPECT_LT(bytes_of({16368, 16384}), whole / 100);
}

}  // namespace
}  // namespace torc::kv
