#include "node/links.h"

#include <gtest/gtest.h>

#include <utility>

namespace torc::node {
namespace {

using consensus::AppendReply;
using consensus::AppendRequest;
using consensus::HeartbeatReply;
using consensus::HeartbeatRequest;
using consensus::Message;
using env::Channel;

constexpr NodeId kSelf(1);
constexpr NodeId kPeer(2);
constexpr NodeId kOther(3);

struct FakeNetwork final : env::Network {
  struct Frame {
    NodeId to;
    Channel channel;
    Bytes body;
  };
  std::vector<Frame> frames;
  size_t queued = 0;

  void send(NodeId to, Channel channel, ByteChain body) override {
    frames.push_back({to, channel, Bytes(body.joined())});
  }
  void set_handler(env::NetworkHandler*) override {}
  size_t queued_bytes(NodeId, Channel) const override { return queued; }
};

Message message_to(NodeId to, uint64_t group, consensus::MessageBody body) {
  return {GroupId(group), {kSelf, ReplicaNumber(11)}, {to, ReplicaNumber(22)}, std::move(body)};
}

AppendRequest append_of(uint64_t prev, size_t bytes) {
  AppendRequest request;
  request.term = Term(3);
  request.prev_index = LogIndex(prev);
  if (bytes == 0) return request;
  request.entries.push_back(consensus::make_entry(Term(3), LogIndex(prev + 1), consensus::EntryKind::kCommands,
                                                  std::string(consensus::kEntryHeaderBytes + bytes, 'x')));
  return request;
}

AppendReply accepted(uint64_t match) {
  AppendReply reply;
  reply.term = Term(3);
  reply.accepted = true;
  reply.match_index = LogIndex(match);
  return reply;
}

struct OneNode {
  FakeNetwork network;
  Links links{kSelf, {kSelf, kPeer, kOther}, network, 1000};

  OneNode() {
    for (const NodeId peer : {kPeer, kOther}) {
      links.on_connected(peer, Channel::kControl);
      links.on_connected(peer, Channel::kBulk);
    }
  }
  std::vector<FakeNetwork::Frame> turn() {
    links.end_turn();
    return std::exchange(network.frames, {});
  }
  void receive(NodeId from, const Message& message) {
    static_cast<void>(links.receive(from, Bytes(wire::encode(message).joined()), Instant{}));
  }
};

/// Who the parts of a frame are for, in order.
std::vector<uint64_t> groups_in(const Bytes& body) {
  std::vector<uint64_t> groups;
  const auto add = [&](const Result<wire::PeerMessage>& message) {
    ASSERT_TRUE(message.ok()) << message.error().message;
    if (const auto* beat = std::get_if<wire::Beat>(&*message)) {
      for (const wire::Heartbeat& one : beat->heartbeats) groups.push_back(one.group.value);
    } else {
      groups.push_back(std::get<Message>(*message).group.value);
    }
  };
  const Result<wire::PeerMessage> frame = wire::decode(body);
  if (frame.ok() && std::holds_alternative<wire::Pack>(*frame)) {
    const auto& pack = std::get<wire::Pack>(*frame);
    for (size_t i = 0; i < pack.parts.size(); ++i) add(wire::decode_part(pack, i));
  } else {
    add(frame);
  }
  return groups;
}

TEST(Links, WhatAllGroupsSayToAPeerInATurnIsOneFrameInOrder) {
  OneNode node;
  for (uint64_t group = 1; group <= 50; ++group) {
    node.links.send(message_to(kPeer, 51 - group, append_of(7, 100)));
    if (group == 9) node.links.send(message_to(kOther, 9, consensus::VoteReply{}));
  }
  EXPECT_TRUE(node.network.frames.empty()) << "before the end of the turn";
  const auto frames = node.turn();
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].to, kPeer);
  EXPECT_EQ(frames[0].channel, Channel::kControl);
  const std::vector<uint64_t> groups = groups_in(frames[0].body);
  ASSERT_EQ(groups.size(), 50u);
  for (uint64_t i = 0; i < 50; ++i) EXPECT_EQ(groups[i], 50 - i);
  EXPECT_EQ(frames[1].to, kOther);
  EXPECT_EQ(node.links.frames_sent(), 2u);
  EXPECT_TRUE(node.turn().empty());
}

