#include "net/receive_buffer.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace torc::net
