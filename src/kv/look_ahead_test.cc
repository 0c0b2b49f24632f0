#include "kv/look_ahead.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/prng.h"
#include "kv/command_script.h"

namespace torc::kv {
namespace {

constexpr int kKeys = 20'000;  // more than it takes to be looked ahead for

std::string command_line(Prng& prng) {
  // Few keys, so that operations near each other name the same ones, also deleted and expired.
  const std::string key = "k" + std::to_string(prng.below(prng.below(3) == 0 ? 4 : kKeys));
  switch (prng.below(8)) {
    case 0:
      return "DEL " + key;
    case 1:
      return "GET " + key;
    case 2:
      return "SET " + key + " 1 PX " + std::to_string(prng.between(1, 50));
    case 3:
      return "INCR " + key;
    case 4:
      return "MSET " + key + " 1 k1 2 k2 3 k3 4 k4 5";  // names many: its keys are not fetched, and end the look ahead
    case 5:
      return "GET";  // malformed
    case 6:
      return "APPEND " + key + " x";
    default:
      return "SET " + key + " " + std::to_string(prng.below(1000));
  }
}

// Entries of many operations answer and leave what entries of one operation each do: nothing is looked ahead for there.
TEST(LookAhead, ChangesNothing) {
  ScriptMachine together;
  ScriptMachine one_by_one;
  for (ScriptMachine* node : {&together, &one_by_one}) {
    for (int i = 0; i < kKeys; ++i) node->propose("SET k" + std::to_string(i) + " v");
    ASSERT_GE(node->machine.key_count(), 8192u);
  }
  Prng prng(5);
  for (int entry = 0; entry < 200; ++entry) {
    std::vector<std::string> lines(prng.between(1, 60));
    for (std::string& line : lines) line = command_line(prng);
    together.now.ms = one_by_one.now.ms += 7;
    BatchBuilder batch(0);
    std::string expected;
    for (const std::string& line : lines) {
      OwnedCommand command(line);
      batch.add(command.view());
      expected += one_by_one.propose(line);
    }
    const std::string payload = batch.take(together.now);
    TextSink sink;
    OneSinkRouter router(sink);
    ASSERT_TRUE(together.machine.apply(LogIndex(++together.index), payload, router).ok());
    ASSERT_EQ(sink.text(), expected) << "entry " << entry;
  }
  EXPECT_EQ(together.machine.digest(), one_by_one.machine.digest());
}

TEST(LookAhead, AnEntryWhoseEndIsDamagedFailsWhereItDidBefore) {
  ScriptMachine node;
  for (int i = 0; i < kKeys; ++i) node.propose("SET k" + std::to_string(i) + " v");
  BatchBuilder batch(0);
  for (int i = 0; i < 5; ++i) {
    OwnedCommand command("SET k" + std::to_string(i) + " w");
    batch.add(command.view());
  }
  std::string payload = batch.take(node.now);
  payload.resize(payload.size() - 1);
  TextSink sink;
  OneSinkRouter router(sink);
  EXPECT_FALSE(node.machine.apply(LogIndex(++node.index), payload, router).ok());
  EXPECT_EQ(sink.text(), "+OK\n+OK\n+OK\n+OK\n");
}

}  // namespace
}  // namespace torc::kv