TEST(Links, AMessageThatIsAloneInItsTurnTravelsAsItIs) {
  OneNode node;
  for (const Message& message : {message_to(kPeer, 4, append_of(7, 100)), message_to(kPeer, 4, HeartbeatRequest{}),
                                 message_to(kPeer, 4, HeartbeatReply{})}) {
    node.links.send(message);
    const auto frames = node.turn();
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].body.view(), wire::encode(message).joined());
  }
}

TEST(Links, HeartbeatsAndAnswersComeBeforeWhateverElseIsSaid) {
  OneNode node;
  node.links.send(message_to(kPeer, 1, append_of(7, 100)));
  node.links.send(message_to(kPeer, 3, HeartbeatRequest{}));
  node.links.send(message_to(kPeer, 2, HeartbeatRequest{}));
  const auto frames = node.turn();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(groups_in(frames[0].body), (std::vector<uint64_t>{2, 3, 1}));
}

TEST(Links, WhatIsLargeGoesAloneByTheBulkConnection) {
  OneNode node;
  node.links.send(message_to(kPeer, 1, append_of(7, 100)));
  node.links.send(message_to(kPeer, 2, append_of(7, Links::kControlBytesMax)));
  node.links.send(message_to(kPeer, 2, append_of(8, 100)));
  node.links.send(message_to(kPeer, 3, append_of(7, Links::kControlBytesMax)));
  node.links.send(message_to(kPeer, 4, append_of(7, 100)));
  const auto frames = node.turn();
  std::vector<std::vector<uint64_t>> bulk;
  std::vector<std::vector<uint64_t>> control;
  for (const auto& frame : frames) (frame.channel == Channel::kBulk ? bulk : control).push_back(groups_in(frame.body));
  EXPECT_EQ(bulk, (std::vector<std::vector<uint64_t>>{{2}, {2}, {3}})) << "in order";
  EXPECT_EQ(control, (std::vector<std::vector<uint64_t>>{{1, 4}}));
}

TEST(Links, AFrameOfSeveralMessagesIsNoLargerThanItMayBe) {
  OneNode node;
  constexpr size_t kMessages = 100;
  for (uint64_t group = 1; group <= kMessages; ++group) node.links.send(message_to(kPeer, group, append_of(7, 5000)));
  uint64_t next = 1;
  const auto frames = node.turn();
  EXPECT_GT(frames.size(), 5u);
  EXPECT_LT(frames.size(), 15u);
  for (const auto& frame : frames) {
    EXPECT_LT(frame.body.size(), Links::kPackBytesMax + 100);
    for (const uint64_t group : groups_in(frame.body)) EXPECT_EQ(group, next++);
  }
  EXPECT_EQ(next, kMessages + 1);
}

TEST(Links, BehindALargeAppendOnlyItsOwnGroupFollowsItByTheBulkConnection) {
  OneNode node;
  const auto channel_of = [&](uint64_t group, const AppendRequest& append) {
    node.links.send(message_to(kPeer, group, append));
    return node.turn().at(0).channel;
  };
  EXPECT_EQ(channel_of(1, append_of(7, Links::kControlBytesMax)), Channel::kBulk);
  EXPECT_EQ(channel_of(1, append_of(8, 0)), Channel::kBulk);
  EXPECT_EQ(channel_of(2, append_of(8, 0)), Channel::kControl);
  Message reply{GroupId(2), {kPeer, ReplicaNumber(22)}, {kSelf, ReplicaNumber(11)}, accepted(8)};
  node.receive(kPeer, reply);
  EXPECT_EQ(channel_of(1, append_of(8, 0)), Channel::kBulk) << "another group's answer";
  reply.group = GroupId(1);
  node.receive(kOther, reply);
  EXPECT_EQ(channel_of(1, append_of(8, 0)), Channel::kBulk) << "another peer's answer";
  node.receive(kPeer, reply);
  EXPECT_EQ(channel_of(1, append_of(8, 0)), Channel::kControl);
  EXPECT_EQ(channel_of(1, append_of(8, Links::kControlBytesMax)), Channel::kBulk);
  node.links.on_disconnected(kPeer, Channel::kBulk);
  node.links.on_connected(kPeer, Channel::kBulk);
  EXPECT_EQ(channel_of(1, append_of(8, 0)), Channel::kControl);
}

