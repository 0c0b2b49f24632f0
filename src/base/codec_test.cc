#include "base/codec.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"

namespace torc {
namespace {

TEST(Codec, ReadsWhatWasWritten) {
  std::string out;
  put_u8(out, 7);
  put_u16(out, 65535);
  put_u32(out, 0xdeadbeef);
  put_u64(out, UINT64_MAX);
  put_varint(out, 0);
  put_varint(out, 300);
  put_varint(out, UINT64_MAX);
  put_bytes(out, "torc");
  put_u64_ordered(out, 258);
  Reader reader(out);
  EXPECT_EQ(reader.u8(), 7);
  EXPECT_EQ(reader.u16(), 65535);
  EXPECT_EQ(reader.u32(), 0xdeadbeef);
  EXPECT_EQ(reader.u64(), UINT64_MAX);
  EXPECT_EQ(reader.varint(), 0u);
  EXPECT_EQ(reader.varint(), 300u);
  EXPECT_EQ(reader.varint(), UINT64_MAX);
  EXPECT_EQ(reader.bytes(), "torc");
  EXPECT_EQ(reader.u64_ordered(), 258u);
  EXPECT_TRUE(reader.at_end());
}

TEST(Codec, ShortReadFailsForGood) {
  Reader reader("abc");
  EXPECT_EQ(reader.u32(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0u);
  EXPECT_FALSE(reader.at_end());
}

TEST(Codec, AnnouncedLengthBeyondTheEndFails) {
  std::string out;
  put_varint(out, UINT64_MAX);
  out += "x";
  Reader reader(out);
  EXPECT_EQ(reader.bytes(), "");
  EXPECT_FALSE(reader.ok());
}

TEST(Codec, VarintLongerThanTenBytesFails) {
  Reader reader(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11));
  reader.varint();
  EXPECT_FALSE(reader.ok());
}

TEST(Codec, OrderedIntegersCompareAsBytes) {
  std::string small, large;
  put_u64_ordered(small, 255);
  put_u64_ordered(large, 256);
  EXPECT_LT(small, large);
}

TEST(Crc32c, MatchesTheRfcVectors) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);            // the check value of CRC-32C
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720 B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST(Crc32c, ContinuesFromAPrefix) { EXPECT_EQ(crc32c("56789", crc32c("1234")), crc32c("123456789")); }

}  // namespace
}  // namespace torc
