#include "sim/dialect.h"

#include <gtest/gtest.h>

#include "wire/peer_message.h"

namespace torc::sim {
namespace {

std::string body_of(const wire::PeerMessage& message) { return wire::encode(message).joined(); }

consensus::Message message_with(consensus::MessageBody body) {
  consensus::Message message;
  message.group = GroupId(1);
  message.from = {NodeId(1), Incarnation(11)};
  message.to = {NodeId(2), Incarnation(22)};
  message.body = std::move(body);
  return message;
}

TEST(Dialect, WhatTheNextVersionAddsChangesNothingForThisOne) {
  consensus::AppendRequest append;
  append.term = Term(3);
  append.entries.push_back(
      consensus::make_entry(Term(3), LogIndex(1), consensus::EntryKind::kCommands, std::string(30, 'x')));
  wire::Meet meet;
  meet.node = NodeId(1);
  meet.client_address = "host:1";
  for (const wire::PeerMessage& message : {wire::PeerMessage(message_with(append)), wire::PeerMessage(meet),
                                           wire::PeerMessage(message_with(consensus::VoteReply{Term(2), true}))}) {
    const std::string plain = body_of(message);
    const std::string extended = *spoken(Dialect::kNext, plain);
    EXPECT_GT(extended.size(), plain.size());
    const Result<wire::PeerMessage> decoded = wire::decode(Bytes::copy_of(extended));
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_EQ(body_of(*decoded), plain);
  }
}

TEST(Dialect, AMessageOfTheFutureIsRefusedAsAWhole) {
  EXPECT_FALSE(wire::decode(Bytes::copy_of(frame_of_the_future())).ok());
}

TEST(Dialect, ThePreviousVersionNeitherPullsNorUnderstandsPulls) {
  const std::string pull = body_of(message_with(consensus::PullRequest{}));
  EXPECT_FALSE(spoken(Dialect::kPrevious, pull));
  EXPECT_FALSE(understood(Dialect::kPrevious, Bytes::copy_of(pull)));
  EXPECT_EQ(spoken(Dialect::kThis, pull), pull);
  const std::string vote = body_of(message_with(consensus::VoteReply{Term(2), true}));
  EXPECT_EQ(spoken(Dialect::kPrevious, vote), vote);
  EXPECT_EQ(understood(Dialect::kPrevious, Bytes::copy_of(vote)), Bytes::copy_of(vote));
}

}  // namespace
}  // namespace torc::sim