TEST(Links, WhatHasNotLeftWhenAConnectionChangesIsDropped) {
  OneNode node;
  node.links.send(message_to(kPeer, 1, append_of(7, 100)));
  node.links.send(message_to(kPeer, 1, HeartbeatRequest{}));
  node.links.send(kPeer, Channel::kBulk, wire::ForwardRequest{});
  node.links.on_connected(kPeer, Channel::kControl);
  auto frames = node.turn();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].channel, Channel::kBulk) << "the other connection stands";
  node.links.send(kPeer, Channel::kBulk, wire::ForwardRequest{});
  node.links.on_disconnected(kPeer, Channel::kBulk);
  EXPECT_TRUE(node.turn().empty());
  EXPECT_FALSE(node.links.can_send_to(kPeer));
  EXPECT_TRUE(node.links.is_reachable(kPeer));
}

TEST(Links, OfHeartbeatsToWhoIsNotConnectedNothingIsRemembered) {
  OneNode node;
  node.links.on_disconnected(kPeer, Channel::kControl);
  for (const uint64_t group : {1, 2}) node.links.send(message_to(kPeer, group, HeartbeatRequest{}));
  EXPECT_TRUE(node.turn().empty());
  node.links.on_connected(kPeer, Channel::kControl);
  EXPECT_TRUE(node.turn().empty());
  std::vector<Gauge> gauges;
  node.links.add_gauges(gauges);
  for (const Gauge& gauge : gauges) EXPECT_EQ(gauge.bytes, 0u) << gauge.name;
}

TEST(Links, ToItselfAndToStrangersNobodySends) {
  OneNode node;
  for (const NodeId to : {kSelf, NodeId(9)}) {
    node.links.send(message_to(to, 1, append_of(7, 100)));
    node.links.send(message_to(to, 1, HeartbeatRequest{}));
    node.links.send(to, Channel::kControl, wire::ClockReport{});
    EXPECT_FALSE(node.links.has(to));
    EXPECT_FALSE(node.links.is_reachable(to));
    EXPECT_FALSE(node.links.can_send_to(to));
  }
  EXPECT_TRUE(node.turn().empty());
  EXPECT_EQ(node.links.peers(), (std::vector<NodeId>{kPeer, kOther}));
}

TEST(Links, OneCopyOfALongAnswerToAPullIsEnough) {
  OneNode node;
  consensus::PullReply pulled;
  pulled.entries = append_of(0, Links::kControlBytesMax).entries;
  for (int i = 0; i < 3; ++i) node.links.send(message_to(kPeer, 1, pulled));
  EXPECT_EQ(node.turn().size(), 1u) << "what waits for the end of the turn counts";
  node.network.queued = 1;
  node.links.send(message_to(kPeer, 1, pulled));
  EXPECT_TRUE(node.turn().empty());
  node.network.queued = 0;
  node.links.send(message_to(kPeer, 1, pulled));
  EXPECT_EQ(node.turn().size(), 1u);
}

TEST(Links, WhatCannotBeReadIsCountedAndCostsOnlyItself) {
  OneNode node;
  EXPECT_TRUE(node.links.receive(kPeer, Bytes(std::string("nonsense")), Instant{}).empty());
  EXPECT_EQ(node.links.messages_refused(), 1u);
  std::vector<ByteChain> parts;
  parts.push_back(wire::encode_part(message_to(kSelf, 1, consensus::VoteReply{})));
  parts.push_back({std::string(12, '\xff'), {}});
  parts.push_back(wire::encode_part(message_to(kSelf, 2, consensus::VoteReply{})));
  EXPECT_EQ(node.links.receive(kPeer, Bytes(wire::frame_of(parts).joined()), Instant{}).size(), 2u);
  EXPECT_EQ(node.links.messages_refused(), 2u);
}

TEST(Links, EachPeersBeatIsAnsweredByThatPeerOnly) {
  OneNode node;
  for (const NodeId peer : {kPeer, kOther}) {
    for (const uint64_t group : {1, 2}) node.links.send(message_to(peer, group, HeartbeatRequest{Term(3), {}, {}, 70}));
  }
  const auto frames = node.turn();
  ASSERT_EQ(frames.size(), 2u);
  const uint64_t number = std::get<wire::Beat>(*wire::decode(frames[0].body)).number;
  EXPECT_NE(number, std::get<wire::Beat>(*wire::decode(frames[1].body)).number);
  const Bytes reply(wire::encode(wire::PeerMessage(wire::BeatReply{number, {}})).joined());
  EXPECT_TRUE(node.links.receive(kOther, reply, Instant{}).empty());
  EXPECT_EQ(node.links.receive(kPeer, reply, Instant{}).size(), 2u);
  EXPECT_TRUE(node.links.receive(kPeer, reply, Instant{}).empty()) << "once";
}

}  // namespace
}  // namespace torc::node
