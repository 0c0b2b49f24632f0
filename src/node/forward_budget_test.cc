// What groups share when they forward: the bytes under way, and not each other's leaders.
#include "node/forward_budget.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "node/test_forwarding.h"

namespace torc::node {
namespace {

constexpr size_t kValueBytes = 1u << 20;

/// Clients that write until nothing more leaves; how many bytes then are under way to a leader that is silent.
size_t fill(Follower& follower, Instant now) {
  const std::string value(kValueBytes, 'v');
  for (Ticket ticket = 1; ticket <= 64; ++ticket) {
    follower.as_another();  // one client alone has a share of the window only
    follower.read_of(ticket, value, now);
  }
  follower.forwarder.flush(kLeader, false, now);
  size_t bytes = 0;
  for (const wire::ForwardRequest& request : follower.out) {
    for (const wire::ForwardedCommand& command : request.commands) bytes += command.args.front().size();
  }
  return bytes;
}

TEST(ForwardBudget, AGroupOnItsOwnFillsTheWhole) {
  ForwardBudget budget;
  Follower only(&budget);
  const size_t bytes = fill(only, Instant{1});
  EXPECT_GT(bytes, ForwardBudget::kBytesMax * 9 / 10);
  EXPECT_LE(bytes, ForwardBudget::kBytesMax);
  EXPECT_LE(budget.used(), ForwardBudget::kBytesMax);
}

TEST(ForwardBudget, AGroupWhoseLeaderIsSilentLeavesRoomToTheOthers) {
  ForwardBudget budget;
  Follower silent(&budget);
  Follower other(&budget);
  Follower third(&budget);
  EXPECT_LE(fill(silent, Instant{1}), ForwardBudget::kBytesMax / 2);
  EXPECT_GE(fill(other, Instant{1}), ForwardBudget::kBytesMax / 6);
  EXPECT_GE(fill(third, Instant{1}), ForwardBudget::kBytesMax / 16);
  EXPECT_LE(budget.used(), ForwardBudget::kBytesMax);
}

TEST(ForwardBudget, WhatAGroupHasUnderWayIsGivenBackWithIt) {
  ForwardBudget budget;
  auto gone = std::make_unique<Follower>(&budget);
  EXPECT_GT(fill(*gone, Instant{1}), 0u);
  gone.reset();
  EXPECT_EQ(budget.used(), 0u);
  Follower only(&budget);
  EXPECT_GT(fill(only, Instant{1}), ForwardBudget::kBytesMax * 9 / 10);
}

TEST(ForwardBudget, TheFirstCommandOfAGroupGoesAlsoIfItIsLarge) {
  ForwardBudget budget;
  budget.add_window();
  budget.add_window();
  budget.hold(ForwardBudget::kBytesMax / 2);
  EXPECT_TRUE(budget.has_room(0, 40u << 20));
  budget.hold(40u << 20);
  EXPECT_FALSE(budget.has_room(0, 1)) << "nothing is left";
  EXPECT_FALSE(budget.has_room(1, 1));
  budget.give_back(40u << 20);
  EXPECT_TRUE(budget.has_room(0, 1));
}

}  // namespace
}  // namespace torc::node
