#include "kv/image_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
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

// Stands in files of a RocksDB: these bytes must stay.
TEST_F(ImageFormat, TheKeyIsKeyspaceDatabasePositionTheEscapedKeyAndItsEnd) {
  std::string image_key;
  put_image_key(image_key, 0x0102030405060708, std::string_view("a\0b\0\0", 5));
  EXPECT_EQ(image_key, std::string("\1\0\1\2\3\4\5\6\7\x08"
                                   "a\0\xff"
                                   "b\0\xff\0\xff\0\0",
                                   20));
}

/// Made of few bytes, zeros among them, so that one is often the beginning of another.
std::string random_key(Prng& prng) {
  std::string key(prng.below(6), '\0');
  for (char& c : key) c = "\0\1\xfe\xff"[prng.below(4)];
  return key;
}

TEST_F(ImageFormat, ByteOrderIsTheOrderOfTheKeysAndEveryKeyComesBack) {
  Prng prng(1);
  for (int round = 0; round < 5000; ++round) {
    const std::string a = random_key(prng), b = random_key(prng);
    std::string image_a, image_b;
    put_image_key(image_a, position_of(a), a);
    put_image_key(image_b, position_of(a), b);  // at one position, so that only the keys differ
    ASSERT_EQ(image_a < image_b, a < b);
    ASSERT_EQ(image_a == image_b, a == b);
    ASSERT_TRUE(a == b || !image_b.starts_with(image_a)) << "subkeys of one key stand together";
    ASSERT_EQ(key_of_image(image_a), a);
    const auto image = parse_image(image_a, value_);
    ASSERT_TRUE(image.ok()) << image.error().message;
    ASSERT_EQ(image->key, a);
  }
}

TEST_F(ImageFormat, TheLongestKeyOfZerosHasTheLongestImageKey) {
  for (const bool is_too_long : {false, true}) {
    const std::string key(kKeyBytesMax + is_too_long, '\0');
    std::string image_key;
    put_image_key(image_key, position_of(key), key);
    EXPECT_EQ(image_key.size(), kImageKeyBytesMax + 2 * is_too_long);
    EXPECT_EQ(parse_image(image_key, value_).ok(), !is_too_long);
  }
}

TEST_F(ImageFormat, AMalformedKeyIsDamage) {
  const auto error_of = [&](const std::string& image_key) {
    const auto image = parse_image(image_key, value_);
    return image.ok() ? "" : image.error().message;
  };
  ASSERT_EQ(error_of(key_), "");
  for (size_t size = 0; size < key_.size(); ++size) {
    EXPECT_EQ(error_of(key_.substr(0, size)), "checkpoint image: malformed key") << size;
  }
  std::string other = key_;
  other.back() = '\1';
  EXPECT_EQ(error_of(other), "checkpoint image: malformed key") << "a zero byte that is neither escaped nor the end";
  other = key_;
  other[1] = '\1';
  EXPECT_EQ(error_of(other), "checkpoint image: malformed key") << "there is one database";
  EXPECT_EQ(error_of(key_ + "field"), "checkpoint image: a string with a subkey");
}

TEST_F(ImageFormat, TheImagesOfAnArcAreThoseOfItsSlots) {
  const auto image_of = [](uint32_t slot, bool is_last_position, std::string_view key) {
    std::string image_key;
    const uint64_t first = uint64_t{slot} << kLowPositionBits;
    put_image_key(image_key, is_last_position ? last_position_of(static_cast<uint16_t>(slot)) : first, key);
    return image_key;
  };
  const std::string longest(kKeyBytesMax, '\xff');
  for (const Arc arc : {Arc{}, Arc{0, 1}, Arc{0, 8192}, Arc{8192, 16384}, Arc{16383, 16384}, Arc{255, 257}}) {
    const ImageRange images = images_of(arc);
    EXPECT_TRUE(images.contains(image_of(arc.first_slot, false, ""))) << arc.text();
    EXPECT_TRUE(images.contains(image_of(arc.end_slot - 1, true, longest))) << arc.text();
    if (arc.first_slot > 0) {
      EXPECT_FALSE(images.contains(image_of(arc.first_slot - 1, true, longest))) << arc.text();
    }
    if (arc.end_slot < kSlotCount) {
      EXPECT_FALSE(images.contains(image_of(arc.end_slot, false, ""))) << arc.text();
    }
  }
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
