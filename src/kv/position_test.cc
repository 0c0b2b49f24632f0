#include "kv/position.h"

#include <gtest/gtest.h>

#include <string>

namespace torc::kv {
namespace {

// Slots computed bit by bit by the algorithm in the Redis Cluster specification.
TEST(Position, SlotsAreThoseOfRedisCluster) {
  EXPECT_EQ(slot_of(""), 0);
  EXPECT_EQ(slot_of("123456789"), 0x31c3 % kSlotCount);
  EXPECT_EQ(slot_of("foo"), 12182);
  EXPECT_EQ(slot_of("key:000000000001"), 8924);
  EXPECT_EQ(slot_of("a much longer key, more than sixteen bytes of it"), 8814);
}

TEST(Position, OnlyANonEmptyHashTagCounts) {
  EXPECT_EQ(slot_of("{user1000}.following"), slot_of("user1000"));
  EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
  EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
  EXPECT_EQ(slot_of("foo{}{bar}"), 8363);
  EXPECT_EQ(slot_of("foo{bar"), 15278);
  EXPECT_EQ(slot_of("}{a}"), slot_of("a"));
}

TEST(Position, BytewiseAndStridedCrcAgree) {
  // CRC is linear: crc(a ^ b) == crc(a) ^ crc(b) for equal lengths, whatever mix of strides computes it.
  for (size_t size = 1; size < 40; ++size) {
    std::string a(size, 'a'), b(size, '\x13'), both(size, '\0');
    for (size_t i = 0; i < size; ++i) {
      a[i] = static_cast<char>('A' + i);
      both[i] = static_cast<char>(a[i] ^ b[i]);
    }
    EXPECT_EQ(slot_of(both), slot_of(a) ^ slot_of(b)) << size;
  }
}

TEST(Position, SlotIsTheTopAndTheHashNeverChanges) {
  EXPECT_EQ(position_of("foo") >> 50, 12182u);
  // Stand in checkpoint keys: these numbers must stay.
  EXPECT_EQ(position_of("foo"), 13716380498337365386u);
  EXPECT_EQ(position_of(""), 703709870003394u);
}

}  // namespace
}  // namespace torc::kv
