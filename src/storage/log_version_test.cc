// A log written by a later version of this program, found after going back to this one: refused with a sentence, never
// taken for damage (the node would give its data up) or for a torn tail (acknowledged entries would be cut off).
#include <gmock/gmock.h>

#include "base/codec.h"
#include "base/crc32c.h"
#include "sim/log_harness.h"
#include "storage/segment_header.h"

namespace torc::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr size_t kSegmentVersionAt = 12;
constexpr size_t kRecordKindAt = 12;
constexpr size_t kRecordVersionAt = 13;
constexpr size_t kRecordPayloadCrcAt = 4;
constexpr size_t kEntryKindAt = 4;
constexpr size_t kEntryVersionAt = 5;

/// A log with three synced entries; then its newest segment is changed by hand.
class LogVersion : public ::testing::Test {
 protected:
  LogVersion() {
    harness_.must_open();
    harness_.disk.run_all();
    for (uint64_t i = 1; i <= 3; ++i) {
      harness_.append(1, i, "entry " + std::to_string(i));
      CHECK(harness_.flush().ok());
    }
    harness_.log.reset();
    for (const std::string& name : harness_.file_names()) {
      const std::string bytes = harness_.disk.read_all(name).value();
      const auto header = decode_segment_header(bytes);
      if (!header.ok() || header->sequence < header_.sequence) continue;
      header_ = *header;
      name_ = name;
      bytes_ = bytes;
    }
  }

  size_t place_of(const std::string& text) const {
    const size_t payload = bytes_.find(text);
    CHECK(payload != std::string::npos);
    return payload - consensus::kEntryHeaderBytes - kRecordHeaderBytes;
  }
  /// Makes the record's checksums right again.
  void seal(size_t record) {
    const uint32_t payload_bytes = load_u32(bytes_.data() + record + 8);
    store_u32(bytes_.data() + record + kRecordPayloadCrcAt,
              crc32c(std::string_view(bytes_).substr(record + kRecordHeaderBytes, payload_bytes)));
    std::string seed;
    put_u64(seed, header_.sequence);
    put_u64(seed, header_.salt);
    const std::string_view sealed = std::string_view(bytes_).substr(record + 4, kRecordHeaderBytes - 4);
    store_u32(bytes_.data() + record, crc32c(sealed, crc32c(seed)));
  }
  void seal_segment() { store_u32(bytes_.data() + 8, crc32c(std::string_view(bytes_).substr(12, 52))); }
  /// Opens with the changed bytes, which must stay as they are.
  Error refusal() {
    CHECK(harness_.disk.replace(name_, bytes_).ok());
    const Status opened = harness_.open();
    EXPECT_FALSE(opened.ok());
    EXPECT_EQ(harness_.disk.read_all(name_).value(), bytes_);
    return opened.ok() ? Error{ErrorCode::kInvalid, ""} : opened.error();
  }

  LogHarness harness_;
  SegmentHeader header_;
  std::string name_;
  std::string bytes_;
};

TEST_F(LogVersion, OfARecordAtTheEndIsNoTornTail) {
  const size_t record = place_of("entry 3");
  bytes_[record + kRecordVersionAt] = 2;
  seal(record);
  const Error error = refusal();
  EXPECT_EQ(error.code, ErrorCode::kVersion);
  EXPECT_THAT(error.message, AllOf(HasSubstr(name_), HasSubstr("has version 2"), HasSubstr("knows version 1")));
}

TEST_F(LogVersion, OfARecordInTheMiddleIsNoDamage) {
  const size_t record = place_of("entry 2");
  bytes_[record + kRecordVersionAt] = 7;
  seal(record);
  const Error error = refusal();
  EXPECT_EQ(error.code, ErrorCode::kVersion);
  EXPECT_THAT(error.message, HasSubstr("has version 7"));
}

TEST_F(LogVersion, ARecordOfALaterVersionBehindATearIsSeen) {
  bytes_[place_of("entry 2") + kRecordHeaderBytes] ^= 1;
  const size_t record = place_of("entry 3");
  bytes_[record + kRecordVersionAt] = 2;
  seal(record);
  EXPECT_EQ(refusal().code, ErrorCode::kVersion);
}

TEST_F(LogVersion, AnUnknownKindOfRecordIsOfALaterVersion) {
  const size_t record = place_of("entry 3");
  bytes_[record + kRecordKindAt] = 11;
  seal(record);
  const Error error = refusal();
  EXPECT_EQ(error.code, ErrorCode::kVersion);
  EXPECT_THAT(error.message, HasSubstr("kind 11"));
}

TEST_F(LogVersion, OfAnEntryIsNoDamage) {
  const size_t record = place_of("entry 3");
  bytes_[record + kRecordHeaderBytes + kEntryVersionAt] = 3;
  seal(record);
  const Error error = refusal();
  EXPECT_EQ(error.code, ErrorCode::kVersion);
  EXPECT_THAT(error.message, AllOf(HasSubstr("entry"), HasSubstr("has version 3"), HasSubstr("knows version 2")));
}

TEST_F(LogVersion, AnUnknownKindOfEntryIsOfALaterVersion) {
  const size_t record = place_of("entry 3");
  bytes_[record + kRecordHeaderBytes + kEntryKindAt] = 9;
  seal(record);
  const Error error = refusal();
  EXPECT_EQ(error.code, ErrorCode::kVersion);
  EXPECT_THAT(error.message, HasSubstr("kind 9"));
}

TEST_F(LogVersion, OfASegmentIsNoDamage) {
  bytes_[kSegmentVersionAt] = 4;
  seal_segment();
  const Error error = refusal();
  EXPECT_EQ(error.code, ErrorCode::kVersion);
  EXPECT_THAT(error.message, AllOf(HasSubstr(name_), HasSubstr("has version 4"), HasSubstr("knows version 3")));
}

// Version 1 had no owner, and zeros where its checksum stands now.
TEST_F(LogVersion, ASegmentOfTheEarlierVersionIsRefusedWithASentenceThatSaysWhatToDo) {
  bytes_[kSegmentVersionAt] = 1;
  for (size_t at = 64; at < 76; ++at) bytes_[at] = 0;
  seal_segment();
  const Error error = refusal();
  EXPECT_EQ(error.code, ErrorCode::kVersion);
  EXPECT_THAT(error.message, AllOf(HasSubstr("has version 1"), HasSubstr("torc playground --fresh")));
}

TEST_F(LogVersion, AnOwnerThatTheSecondChecksumDoesNotVouchForIsDamage) {
  bytes_[64] ^= 1;
  EXPECT_EQ(refusal().code, ErrorCode::kCorrupt);
}

TEST_F(LogVersion, AVersionThatTheChecksumDoesNotVouchForIsDamage) {
  bytes_[place_of("entry 2") + kRecordVersionAt] = 2;
  EXPECT_EQ(refusal().code, ErrorCode::kCorrupt);
}

TEST_F(LogVersion, AVersionOfASegmentThatTheChecksumDoesNotVouchForIsDamage) {
  bytes_[kSegmentVersionAt] = 4;
  EXPECT_EQ(refusal().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace torc::storage
