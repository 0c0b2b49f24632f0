// Is what a command is said to cost at least what it costs?
#include "kv/cost.h"

#include <gtest/gtest.h>

#include "kv/command_script.h"

namespace torc::kv {
namespace {

constexpr size_t kMiB = 1u << 20;

Cost cost(ScriptMachine& node, std::string_view line, size_t growth_before = 0) {
  OwnedCommand command(line);
  return node.machine.cost_of(command.view(), growth_before);
}

TEST(Cost, OfAShortCommandOnShortValuesIsThatOfItsBytes) {
  ScriptMachine node;
  node.run("SET a 1");
  for (const char* line : {"SET a 2", "INCR a", "GETSET a 3", "APPEND a x", "GETDEL a", "SETRANGE a 1 x", "DEL a"}) {
    EXPECT_LT(cost(node, line).work, 2 * kOperationWork) << line;
  }
}

// Sixty bytes that make 32 MiB: thousands of them in one pipeline must neither hold the loop nor fill the memory.
TEST(Cost, SetRangeCountsWhatItWillCreate) {
  ScriptMachine node;
  const Cost far = cost(node, "SETRANGE a 33554431 x");
  EXPECT_GE(far.work, 32 * kMiB);
  EXPECT_GE(far.growth, 32 * kMiB);
  EXPECT_GE(far.memory, 32 * kMiB);
  EXPECT_LT(cost(node, "SETRANGE a 33554432 x").work, 2 * kOperationWork) << "it will be refused";
  EXPECT_LT(cost(node, "SETRANGE a -1 x").work, 2 * kOperationWork);
}

TEST(Cost, AValueThatIsReadOrMovedCounts) {
  ScriptMachine node;
  node.run("SETRANGE a 20971519 x");
  for (const char* line :
       {"GETSET a 1", "GETDEL a", "GETEX a PERSIST", "SET a 1 GET", "APPEND a x", "SETRANGE a 0 x"}) {
    EXPECT_GE(cost(node, line).work, 20 * kMiB) << line;
  }
  EXPECT_LT(cost(node, "SET a 1").work, kMiB) << "overwritten, not read";
  EXPECT_LT(cost(node, "GETDEL b").work, kMiB);
}

// Five thousand keys with deadlines in one pipeline were taken for readers of each other's values: a batch held
// sixteen.
TEST(Cost, ASetThatDoesNotAskForTheOldValueCostsItsOwnBytes) {
  ScriptMachine node;
  node.run("SETRANGE a 20971519 x");
  for (const char* line : {"SET a 1 PXAT 99999999999999", "SET a 1 NX", "SET a 1 KEEPTTL", "SET b 1 EX 10"}) {
    EXPECT_LT(cost(node, line, 5 * kMiB).work, 2 * kOperationWork) << line;
  }
  EXPECT_GE(cost(node, "SET a 1 KEEPTTL get").work, 20 * kMiB);
}

TEST(Cost, WhatIsStillToBeAppliedMayHaveMadeTheValueLarge) {
  ScriptMachine node;
  EXPECT_GE(cost(node, "GETDEL a", 5 * kMiB).work, 5 * kMiB);
  EXPECT_LE(cost(node, "GETDEL a", 500 * kMiB).work, 33 * kMiB) << "no value is larger than the limit";
}

// With a slow disk a checkpoint takes long, and every write behind a large one was taken for as dear as that one.
TEST(Cost, DuringACaptureWhatIsStillToBeAppliedMakesNoOverwriteDear) {
  ScriptMachine node;
  node.run("SET a 1");
  node.machine.begin_capture();
  for (const char* line : {"SET a 1", "SET b 1", "INCR a", "DEL a"}) {
    EXPECT_LT(cost(node, line, 5 * kMiB).work, 2 * kOperationWork) << line;
  }
  EXPECT_GE(cost(node, "GETSET a 1", 5 * kMiB).work, 5 * kMiB);
}

TEST(Cost, DuringACaptureOverwrittenValuesAreCopied) {
  ScriptMachine node;
  node.run("SETRANGE a 20971519 x");
  node.machine.begin_capture();
  for (const char* line : {"SET a 1", "DEL a", "PEXPIRE a 1"}) {
    EXPECT_GE(cost(node, line).work, 20 * kMiB) << line;
  }
  EXPECT_LT(cost(node, "GET b").work, kMiB);
  node.machine.end_capture(false);
}

TEST(Cost, OnlyWhatRedisRefusesWithoutMemoryGrows) {
  ScriptMachine node;
  for (const char* line :
       {"SET a 1", "SETNX a 1", "INCR a", "APPEND a x", "MSET a 1 b 2", "CAS a 1 2", "SETRANGE a 1 x"}) {
    EXPECT_GT(cost(node, line).memory, 0u) << line;
    EXPECT_LT(cost(node, line).memory, 2000u) << line;
  }
  for (const char* line :
       {"DEL a", "UNLINK a", "GETDEL a", "GETEX a", "PEXPIRE a 1", "PERSIST a", "FLUSHALL", "GET a"}) {
    EXPECT_EQ(cost(node, line).memory, 0u) << line;
  }
}

TEST(Cost, OfACommandWithAWrongNumberOfArgumentsIsThatOfItsBytes) {
  ScriptMachine node;
  for (const char* line : {"GETDEL", "MSET", "SETRANGE a", "APPEND"}) {
    EXPECT_LT(cost(node, line, kMiB).work, 2 * kOperationWork) << line;
  }
}

// The estimate is what batches and memory are bounded by, so it must not fall short of what apply() does.
TEST(Cost, IsAtLeastTheWorkThatApplyingDoes) {
  ScriptMachine node;
  for (const char* line : {"SET a 1", "SETRANGE a 3000000 x", "APPEND a yyyyyyyy", "SET a 1 GET", "SETRANGE b 500000 x",
                           "GETSET b 1", "SETRANGE c 700000 x", "GETDEL c", "MSET a 1 b 2 c 3", "INCR a", "DEL a b"}) {
    const size_t estimate = cost(node, line).work + cost(node, line).memory;
    const uint64_t before = node.machine.work_done();
    node.propose(line);
    EXPECT_LE(node.machine.work_done() - before, estimate + kBatchHeadBytes) << line;
  }
}

}  // namespace
}  // namespace torc::kv
