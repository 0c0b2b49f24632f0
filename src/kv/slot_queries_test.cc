#include <gtest/gtest.h>

#include "kv/command_script.h"
#include "kv/command_slot.h"
#include "kv/position.h"

namespace torc::kv {
namespace {

std::string run(ScriptMachine& machine, const std::string& command, uint16_t slot, const std::string& more = "") {
  return machine.run(command + " " + std::to_string(slot) + more);
}

TEST(SlotQueries, TheCountIsOfOneSlotAndFollowsEveryWayAKeyComesAndGoes) {
  ScriptMachine machine;
  const uint16_t slot = slot_of("{tag}");
  EXPECT_EQ(run(machine, "TORC.SLOTSIZE", slot), ":0\n");
  machine.run("MSET {tag}a 1 {tag}b 2 {tag}c 3");
  machine.run("SET elsewhere 1");
  machine.run("SET {tag}a again");
  EXPECT_EQ(run(machine, "TORC.SLOTSIZE", slot), ":3\n");
  EXPECT_EQ(run(machine, "TORC.SLOTSIZE", slot_of("elsewhere")), ":1\n");
  machine.run("DEL {tag}a");
  machine.run("DEL {tag}a");
  EXPECT_EQ(run(machine, "TORC.SLOTSIZE", slot), ":2\n");
  machine.run("APPEND {tag}a x");
  EXPECT_EQ(run(machine, "TORC.SLOTSIZE", slot), ":3\n");
  machine.run("FLUSHALL");
  EXPECT_EQ(run(machine, "TORC.SLOTSIZE", slot), ":0\n");
  machine.run("SET {tag}a 1");
  EXPECT_EQ(machine.run("FLUSHDB ASYNC"), "+OK\n");
  EXPECT_EQ(run(machine, "TORC.SLOTSIZE", slot), ":0\n");
}

TEST(SlotQueries, KeysAreOfTheSlotAndNotMoreThanWanted) {
  ScriptMachine machine;
  const uint16_t slot = slot_of("{tag}");
  machine.run("MSET {tag}a 1 {tag}b 2 elsewhere 3");
  const std::string both = run(machine, "TORC.SLOTKEYS", slot, " 10");
  EXPECT_TRUE(both == "*2\n\"{tag}a\"\n\"{tag}b\"\n" || both == "*2\n\"{tag}b\"\n\"{tag}a\"\n") << both;
  EXPECT_EQ(run(machine, "TORC.SLOTKEYS", slot, " 1").substr(0, 3), "*1\n");
  EXPECT_EQ(run(machine, "TORC.SLOTKEYS", slot, " 0"), "*0\n");
  for (int i = 0; i < 1100; ++i) machine.run("SET {tag}" + std::to_string(i) + " v");
  EXPECT_EQ(run(machine, "TORC.SLOTKEYS", slot, " 1000").substr(0, 6), "*1000\n");
  EXPECT_EQ(run(machine, "TORC.SLOTKEYS", slot, " 5000").substr(0, 6), "*1000\n") << "as many as a page of SCAN";
}

TEST(SlotQueries, RefuseInRedisWords) {
  ScriptMachine machine;
  EXPECT_EQ(machine.run("TORC.SLOTSIZE 16383"), ":0\n");
  EXPECT_EQ(machine.run("TORC.SLOTSIZE 16384"), "-ERR Invalid slot\n");
  EXPECT_EQ(machine.run("TORC.SLOTSIZE -1"), "-ERR Invalid slot\n");
  EXPECT_EQ(machine.run("TORC.SLOTSIZE abc"), "-ERR value is not an integer or out of range\n");
  EXPECT_EQ(machine.run("TORC.SLOTKEYS 16384 1"), "-ERR Invalid slot or number of keys\n");
  EXPECT_EQ(machine.run("TORC.SLOTKEYS 1 -1"), "-ERR Invalid slot or number of keys\n");
  EXPECT_EQ(machine.run("TORC.SLOTKEYS 1 abc"), "-ERR value is not an integer or out of range\n");
}

TEST(SlotQueries, ASlotOfAnotherArcHasNoKeys) {
  ScriptMachine machine(1, Arc{.first_slot = 100, .end_slot = 200});
  EXPECT_EQ(machine.run("TORC.SLOTSIZE 99"), ":0\n");
  EXPECT_EQ(machine.run("TORC.SLOTSIZE 200"), ":0\n");
  EXPECT_EQ(machine.run("TORC.SLOTKEYS 99 10"), "*0\n");
}

CommandSlot of(const std::string& line) {
  OwnedCommand command(line);
  const CommandView view = command.view();
  return slot_of_command(*traits_of(view.id), view.args);
}

TEST(CommandSlot, IsThatOfAllKeysAndOfNothingElse) {
  EXPECT_EQ(of("GET foo").kind, CommandSlot::Kind::kOne);
  EXPECT_EQ(of("GET foo").slot, 12182);  // CLUSTER KEYSLOT foo of Redis
  EXPECT_EQ(of("SET foo bar").slot, 12182);
  EXPECT_EQ(of("MGET {foo}1 {foo}2 foo").kind, CommandSlot::Kind::kOne);
  EXPECT_EQ(of("MGET foo bar").kind, CommandSlot::Kind::kSeveral);
  EXPECT_EQ(of("MSET foo 1 {foo} 2").kind, CommandSlot::Kind::kOne) << "values are no keys";
  EXPECT_EQ(of("MSET foo 1 bar 2").kind, CommandSlot::Kind::kSeveral);
  EXPECT_EQ(of("DEL {a}1 {b}1").kind, CommandSlot::Kind::kSeveral);
  EXPECT_EQ(of("DBSIZE").kind, CommandSlot::Kind::kNone);
  EXPECT_EQ(of("SCAN 0 MATCH foo").kind, CommandSlot::Kind::kNone);
}

TEST(CommandSlot, OfACommandAboutASlotIsThatSlot) {
  EXPECT_EQ(of("TORC.SLOTSIZE 7").kind, CommandSlot::Kind::kOne);
  EXPECT_EQ(of("TORC.SLOTKEYS 16383 10").slot, 16383);
  EXPECT_EQ(of("TORC.SLOTKEYS 16384 10").kind, CommandSlot::Kind::kNone);
  EXPECT_EQ(of("TORC.SLOTSIZE x").kind, CommandSlot::Kind::kNone);
}

}  // namespace
}  // namespace torc::kv
