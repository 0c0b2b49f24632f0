#include "node/held_messages.h"

#include <gtest/gtest.h>

namespace torc::node {
namespace {

using consensus::AppendReply;
using consensus::Message;
using consensus::ReplicaId;

ReplicaId replica(uint64_t node) { return {NodeId(node), ReplicaNumber(node)}; }

Message answer(uint64_t to, uint64_t match, uint64_t term = 1) {
  AppendReply reply;
  reply.term = Term(term);
  reply.accepted = true;
  reply.match_index = LogIndex(match);
  return {GroupId(1), replica(1), replica(to), reply};
}
Message vote(uint64_t to) { return {GroupId(1), replica(1), replica(to), consensus::VoteReply{}}; }

std::vector<std::string> text(const std::vector<Message>& messages) {
  std::vector<std::string> lines;
  for (const Message& message : messages) {
    const auto* reply = std::get_if<AppendReply>(&message.body);
    lines.push_back(std::to_string(message.to.node.value) +
                    (reply == nullptr ? " vote" : " match " + std::to_string(reply->match_index.value)));
  }
  return lines;
}
using Lines = std::vector<std::string>;

TEST(HeldMessages, LeaveInOrderOnceWhatTheyWaitForIsDurable) {
  HeldMessages held;
  held.hold(1, {answer(2, 5), vote(3)});
  held.hold(2, {answer(2, 6)});
  EXPECT_EQ(text(held.take_until(1)), (Lines{"2 match 5", "3 vote"}));
  EXPECT_EQ(text(held.take_until(5)), (Lines{"2 match 6"}));
  EXPECT_EQ(held.bytes(), 0u);
}

TEST(HeldMessages, TheNewestAnswerToALeaderStandsForThoseThatWaitForTheSameWrite) {
  HeldMessages held;
  held.hold(1, {answer(2, 5)});
  held.hold(2, {answer(2, 6), answer(3, 6)});
  held.hold(2, {answer(2, 7), vote(2), vote(2)});
  held.hold(2, {answer(2, 7, 2)});
  EXPECT_EQ(text(held.take_until(2)), (Lines{"2 match 5", "3 match 6", "2 match 7", "2 vote", "2 vote", "2 match 7"}));
}

TEST(HeldMessages, BeyondTheBoundTheOldestAreLost) {
  HeldMessages held;
  for (size_t i = 0; i <= HeldMessages::kCountMax; ++i) held.hold(i, {answer(2, i)});
  EXPECT_EQ(held.bytes(), HeldMessages::kBytesMax);
  const auto left = held.take_until(HeldMessages::kCountMax);
  EXPECT_EQ(text(left).front(), "2 match 1");
  EXPECT_EQ(text(left).back(), "2 match " + std::to_string(HeldMessages::kCountMax));
}

}  // namespace
}  // namespace torc::node
