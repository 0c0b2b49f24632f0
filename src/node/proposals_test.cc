#include "node/proposals.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "consensus/types.h"

namespace torc::node {
namespace {

constexpr size_t kReserved = consensus::kEntryHeaderBytes;
constexpr size_t kBatchBytes = 1u << 20;

constexpr kv::Cost kCheap{kv::kOperationWork, 100, 10};

void add(Proposals& proposals, Ticket ticket, size_t value_bytes, const kv::Cost& cost = kCheap) {
  const std::string value(value_bytes, 'v');
  const std::vector<std::string_view> args{"k", value};
  const kv::CommandView command{kv::CommandId::kSet, args};
  proposals.add({.waiter = {ClientId(1), ticket}, .command = command, .is_write = true, .deadline = Instant{1}}, cost);
}

ProposalLimits limits(size_t in_flight_max) { return {.batch_bytes_max = kBatchBytes, .in_flight_max = in_flight_max}; }

/// Bytes of values per batch, in order, as one after the other is proposed.
std::vector<size_t> payloads(Proposals& proposals) {
  std::vector<size_t> sizes;
  while (auto batch = proposals.next(WallMs{1})) sizes.push_back(batch->buffer.size() - kReserved);
  return sizes;
}

// It has a stamp: counted as something that gathered it had every group at rest take a turn every 10 ms.
TEST(Proposals, ABatchWithoutACommandIsNothing) {
  Proposals proposals(kReserved, limits(1));
  EXPECT_EQ(proposals.bytes_unproposed(), 0u);
  add(proposals, 1, 10);
  EXPECT_GT(proposals.bytes_unproposed(), 10u);
  static_cast<void>(proposals.next(WallMs{1}));
  EXPECT_EQ(proposals.bytes_unproposed(), 0u);
}

// A batch closed only after it had reached its limit: a request near the limit of one request came on top of it, and
// the entry was larger than an entry may be.
TEST(Proposals, ABatchClosesBeforeACommandThatWouldPassItsLimit) {
  Proposals proposals(kReserved, limits(100));
  add(proposals, 1, 1000);
  add(proposals, 2, kBatchBytes - 2000);
  add(proposals, 3, 1000);
  const std::vector<size_t> sizes = payloads(proposals);
  ASSERT_EQ(sizes.size(), 2u);
  for (const size_t size : sizes) EXPECT_LE(size, kBatchBytes);
}

TEST(Proposals, TheLargestCommandHasAnEntryOfItsOwnThatIsNotTooLarge) {
  Proposals proposals(kReserved, limits(100));
  const size_t largest = kv::kOperationBytesMax - kv::kOperationHeadBytesMax - 2 * kv::kArgumentHeadBytesMax - 1;
  add(proposals, 1, kBatchBytes - 2000);
  add(proposals, 2, largest);
  add(proposals, 3, 10);
  const std::vector<size_t> sizes = payloads(proposals);
  ASSERT_EQ(sizes.size(), 3u);
  EXPECT_GT(sizes[1], largest);
  for (const size_t size : sizes) EXPECT_LE(size, consensus::kEntryPayloadBytesMax);
}

// Commands of sixty bytes may touch 32 MiB each: a batch of a thousand would hold every replica's loop for seconds.
TEST(Proposals, ABatchClosesBeforeACommandWhoseWorkWouldPassItsLimit) {
  Proposals proposals(kReserved, limits(100));
  const size_t work_max = limits(1).batch_work_max;
  for (Ticket ticket = 1; ticket <= 4; ++ticket) add(proposals, ticket, 10, {work_max / 2, 0, 0});
  add(proposals, 5, 10, {4 * work_max, 0, 0});
  add(proposals, 6, 10);
  std::vector<size_t> counts;
  while (auto batch = proposals.next(WallMs{1})) counts.push_back(batch->waiters.size());
  EXPECT_EQ(counts, (std::vector<size_t>{2, 2, 1, 1}));
}

TEST(Proposals, CostsCountUntilTheirEntryIsDecidedOrGivenUp) {
  Proposals proposals(kReserved, limits(100));
  const auto memory = [&] { return proposals.cost_undecided().memory; };
  for (Ticket ticket = 1; ticket <= 4; ++ticket) {
    add(proposals, ticket, kBatchBytes, {1, 1000, 1});  // a batch each
  }
  EXPECT_EQ(memory(), 4000u);
  auto first = proposals.next(WallMs{1});
  proposals.proposed(Term(1), LogIndex(1), *std::move(first), Instant{9});
  EXPECT_EQ(memory(), 4000u);
  proposals.take_decided(Term(1), LogIndex(1));
  EXPECT_EQ(memory(), 3000u);
  auto second = proposals.next(WallMs{1});
  proposals.proposed(Term(1), LogIndex(2), *std::move(second), Instant{9});
  proposals.take_lost(LogIndex(2));
  EXPECT_EQ(memory(), 2000u);
  auto third = proposals.next(WallMs{1});
  proposals.refused(*third);
  EXPECT_EQ(memory(), 1000u);
  proposals.take_overdue_unproposed(Instant{2});
  EXPECT_EQ(memory(), 0u);
  add(proposals, 5, 10, {1, 1000, 1});
  proposals.take_unproposed();
  EXPECT_EQ(memory(), 0u);
  EXPECT_EQ(proposals.cost_undecided().growth, 0u);
  EXPECT_EQ(proposals.cost_undecided().work, 0u);
}

TEST(Proposals, WhatGathersBehindAnUndecidedBatchGoesTogether) {
  Proposals proposals(kReserved, limits(1));
  add(proposals, 1, 10);
  auto first = proposals.next(WallMs{1});
  ASSERT_TRUE(first);
  proposals.proposed(Term(1), LogIndex(1), *std::move(first), Instant{9});
  for (Ticket ticket = 2; ticket < 7; ++ticket) add(proposals, ticket, 10);
  EXPECT_FALSE(proposals.next(WallMs{1})) << "one is under way";
  proposals.take_decided(Term(1), LogIndex(1));
  const auto second = proposals.next(WallMs{1});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->waiters.size(), 5u);
}

}  // namespace
}  // namespace torc::node
