#include "kv/table.h"

#include <gtest/gtest.h>

#include <set>

#include "kv/position.h"

namespace torc::kv {
namespace {

TEST(Table, AValueOfTheSameSizeClassStaysInItsBlock) {
  Table table(1);
  const std::string key = "key:000000000001";
  Spot spot = table.find(key);
  table.set(spot, key, std::string(64, 'a'), kNoDeadline, 1);
  const Entry* block = spot.entry();
  EXPECT_EQ(block->block_bytes, sizeof(Entry) + 16 + 64) << "no slack for the most measured size";
  for (const size_t bytes : {64u, 60u, 1u, 64u}) {
    spot = table.find(key);
    table.set(spot, key, std::string(bytes, 'b'), kNoDeadline, 2);
    EXPECT_EQ(table.find(key).entry(), block) << bytes;
    EXPECT_EQ(table.find(key).entry()->value(), std::string(bytes, 'b'));
  }
}

TEST(Table, AppendingByteByByteMovesTheBlockRarely) {
  Table table(1);
  std::set<uint32_t> sizes;
  Spot spot = table.find("a");
  table.set(spot, "a", "", kNoDeadline, 1);
  for (size_t bytes = 1; bytes <= 100'000; ++bytes) {
    spot = table.find("a");
    table.reshape(spot, "a", bytes, kNoDeadline, Growth::kAmortised, 2)[bytes - 1] = 'x';
    sizes.insert(spot.entry()->block_bytes);
  }
  EXPECT_EQ(table.find("a").entry()->value(), std::string(100'000, 'x'));
  EXPECT_LT(sizes.size(), 16u);
}

TEST(Table, AMuchSmallerValueGivesItsRoomBack) {
  Table table(1);
  Spot spot = table.find("a");
  table.set(spot, "a", std::string(100'000, 'x'), 500, 1);
  table.set(spot, "a", "y", 500, 2);
  EXPECT_LT(spot.entry()->block_bytes, 100u);
  EXPECT_EQ(spot.entry()->value(), "y");
  EXPECT_EQ(spot.entry()->deadline(), 500);
  EXPECT_EQ(table.deadlines().due(500, 10, SIZE_MAX).keys, std::vector<std::string>{"a"});
}

TEST(Table, DeadlinesComeAndGoWithoutTouchingTheValue) {
  Table table(1);
  for (size_t bytes = 0; bytes < 40; ++bytes) {
    const std::string value(bytes, 'v');
    Spot spot = table.find("a");
    table.set(spot, "a", value, kNoDeadline, 1);
    table.set_deadline(spot, 12345, 2);
    EXPECT_EQ(spot.entry()->value(), value);
    EXPECT_EQ(spot.entry()->deadline(), 12345);
    table.set_deadline(spot, kNoDeadline, 3);
    EXPECT_EQ(spot.entry()->value(), value);
    EXPECT_EQ(spot.entry()->deadline(), kNoDeadline);
  }
}

TEST(Table, FlushedMemoryComesBackPieceByPiece) {
  Table table(1);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 1000; ++i) {
      const std::string key = std::to_string(i);
      Spot spot = table.find(key);
      table.set(spot, key, "v", 1000 + i, 1);
    }
    EXPECT_EQ(table.key_count(), 1000u);
    table.flush();
    EXPECT_EQ(table.key_count(), 0u);
    EXPECT_EQ(table.find("1").entry(), nullptr);
  }
  const size_t left = table.bytes_used();
  EXPECT_GT(left, 2000u * sizeof(Entry)) << "freed memory is not free before it is given back";
  table.reclaim(64u << 10);
  EXPECT_LT(table.bytes_used(), left);
  EXPECT_GT(table.bytes_used(), 0u);
  table.reclaim(SIZE_MAX / 2);
  EXPECT_EQ(table.bytes_used(), 0u);
  EXPECT_EQ(table.find("1").entry(), nullptr);
}

// A tag puts all keys into one slot; freeing a slot at once held the loop for as long as there are keys.
TEST(Table, FlushedMemoryOfOneSlotComesBackPieceByPieceToo) {
  Table table(1);
  for (int i = 0; i < 1000; ++i) {
    const std::string key = "{tag}" + std::to_string(i);
    Spot spot = table.find(key);
    table.set(spot, key, std::string(1000, 'v'), kNoDeadline, 1);
  }
  table.flush();
  for (size_t left = table.bytes_used(); left > 0; left = table.bytes_used()) {
    table.reclaim(64u << 10);
    ASSERT_LE(left - table.bytes_used(), 64u << 10);
  }
}

TEST(Table, FindsAmongManyKeysOfOneSlot) {
  Table table(7);
  for (int i = 0; i < 5000; ++i) {
    const std::string key = "{same}" + std::to_string(i);
    Spot spot = table.find(key);
    EXPECT_EQ(spot.slot, slot_of("same"));
    table.set(spot, key, key, kNoDeadline, 1);
  }
  for (int i = 0; i < 5000; i += 2) {
    const std::string key = "{same}" + std::to_string(i);
    Spot spot = table.find(key);
    table.erase(spot);
    EXPECT_EQ(spot.entry(), nullptr);
  }
  for (int i = 0; i < 5000; ++i) {
    const std::string key = "{same}" + std::to_string(i);
    const Entry* entry = table.find(key).entry();
    ASSERT_EQ(entry != nullptr, i % 2 == 1);
    EXPECT_EQ(entry != nullptr ? entry->value() : key, key);
  }
}

}  // namespace
}  // namespace torc::kv
