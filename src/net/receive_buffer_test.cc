#include "net/receive_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace torc::net {
namespace {

TEST(ReceiveBuffer, HoldsNothingWhileEmpty) {
  ReceiveBuffer buffer;
  EXPECT_EQ(buffer.capacity(), 0u);
  EXPECT_EQ(buffer.unread(), "");
  buffer.append("abcdef");
  buffer.consume(2);
  EXPECT_EQ(buffer.unread(), "cdef");
  buffer.consume(4);
  EXPECT_EQ(buffer.capacity(), 0u);
}

TEST(ReceiveBuffer, GrowsWithWhatArrivedAndNotWithWhatWasAnnounced) {
  ReceiveBuffer buffer;
  buffer.append("*1\r\n$33554432\r\n");
  EXPECT_LE(buffer.space(32u << 20).size(), 32u << 10);
}

TEST(ReceiveBuffer, KeepsABigValueTogether) {
  ReceiveBuffer buffer;
  std::string expected = "head";
  buffer.append(expected);
  while (expected.size() < (1u << 20)) {
    const std::span<char> space = buffer.space(1u << 20);
    ASSERT_FALSE(space.empty());
    const size_t count = std::min<size_t>(space.size(), 7001);
    std::memset(space.data(), 'a' + static_cast<int>(expected.size() % 26), count);
    expected.append(space.data(), count);
    buffer.received(count);
  }
  EXPECT_EQ(buffer.unread(), expected);
  EXPECT_LE(buffer.capacity(), 2 * expected.size());
}

// A million small arguments: the parser never expects more than the end of the one under way.
TEST(ReceiveBuffer, IsMovedRarelyWhileACommandOfSmallArgumentsArrives) {
  ReceiveBuffer buffer;
  buffer.append("*2000000\r\n");
  size_t moves = 0;
  for (size_t capacity = buffer.capacity(); buffer.unread().size() < (16u << 20);) {
    const std::span<char> space = buffer.space(buffer.unread().size() + 14);
    moves += capacity != buffer.capacity() ? 1 : 0;
    capacity = buffer.capacity();
    std::memset(space.data(), 'a', space.size());
    buffer.received(space.size());
  }
  EXPECT_LE(moves, 40u);
  EXPECT_LE(buffer.capacity(), 2 * buffer.unread().size());
}

}  // namespace
}  // namespace torc::net
