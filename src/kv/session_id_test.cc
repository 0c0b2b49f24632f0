#include "kv/session_id.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>

namespace torc::kv {
namespace {

// Two clients of one id get each other's answers.
TEST(SessionId, AreDrawnFrom128Bits) {
  Prng prng(1);
  std::set<SessionId> drawn;
  SessionId ones;
  SessionId zeros{UINT64_MAX, UINT64_MAX};
  for (int i = 0; i < 10'000; ++i) {
    const SessionId id = draw_session_id(prng);
    EXPECT_TRUE(drawn.insert(id).second) << id << " was drawn before";
    ones = {ones.high | id.high, ones.low | id.low};
    zeros = {zeros.high & id.high, zeros.low & id.low};
  }
  EXPECT_EQ(std::popcount(ones.high) + std::popcount(ones.low), 128) << "every bit is one in some id";
  EXPECT_FALSE(zeros) << "and zero in another: " << zeros;
}

TEST(SessionId, NodesOfOtherSeedsDrawOthers) {
  std::set<SessionId> drawn;
  for (uint64_t seed = 0; seed < 1'000; ++seed) {
    Prng prng(seed);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(drawn.insert(draw_session_id(prng)).second);
  }
}

TEST(SessionId, TextIsReadBack) {
  const SessionId id(0x0123456789abcdef, 0xfedcba9876543210);
  EXPECT_EQ(text_of(id), "0123456789abcdeffedcba9876543210");
  EXPECT_EQ(parse_session_id(text_of(id)), id);
  EXPECT_EQ(parse_session_id("0123456789ABCDEFFEDCBA9876543210"), id);
  EXPECT_EQ(parse_session_id(text_of(SessionId(0, 1))), SessionId(0, 1));
}

TEST(SessionId, WhatIsNoneIsRefused) {
  const std::string digits(32, '1');
  for (const std::string& text : {std::string(), digits.substr(1), digits + "1", std::string(32, '0'),
                                  digits.substr(1) + "g", digits.substr(1) + " ", "-" + digits.substr(1)}) {
    EXPECT_FALSE(parse_session_id(text)) << text;
  }
}

TEST(SessionId, EncodedTheyAreSixteenBytes) {
  std::string bytes;
  put_session_id(bytes, SessionId(1, 2));
  EXPECT_EQ(bytes.size(), kSessionIdBytes);
  Reader reader(bytes);
  EXPECT_EQ(take_session_id(reader), SessionId(1, 2));
  EXPECT_TRUE(reader.at_end());
}

}  // namespace
}  // namespace torc::kv
