#include "kv/image_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kv/position.h"

namespace torc::kv {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ImageFormat : public ::testing::Test {
 protected:
  ImageFormat() {
    put_image_key(key_, position_of("k"), "k");
    value_[0] = kImageFormatVersion;
    value_ += "value";
  }
  std::string key_;
  std::string value_ = std::string(18, '\0');
};

TEST_F(ImageFormat, ReadsAValue) {
  const auto image = parse_image(key_, value_);
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_EQ(image->value, "value");
}

TEST_F(ImageFormat, OfALaterVersionIsNoDamage) {
  value_[0] = 2;
  const auto image = parse_image(key_, value_);
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.error().code, ErrorCode::kVersion);
  EXPECT_THAT(image.error().message, AllOf(HasSubstr("has version 2"), HasSubstr("knows version 1")));
  EXPECT_EQ(parse_image(key_, "\x02").error().code, ErrorCode::kVersion) << "however short that version is";
}

TEST_F(ImageFormat, AnUnknownTypeOfValueIsOfALaterVersion) {
  value_[1] = 1;
  const auto image = parse_image(key_, value_);
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.error().code, ErrorCode::kVersion);
  EXPECT_THAT(image.error().message, HasSubstr("kind 1"));
}

TEST_F(ImageFormat, AValueThatIsCutShortIsDamage) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{17}}) {
    EXPECT_EQ(parse_image(key_, value_.substr(0, size)).error().code, ErrorCode::kCorrupt) << size;
  }
}

}  // namespace
}  // namespace torc::kv
