#include "sim/dialect.h"

#include <gtest/gtest.h>

#include "sim/frame_text.h"
#include "wire/peer_message.h"

namespace torc::sim {
namespace {

std::string body_of(const wire::PeerMessage& message) { return wire::encode(message).joined(); }

consensus::Message message_with(consensus::MessageBody body) {
  consensus::Message message;
  message.group = GroupId(1);
  message.from = {NodeId(1), ReplicaNumber(11)};
  message.to = {NodeId(2), ReplicaNumber(22)};
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

std::string pack_of(const std::vector<wire::PeerMessage>& messages) {
  std::vector<ByteChain> parts;
  for (const wire::PeerMessage& message : messages) parts.push_back(wire::encode_part(message));
  return wire::frame_of(parts).joined();
}

wire::Beat beat() {
  wire::Beat beat{77, {}};
  for (const uint64_t group : {1, 2}) {
    beat.heartbeats.push_back({GroupId(group), ReplicaNumber(11), ReplicaNumber(22), {Term(3), LogIndex(4), {}, 70}});
  }
  return beat;
}

TEST(Dialect, WhatTheNextVersionAddsToPackedMessagesChangesNothingEither) {
  const std::vector<wire::PeerMessage> sent = {beat(), wire::BeatReply{78, {{1, LogIndex(5)}}},
                                               message_with(consensus::VoteReply{Term(2), true})};
  const std::string extended = *spoken(Dialect::kNext, pack_of(sent));
  EXPECT_GT(extended.size(), pack_of(sent).size());
  const Result<wire::PeerMessage> decoded = wire::decode(Bytes::copy_of(extended));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  const auto& pack = std::get<wire::Pack>(*decoded);
  ASSERT_EQ(pack.parts.size(), sent.size());
  for (size_t i = 0; i < sent.size(); ++i) {
    const Result<wire::PeerMessage> one = wire::decode_part(pack, i);
    ASSERT_TRUE(one.ok()) << one.error().message;
    EXPECT_EQ(body_of(*one), body_of(sent[i]));
  }
}

TEST(Dialect, OfAPackThePreviousVersionUnderstandsWhatItKnows) {
  const wire::PeerMessage vote = message_with(consensus::VoteReply{Term(2), true});
  const wire::PeerMessage pull = message_with(consensus::PullRequest{});
  const std::string mixed = pack_of({vote, pull, vote});
  const std::string known = pack_of({vote, vote});
  EXPECT_EQ(spoken(Dialect::kPrevious, mixed), known);
  EXPECT_EQ(understood(Dialect::kPrevious, Bytes::copy_of(mixed)), Bytes::copy_of(known));
  EXPECT_EQ(spoken(Dialect::kPrevious, pack_of({pull, pull})), std::nullopt);
  EXPECT_EQ(understood(Dialect::kPrevious, Bytes::copy_of(pack_of({pull, pull}))), std::nullopt);
}

TEST(Dialect, TheTraceNamesWhatIsInAFrame) {
  EXPECT_EQ(
      frame_text(Bytes::copy_of(pack_of({beat(), wire::BeatReply{78, {{1, LogIndex(5)}, {2, {}}}},
                                         message_with(consensus::VoteReply{Term(2), true})}))),
      "pack of 3: (beat 77: [g1 heartbeat term 3, commit 4, stamp 70] [g2 heartbeat term 3, commit 4, stamp 70]); "
      "(beat reply 78: all follow, but #1 with last 5, but not #2); (vote granted, term 2)");
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
