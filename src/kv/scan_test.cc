#include <gtest/gtest.h>

#include <set>

#include "base/prng.h"
#include "kv/command_script.h"
#include "kv/entry_shelf.h"
#include "kv/position.h"

namespace torc::kv {
namespace {

/// A page as its cursor and its other words.
struct Page {
  std::string cursor;
  std::vector<std::string> words;
};

std::vector<std::string> lines_of(std::string text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

Page page(ScriptMachine& machine, const std::string& command) {
  const std::vector<std::string> lines = lines_of(machine.run(command));
  EXPECT_GE(lines.size(), 3u) << command;
  EXPECT_EQ(lines[0], "*2") << command;
  Page page{lines[1].substr(1, lines[1].size() - 2), {}};
  EXPECT_EQ(lines[2], "*" + std::to_string(lines.size() - 3)) << command;
  for (size_t i = 3; i < lines.size(); ++i) page.words.push_back(lines[i].substr(1, lines[i].size() - 2));
  return page;
}

/// All keys of a walk; each must come once.
std::set<std::string> walk(ScriptMachine& machine, const std::string& before, const std::string& after = "") {
  std::set<std::string> keys;
  std::string cursor = "0";
  do {
    const Page here = page(machine, before + cursor + after);
    for (const std::string& key : here.words) EXPECT_TRUE(keys.insert(key).second) << key << " comes twice";
    cursor = here.cursor;
  } while (cursor != "0" && !testing::Test::HasFailure());
  return keys;
}

std::set<std::string> fill(ScriptMachine& machine, size_t count, const std::string& name) {
  std::set<std::string> keys;
  for (size_t i = 0; i < count; ++i) {
    keys.insert(name + std::to_string(i));
    machine.run("SET " + name + std::to_string(i) + " v" + std::to_string(i));
  }
  return keys;
}

TEST(Scan, AnEmptyStoreIsOnePage) {
  ScriptMachine machine;
  EXPECT_EQ(machine.run("SCAN 0"), "*2\n\"0\"\n*0\n");
  EXPECT_EQ(machine.run("TORC.SCAN 0 16383 0"), "*2\n\"0\"\n*0\n");
}

TEST(Scan, AWalkGivesEveryKeyOnceWhateverThePages) {
  ScriptMachine machine;
  const std::set<std::string> keys = fill(machine, 3000, "key:");
  for (const std::string count : {"", " COUNT 1", " COUNT 7", " COUNT 1000", " COUNT 1000000"}) {
    EXPECT_EQ(walk(machine, "SCAN ", count), keys) << count;
  }
}

TEST(Scan, AWalkOverOneSlotWithManyKeysIsBoundedByPageAndGivesEachOnce) {
  ScriptMachine machine;
  const std::set<std::string> keys = fill(machine, 20'000, "{tag}:");
  EXPECT_EQ(walk(machine, "SCAN ", " COUNT 100"), keys);
  const std::string slot = std::to_string(slot_of("{tag}"));
  EXPECT_EQ(page(machine, "TORC.SCAN " + slot + " " + slot + " 0 COUNT 100").words.size(), 200u);
}

TEST(Scan, KeysThatStayAreGivenOnceWhileOthersComeAndGo) {
  Prng prng(5);
  ScriptMachine machine;
  const std::set<std::string> staying = fill(machine, 4000, "{tag}stays:");
  std::multiset<std::string> seen;
  std::string cursor = "0";
  int changes = 0;
  do {
    const Page here = page(machine, "SCAN " + cursor + " COUNT 50");
    seen.insert(here.words.begin(), here.words.end());
    cursor = here.cursor;
    for (int i = 0; i < 100; ++i, ++changes) {
      const std::string key = "{tag}passes:" + std::to_string(prng.below(5000));
      machine.run((prng.chance(1, 2) ? "SET " + key + " 1" : "DEL " + key));
    }
  } while (cursor != "0");
  for (const std::string& key : staying) EXPECT_EQ(seen.count(key), 1u) << key;
}

TEST(Scan, MatchCountAndTypeFilter) {
  ScriptMachine machine;
  fill(machine, 50, "a:");
  const std::set<std::string> wanted = fill(machine, 50, "B[:");
  EXPECT_EQ(walk(machine, "SCAN ", " MATCH B\\[:* COUNT 3"), wanted);
  EXPECT_TRUE(walk(machine, "SCAN ", " MATCH b*").empty());
  EXPECT_EQ(walk(machine, "SCAN ", " TYPE string").size(), 100u);
  EXPECT_TRUE(walk(machine, "SCAN ", " TYPE hash").empty());
}

TEST(Scan, TorcScanGivesDeadlinesAndValuesOfItsSlotsAlone) {
  ScriptMachine machine;
  machine.run("SET a 1");
  machine.run("SET b 2 PXAT 1800000000000");
  const std::string a = std::to_string(slot_of("a"));
  const std::string b = std::to_string(slot_of("b"));
  EXPECT_EQ(machine.run("TORC.SCAN " + a + " " + a + " 0 VALUES"), "*2\n\"0\"\n*3\n\"a\"\n:0\n\"1\"\n");
  EXPECT_EQ(machine.run("TORC.SCAN " + b + " " + b + " 0 VALUES"), "*2\n\"0\"\n*3\n\"b\"\n:1800000000000\n\"2\"\n");
  EXPECT_EQ(machine.run("TORC.SCAN 0 16383 0 PREFIX b"), "*2\n\"0\"\n*2\n\"b\"\n:1800000000000\n");
  EXPECT_EQ(machine.run("TORC.SCAN 0 0 0"), "*2\n\"0\"\n*0\n");
}

TEST(Scan, DeletedKeysAreGoneAlsoWhileACheckpointStillKnowsThem) {
  ScriptMachine machine;
  machine.run("SET a 1");
  struct Nowhere final : ImageSink {
    void put(std::string_view, std::string_view) override {}
    void erase(std::string_view) override {}
    void erase_range(std::string_view, std::string_view) override {}
  } nowhere;
  machine.machine.begin_capture();
  while (!machine.machine.continue_capture(nowhere, 1000)) {
  }
  machine.machine.end_capture(true);
  machine.run("DEL a");  // leaves a tombstone
  EXPECT_EQ(machine.run("SCAN 0"), "*2\n\"0\"\n*0\n");
}

TEST(Scan, APageOfLargeValuesEndsEarly) {
  ScriptMachine machine;
  const std::string value(300'000, 'x');
  for (int i = 0; i < 20; ++i) machine.run("SET k" + std::to_string(i) + " " + value);
  size_t pages = 0;
  std::set<std::string> keys;
  std::string cursor = "0";
  do {
    const Page here = page(machine, "TORC.SCAN 0 16383 " + cursor + " VALUES");
    EXPECT_LE(here.words.size(), 3u * 5);
    for (size_t i = 0; i < here.words.size(); i += 3) keys.insert(here.words[i]);
    cursor = here.cursor;
    ++pages;
  } while (cursor != "0");
  EXPECT_EQ(keys.size(), 20u);
  EXPECT_GE(pages, 4u);
}

TEST(Scan, ErrorsAreInTheWordsOfRedis) {
  ScriptMachine machine;
  EXPECT_EQ(machine.run("SCAN"), "-ERR wrong number of arguments for 'scan' command\n");
  EXPECT_EQ(machine.run("SCAN x"), "-ERR invalid cursor\n");
  EXPECT_EQ(machine.run("SCAN -1"), "-ERR invalid cursor\n");
  EXPECT_EQ(machine.run("SCAN 18446744073709551616"), "-ERR invalid cursor\n");
  EXPECT_EQ(machine.run("SCAN 18446744073709551615"), "*2\n\"0\"\n*0\n");
  EXPECT_EQ(machine.run("SCAN 0 COUNT"), "-ERR syntax error\n");
  EXPECT_EQ(machine.run("SCAN 0 COUNT 0"), "-ERR syntax error\n");
  EXPECT_EQ(machine.run("SCAN 0 COUNT x"), "-ERR value is not an integer or out of range\n");
  EXPECT_EQ(machine.run("SCAN 0 NOVALUES 1"), "-ERR syntax error\n");
  EXPECT_EQ(machine.run("SCAN 0 MATCH " + std::string(512, 'a')), "*2\n\"0\"\n*0\n");
  EXPECT_EQ(machine.run("SCAN 0 MATCH " + std::string(513, 'a')), "-ERR pattern is longer than 512 bytes\n");
  EXPECT_EQ(machine.run("TORC.SCAN 0 16384 0"), "-ERR slots are 0 to 16383, the first not behind the last\n");
  EXPECT_EQ(machine.run("TORC.SCAN 5 4 0"), "-ERR slots are 0 to 16383, the first not behind the last\n");
  EXPECT_EQ(machine.run("TORC.SCAN 0 1 x"), "-ERR invalid cursor\n");
  EXPECT_EQ(machine.run("TORC.SCAN 0 1 0 PREFIX"), "-ERR syntax error\n");
}

TEST(Scan, TheCursorOfOneReplicaGoesOnAtAnother) {
  // Their tables have other seeds, so other orders.
  ScriptMachine one(1);
  ScriptMachine other(2);
  fill(other, 5000, "{t}");
  const std::set<std::string> keys = fill(one, 5000, "{t}");
  std::set<std::string> seen;
  std::string cursor = "0";
  for (bool turn = false;; turn = !turn) {
    const Page here = page(turn ? one : other, "SCAN " + cursor + " COUNT 100");
    for (const std::string& key : here.words) EXPECT_TRUE(seen.insert(key).second) << key;
    cursor = here.cursor;
    if (cursor == "0") break;
  }
  EXPECT_EQ(seen, keys);
}

/// Entries without values, for shelves alone.
struct Entries {
  ~Entries() {
    for (Entry* entry : all) std::free(entry);
  }
  Entry* make(const std::string& key) {
    auto* entry = static_cast<Entry*>(std::calloc(1, sizeof(Entry) + key.size()));
    entry->key_bytes = static_cast<uint16_t>(key.size());
    std::memcpy(entry->bytes(), key.data(), key.size());
    all.push_back(entry);
    return entry;
  }
  std::vector<Entry*> all;
};

TEST(EntryShelf, AgreesWithAPlainSetWhileItIsCutAndEmptied) {
  Prng prng(3);
  Entries entries;
  EntryShelf shelf(7);
  const auto hash_of = [](std::string_view key) {
    // As SlotArray::hash_of().
    return EntryShelf::hash_of(key, 7);
  };
  std::map<std::string, Entry*> expected;
  for (int i = 0; i < 60'000; ++i) {
    const std::string key = "k" + std::to_string(prng.below(i < 40'000 ? 12'000 : 3'000));
    const auto found = expected.find(key);
    ASSERT_EQ(shelf.find(hash_of(key), key), found == expected.end() ? nullptr : found->second);
    if (found == expected.end() && i < 40'000) {
      Entry* entry = entries.make(key);
      shelf.insert(entry);
      expected[key] = entry;
    } else if (found != expected.end() && (i >= 40'000 || prng.chance(1, 3))) {
      ASSERT_EQ(shelf.cell_of(hash_of(key), found->second), found->second);
      shelf.remove(hash_of(key), found->second);
      expected.erase(found);
    }
  }
  std::vector<Entry*> listed;
  shelf.list(listed);
  EXPECT_EQ(listed.size(), expected.size());
  for (const auto& [key, entry] : expected) shelf.remove(hash_of(key), entry);
  EXPECT_TRUE(shelf.is_empty());
}

TEST(EntryShelf, APartOfAWalkLooksAtAtMostOneShelfInVain) {
  Entries entries;
  EntryShelf shelf(7);
  for (int i = 0; i < 100'000; ++i) shelf.insert(entries.make("k" + std::to_string(i)));
  uint64_t from = 0;
  size_t all = 0;
  for (;;) {
    std::vector<PositionedEntry> out;
    const std::optional<uint64_t> next = shelf.list_from(from, 10, out);
    EXPECT_LE(out.size(), 10 + EntryShelf::kKeysMax);
    all += out.size();
    if (!next) break;
    ASSERT_GT(*next, from);
    from = *next;
  }
  EXPECT_EQ(all, 100'000u);
}

}  // namespace
}  // namespace torc::kv
