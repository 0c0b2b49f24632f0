#include "kv/number.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace torc::kv {
namespace {

TEST(Number, IntegersHaveOneSpelling) {
  EXPECT_EQ(parse_integer("0"), 0);
  EXPECT_EQ(parse_integer("-1"), -1);
  EXPECT_EQ(parse_integer("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(parse_integer("-9223372036854775808"), INT64_MIN);
  for (const char* bad : {"", "-", "-0", "00", "01", "-01", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "--1",
                          "9223372036854775808", "-9223372036854775809", "99999999999999999999999"}) {
    EXPECT_EQ(parse_integer(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(IntegerText(INT64_MIN).view(), "-9223372036854775808");
}

TEST(Number, FloatsMayBeAsLongAsTheLimitAndNotOneByteLonger) {
  std::string text = "0.";
  text.append(kFloatCharsMax - 3, '5');
  ASSERT_EQ(text.size(), kFloatCharsMax - 1);
  EXPECT_TRUE(parse_float(text).has_value());
  EXPECT_EQ(parse_float(text + "5"), std::nullopt);
}

TEST(Number, TheLargestFloatFitsItsText) {
  const FloatText text(-std::numeric_limits<long double>::max());
  EXPECT_EQ(text.view().size(), 4933u + 1);
  EXPECT_EQ(FloatText(-0.0L).view(), "0");
  EXPECT_EQ(FloatText(100).view(), "100");
}

}  // namespace
}  // namespace torc::kv
