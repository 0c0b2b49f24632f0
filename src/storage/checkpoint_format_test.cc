#include "storage/checkpoint_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/codec.h"
#include "base/crc32c.h"
#include "kv/state_machine.h"

namespace torc::storage {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const auto kNamesBothVersions = AllOf(HasSubstr("has version 3"), HasSubstr("knows version 2"));

CheckpointMeta some_meta() {
  CheckpointMeta meta;
  meta.group = GroupId(7);
  meta.arc = {256, 512};
  meta.index = LogIndex(9);
  meta.term = Term(2);
  meta.configuration.voters = {{NodeId(1), ReplicaNumber(5)}};
  meta.header = "header";
  return meta;
}

TEST(CheckpointFormat, ReadsWhatWasWritten) {
  const auto decoded = decode_checkpoint_meta(encode_checkpoint_meta(some_meta()));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, some_meta());
}

TEST(CheckpointFormat, ARecordOfALaterVersionIsNoDamage) {
  std::string later = encode_checkpoint_meta(some_meta());
  later[4] = 3;
  EXPECT_EQ(decode_checkpoint_meta(later).error().code, ErrorCode::kCorrupt) << "its checksum does not say so";
  later += "what a later version adds";
  store_u32(later.data(), crc32c(std::string_view(later).substr(4)));
  const auto decoded = decode_checkpoint_meta(later);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, ErrorCode::kVersion);
  EXPECT_THAT(decoded.error().message, kNamesBothVersions);
}

// Its images have other keys. Whoever reads them as they are now finds damage, and the node gives its data up for that.
TEST(CheckpointFormat, ARecordOfAnEarlierVersionIsNoDamageEitherAndItsReaderIsToldWhatToDo) {
  std::string earlier = encode_checkpoint_meta(some_meta());
  earlier[4] = 1;
  store_u32(earlier.data(), crc32c(std::string_view(earlier).substr(4)));
  const auto decoded = decode_checkpoint_meta(earlier);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, ErrorCode::kVersion);
  EXPECT_EQ(decoded.error().message,
            "the checkpoint's record of a group has version 1, this program knows version 2, and reads no earlier one: "
            "use the program that wrote it, or begin with an empty data directory (torc playground --fresh)");
}

TEST(CheckpointFormat, AnArcThatCannotBeIsDamage) {
  for (const Arc arc : {Arc{5, 5}, Arc{6, 5}, Arc{0, 16385}}) {
    CheckpointMeta meta = some_meta();
    meta.arc = arc;
    EXPECT_EQ(decode_checkpoint_meta(encode_checkpoint_meta(meta)).error().code, ErrorCode::kCorrupt);
  }
}

TEST(CheckpointFormat, TheStateMachinesHeaderOfALaterVersionIsNoDamage) {
  kv::StateMachine state({.hash_seed = 1});
  const Status restored = state.restore_header("\x04 and whatever comes then", LogIndex(9));
  ASSERT_FALSE(restored.ok());
  EXPECT_EQ(restored.error().code, ErrorCode::kVersion);
  EXPECT_THAT(restored.error().message, AllOf(HasSubstr("has version 4"), HasSubstr("knows version 3")));
}

}  // namespace
}  // namespace torc::storage
