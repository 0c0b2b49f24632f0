#include "kv/batch.h"

#include <gtest/gtest.h>

#include "base/codec.h"

namespace torc::kv {
namespace {

std::string two_operations(size_t reserved) {
  BatchBuilder builder(reserved);
  const std::string_view set[] = {"key", std::string_view("v\0", 2)};
  builder.add({CommandId::kSet, set});
  const SessionCall call{SessionId(66, 77), 300, 290, true};
  builder.add({CommandId::kDbSize, {}}, &call);
  EXPECT_EQ(builder.count(), 2u);
  return builder.take(WallMs{123456789});
}

TEST(Batch, ReadsBackWhatWasAdded) {
  const std::string payload = two_operations(0);
  BatchReader reader(payload);
  EXPECT_EQ(reader.stamp(), WallMs{123456789});
  Operation op;
  ASSERT_TRUE(reader.next(op));
  EXPECT_EQ(op.id, CommandId::kSet);
  EXPECT_FALSE(op.call.has_value());
  EXPECT_EQ(op.args, (std::vector<std::string_view>{"key", std::string_view("v\0", 2)}));
  ASSERT_TRUE(reader.next(op));
  EXPECT_EQ(op.id, CommandId::kDbSize);
  EXPECT_EQ(op.call->session, SessionId(66, 77));
  EXPECT_TRUE(op.call->is_first_send);
  EXPECT_EQ(op.call->sequence, 300u);
  EXPECT_EQ(op.call->floor, 290u);
  EXPECT_TRUE(op.args.empty());
  EXPECT_FALSE(reader.next(op));
  EXPECT_FALSE(reader.malformed());
}

TEST(Batch, LeavesTheReservedBytesInFront) { EXPECT_EQ(two_operations(32).substr(32), two_operations(0)); }

TEST(Batch, BuilderStartsAnewAfterTake) {
  BatchBuilder builder(4);
  const std::string_view key[] = {"a"};
  builder.add({CommandId::kGet, key});
  const std::string first = builder.take(WallMs{1});
  EXPECT_TRUE(builder.empty());
  builder.add({CommandId::kGet, key});
  EXPECT_EQ(builder.take(WallMs{1}), first);
}

TEST(Batch, EveryTruncationIsAPrefixOrMalformed) {
  const std::string payload = two_operations(0);
  size_t whole = 0;
  for (size_t size = 0; size < payload.size(); ++size) {
    BatchReader reader(std::string_view(payload).substr(0, size));
    Operation op;
    size_t count = 0;
    while (reader.next(op)) ++count;
    EXPECT_LE(count, 1u);
    if (!reader.malformed()) ++whole;
    EXPECT_FALSE(reader.next(op)) << "stays at the end";
  }
  EXPECT_EQ(whole, 2u) << "no operation, or the first one";
}

TEST(Batch, RefusesUnknownFlagsAndIds) {
  std::string payload(8, '\0');
  Operation op;
  const std::string flag = payload + '\x02' + std::string(4, '\0');
  BatchReader flags(flag);
  EXPECT_FALSE(flags.next(op));
  EXPECT_TRUE(flags.malformed());
  std::string id = payload + '\0';
  put_varint(id, 65536);
  put_varint(id, 0);
  BatchReader ids(id);
  EXPECT_FALSE(ids.next(op));
  EXPECT_TRUE(ids.malformed());
}

TEST(Batch, AnAnnouncedCountAllocatesNothing) {
  for (const uint64_t count : {uint64_t{kArgsMax}, uint64_t{kArgsMax} + 1, UINT64_MAX}) {
    std::string payload(8, '\0');
    put_u8(payload, 0);
    put_varint(payload, static_cast<uint64_t>(CommandId::kDel));
    put_varint(payload, count);
    BatchReader reader(payload);
    Operation op;
    EXPECT_FALSE(reader.next(op));
    EXPECT_TRUE(reader.malformed());
    EXPECT_LE(op.args.capacity(), 1u);
  }
}

TEST(Batch, AnOperationIsNeverLargerThanItWasEstimated) {
  const std::string texts[] = {"", "a", std::string(127, 'b'), std::string(128, 'c'), std::string(3u << 20, 'd')};
  const std::vector<std::string_view> args(std::begin(texts), std::end(texts));
  const CommandView command{CommandId::kDel, args};
  const SessionCall call{SessionId(UINT64_MAX, UINT64_MAX), UINT64_MAX, UINT64_MAX};
  BatchBuilder builder(5);
  EXPECT_EQ(builder.bytes(), kBatchHeadBytes);
  builder.add(command, &call);
  EXPECT_LE(builder.bytes(), kBatchHeadBytes + operation_bytes(command));
  EXPECT_GE(builder.bytes() + kOperationHeadBytesMax + kArgumentHeadBytesMax * args.size(),
            kBatchHeadBytes + operation_bytes(command));
}

TEST(Batch, IsWithinLimitsUpToTheLastByteAndArgument) {
  std::string large(kOperationBytesMax - kOperationHeadBytesMax - kArgumentHeadBytesMax, 'x');
  std::vector<std::string_view> args{large};
  EXPECT_TRUE(is_within_limits({CommandId::kDel, args}));
  large += 'x';
  args = {large};
  EXPECT_FALSE(is_within_limits({CommandId::kDel, args}));
  args.assign(kArgsMax, "x");
  EXPECT_TRUE(is_within_limits({CommandId::kDel, args}));
  args.push_back("x");
  EXPECT_FALSE(is_within_limits({CommandId::kDel, args}));
}

TEST(Batch, TakesAsManyArgumentsAsTheLimitAndNotOneMore) {
  for (const size_t count : {kArgsMax, kArgsMax + 1}) {
    std::string payload(8, '\0');
    put_u8(payload, 0);
    put_varint(payload, static_cast<uint64_t>(CommandId::kDel));
    put_varint(payload, count);
    payload.append(count, '\0');  // empty arguments
    BatchReader reader(payload);
    Operation op;
    EXPECT_EQ(reader.next(op), count == kArgsMax);
    EXPECT_EQ(reader.malformed(), count != kArgsMax);
  }
}

}  // namespace
}  // namespace torc::kv
