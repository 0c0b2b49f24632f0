#include "node/router.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kv/position.h"

namespace torc::node {
namespace {

using Kind = Router::Route::Kind;
using kv::CommandId;

Router::Route route(uint32_t arcs, CommandId id, const std::vector<std::string>& args) {
  const std::vector<std::string_view> views(args.begin(), args.end());
  return Router(arcs).route({id, views});
}

TEST(Router, ArcsAreEqualAndCoverTheCircleOnce) {
  for (const uint32_t arcs : {1u, 2u, 64u, kArcsMax}) {
    const Router router(arcs);
    uint32_t next = 0;
    for (uint32_t n = 0; n < arcs; ++n) {
      EXPECT_EQ(router.arc(n).first_slot, next);
      EXPECT_EQ(router.arc_of(router.arc(n).first_slot), n);
      EXPECT_EQ(router.arc_of(router.arc(n).end_slot - 1), n);
      next = router.arc(n).end_slot;
    }
    EXPECT_EQ(next, kSlotCount);
  }
}

TEST(Router, OnlyPowersOfTwoUpToTheLimitAreArcCounts) {
  for (const uint64_t count : {1, 2, 4, 64, 1024}) EXPECT_TRUE(is_arc_count(count)) << count;
  for (const uint64_t count : {0, 3, 6, 63, 2048}) EXPECT_FALSE(is_arc_count(count)) << count;
}

TEST(Router, ACommandGoesToTheGroupOfItsKeysSlot) {
  const uint32_t slot = kv::slot_of("key");
  EXPECT_EQ(route(64, CommandId::kGet, {"key"}).arc, slot / 256);
  EXPECT_EQ(route(64, CommandId::kMSet, {"{key}a", "1", "{key}b", "2"}).arc, slot / 256);
  EXPECT_EQ(route(64, CommandId::kMSet, {"{key}a", "1", "{key}b", "2"}).kind, Kind::kOne);
  EXPECT_EQ(route(1024, CommandId::kSet, {"key", "v", "EX", "5"}).arc, slot / 16);
}

TEST(Router, KeysOfDifferentSlotsAreRefusedAlsoWithinOneArcUnlessThereIsOnlyOne) {
  std::string near;  // another slot of the same arc
  for (int i = 0; near.empty(); ++i) {
    const std::string key = "k" + std::to_string(i);
    if (kv::slot_of(key) != kv::slot_of("key") && kv::slot_of(key) / 8192 == kv::slot_of("key") / 8192) near = key;
  }
  EXPECT_EQ(route(2, CommandId::kDel, {"key", near}).kind, Kind::kCrossSlot);
  EXPECT_EQ(route(2, CommandId::kMSet, {"key", near, "key", near}).kind, Kind::kOne) << "values are no keys";
  EXPECT_EQ(route(1, CommandId::kDel, {"key", near}).kind, Kind::kOne);
}

TEST(Router, WhatNamesNoKeyGoesToEveryGroupOrToWhereItsCursorStands) {
  EXPECT_EQ(route(4, CommandId::kDbSize, {}).kind, Kind::kEvery);
  EXPECT_EQ(route(4, CommandId::kFlushAll, {}).kind, Kind::kEvery);
  EXPECT_EQ(route(1, CommandId::kDbSize, {}).kind, Kind::kOne);
  const std::string cursor = std::to_string(uint64_t{9000} << kv::kLowPositionBits);
  EXPECT_EQ(route(4, CommandId::kScan, {"0"}).arc, 0u);
  EXPECT_EQ(route(4, CommandId::kScan, {cursor, "COUNT", "5"}).arc, 2u);
  EXPECT_EQ(route(4, CommandId::kScan, {"nonsense"}).arc, 0u);
  EXPECT_EQ(route(4, CommandId::kTorcScan, {"5000", "16383", "0"}).arc, 1u);
  EXPECT_EQ(route(4, CommandId::kTorcScan, {"5000", "16383", cursor}).arc, 2u);
  EXPECT_EQ(route(4, CommandId::kTorcScan, {"99999", "5", "0"}).arc, 3u) << "the group refuses it";
}

}  // namespace
}  // namespace torc::node
