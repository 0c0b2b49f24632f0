#include "wire/peer_message.h"

#include <gtest/gtest.h>

#include "base/codec.h"
#include "base/crc32c.h"
#include "base/prng.h"

namespace torc::wire {
namespace {

using namespace consensus;  // NOLINT: the messages are the subject

constexpr ReplicaId kFrom{NodeId(1), ReplicaNumber(0xfedcba9876543210u)};
constexpr ReplicaId kTo{NodeId(2), ReplicaNumber(77)};
constexpr LifeId kLife{NodeId(1), Incarnation(0xfedcba9876543210u)};
constexpr LifeId kOtherLife{NodeId(2), Incarnation(77)};

PeerMessage message_of(MessageBody body) { return Message{GroupId(5), kFrom, kTo, std::move(body)}; }

Entry entry_of(uint64_t term, uint64_t index, std::string_view payload) {
  return make_entry(Term(term), LogIndex(index), EntryKind::kCommands,
                    std::string(kEntryHeaderBytes, '\0') + std::string(payload));
}

AppendRequest append_of(uint64_t prev_index, std::vector<Entry> entries) {
  return {.term = Term(9),
          .prev_index = LogIndex(prev_index),
          .prev_term = Term(8),
          .commit = LogIndex(6),
          .replicated_to_all = LogIndex(4),
          .stamp = 123456789,
          .entries = std::move(entries)};
}

PullReply pull_of(std::vector<Entry> entries) {
  PullReply reply;
  reply.term = Term(9);
  reply.asked_prev = LogIndex(11);
  reply.prev_index = LogIndex(10);
  reply.prev_term = Term(8);
  reply.last_index = LogIndex(20);
  reply.last_term = Term(7);
  reply.commit = LogIndex(6);
  reply.needs_snapshot = true;
  reply.entries = std::move(entries);
  return reply;
}

ForwardRequest forward_request() {
  ForwardRequest request{.group = GroupId(5), .session = kv::SessionId(10, 11), .floor = 3, .epoch = 2, .batch = 1};
  request.wants_relay = true;
  request.is_relayed = true;
  request.origin = NodeId(9);
  request.commands.push_back({.sequence = 4, .is_write = true, .id = kv::CommandId::kSet, .args = {"key", "value"}});
  request.commands.push_back({.sequence = UINT64_MAX, .id = kv::CommandId::kGet, .args = {""}});
  request.commands.push_back({.sequence = 6, .is_write = true, .id = kv::CommandId::kOpenSession});
  return request;
}

ForwardReply forward_reply() {
  ForwardReply reply{.group = GroupId(5), .epoch = 2, .is_rejected = true, .batch = 7, .leader = kTo, .term = Term(3)};
  reply.is_probe = true;
  reply.origin = NodeId(9);
  reply.batches_taken = 12;
  reply.replies = {{4, "one"}, {5, ""}};
  return reply;
}

Meet meet() {
  return {.node = NodeId(3),
          .incarnation = Incarnation(42),
          .listed = {NodeId(1), NodeId(2), NodeId(3)},
          .roster = {kLife, kOtherLife},
          .may_only_return = true,
          .is_born = true,
          .client_address = "127.0.0.1:7001",
          .cluster_address = "127.0.0.1:7101",
          .chapters = {{kLife, {7, UINT64_MAX}}, {kOtherLife, {1, 0}}},
          .replicas = {{ReplicaNumber(UINT64_MAX), ReplicaNumber(5)}}};
}

SnapshotChunk snapshot_chunk(size_t bytes) {
  return {.group = GroupId(5),
          .from = kFrom,
          .to = kTo,
          .term = Term(9),
          .stream = 0xfedcba9876543210u,
          .offset = 1u << 20,
          .checksum = 0xdeadbeef,
          .is_last = true,
          .bytes = Bytes(std::string(bytes, 'x'))};
}

SnapshotReply snapshot_reply() {
  return {.group = GroupId(5),
          .from = kTo,
          .to = kFrom,
          .stream = 7,
          .next_offset = 1u << 20,
          .progress = SnapshotProgress::kRefused};
}

std::vector<PeerMessage> one_of_each() {
  return {
      message_of(PreVoteRequest{Term(3), LogIndex(2), Term(1)}),
      message_of(PreVoteReply{Term(3), true, Term(2), LogIndex(7), true}),
      message_of(VoteRequest{Term(UINT64_MAX), LogIndex(UINT64_MAX), Term(1), true}),
      message_of(VoteReply{Term(3), true}),
      message_of(append_of(10, {})),
      message_of(append_of(10, {entry_of(8, 11, "a"), entry_of(9, 12, ""), entry_of(9, 13, std::string(3000, 'x'))})),
      message_of(AppendReply{Term(3), true, LogIndex(9), LogIndex(8), LogIndex(7), Term(2), -5}),
      message_of(HeartbeatRequest{Term(3), LogIndex(2), LogIndex(1), 99}),
      message_of(HeartbeatReply{Term(3), 99, LogIndex(4)}),
      message_of(TimeoutNow{Term(3)}),
      message_of(TimeoutNow{}),
      message_of(PullRequest{LogIndex(4), Term(3)}),
      message_of(pull_of({})),
      message_of(pull_of({entry_of(8, 11, "a"), entry_of(9, 12, "")})),
      meet(),
      Meet{},
      forward_request(),
      ForwardRequest{},
      forward_reply(),
      ForwardReply{},
      snapshot_chunk(0),
      snapshot_chunk(3000),
      snapshot_reply(),
      SnapshotReply{},
      ClockReport{WallMs{-1}, true},
      ClockReport{},
      TwinReport{NodeId(3), "two of them"},
      TwinReport{},
  };
}

Result<PeerMessage> decode_text(std::string body) { return decode(Bytes(std::move(body))); }

/// Puts a valid checksum in front of a changed body, so that the parser behind it is reached.
std::string with_checksum(std::string body) {
  if (body.size() >= 4) store_u32(body.data(), crc32c(std::string_view(body).substr(4)));
  return body;
}

TEST(PeerMessage, EveryMessageSurvivesTheWireByteForByte) {
  for (const PeerMessage& message : one_of_each()) {
    const std::string body = encode(message).joined();
    Result<PeerMessage> decoded = decode_text(body);
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_EQ(decoded->index(), message.index());
    EXPECT_EQ(encode(*decoded).joined(), body);
  }
}

TEST(PeerMessage, EntriesAreSharedNotCopied) {
  const Entry entry = entry_of(8, 11, "payload");
  const ByteChain chain = encode(message_of(append_of(10, {entry})));
  ASSERT_EQ(chain.tail.size(), 1u);
  EXPECT_EQ(chain.tail[0].view().data(), entry.encoded.view().data());

  const Bytes body(chain.joined());
  const PeerMessage decoded = *decode(body);
  const auto& append = std::get<AppendRequest>(std::get<Message>(decoded).body);
  EXPECT_EQ(append.prev_index, LogIndex(10));
  EXPECT_EQ(append.stamp, 123456789);
  ASSERT_EQ(append.entries.size(), 1u);
  EXPECT_EQ(append.entries[0], entry);
  EXPECT_EQ(append.entries[0].encoded.view().end(), body.view().end());
}

TEST(PeerMessage, ConsensusFieldsArriveWhereTheyBelong) {
  const PeerMessage decoded = *decode_text(
      encode(message_of(AppendReply{Term(3), true, LogIndex(9), LogIndex(8), LogIndex(7), Term(2), -5})).joined());
  const auto& message = std::get<Message>(decoded);
  EXPECT_EQ(message.group, GroupId(5));
  EXPECT_EQ(message.from, kFrom);
  EXPECT_EQ(message.to, kTo);
  const auto& reply = std::get<AppendReply>(message.body);
  EXPECT_EQ(reply.term, Term(3));
  EXPECT_TRUE(reply.accepted);
  EXPECT_EQ(reply.match_index, LogIndex(9));
  EXPECT_EQ(reply.prev_index, LogIndex(8));
  EXPECT_EQ(reply.hint_index, LogIndex(7));
  EXPECT_EQ(reply.hint_term, Term(2));
  EXPECT_EQ(reply.stamp, -5);
}

TEST(PeerMessage, APulledLogArrivesFieldByField) {
  const PullReply sent = pull_of({entry_of(8, 11, "a")});
  const PeerMessage decoded = *decode_text(encode(message_of(sent)).joined());
  const auto& reply = std::get<PullReply>(std::get<Message>(decoded).body);
  EXPECT_EQ(reply.term, sent.term);
  EXPECT_EQ(reply.asked_prev, sent.asked_prev);
  EXPECT_EQ(reply.prev_index, sent.prev_index);
  EXPECT_EQ(reply.prev_term, sent.prev_term);
  EXPECT_EQ(reply.last_index, sent.last_index);
  EXPECT_EQ(reply.last_term, sent.last_term);
  EXPECT_EQ(reply.commit, sent.commit);
  EXPECT_TRUE(reply.needs_snapshot);
  EXPECT_EQ(reply.entries, sent.entries);
  const PeerMessage request = *decode_text(encode(message_of(PullRequest{LogIndex(4), Term(3)})).joined());
  EXPECT_EQ(std::get<PullRequest>(std::get<Message>(request).body).prev_index, LogIndex(4));
  EXPECT_EQ(std::get<PullRequest>(std::get<Message>(request).body).prev_term, Term(3));
}

TEST(PeerMessage, ForwardedCommandsAndRepliesAreViewsIntoTheReceivedBuffer) {
  const PeerMessage request_message = *decode_text(encode(forward_request()).joined());
  const auto& request = std::get<ForwardRequest>(request_message);
  EXPECT_EQ(request.session, kv::SessionId(10, 11));
  EXPECT_TRUE(request.is_relayed);
  ASSERT_EQ(request.commands.size(), 3u);
  EXPECT_EQ(request.commands[0].args, (std::vector<std::string_view>{"key", "value"}));
  EXPECT_TRUE(request.commands[0].is_write);
  EXPECT_FALSE(request.commands[1].is_write);
  EXPECT_EQ(request.commands[1].sequence, UINT64_MAX);
  EXPECT_EQ(request.commands[2].id, kv::CommandId::kOpenSession);

  const PeerMessage reply_message = *decode_text(encode(forward_reply()).joined());
  const auto& reply = std::get<ForwardReply>(reply_message);
  EXPECT_EQ(reply.leader, kTo);
  EXPECT_EQ(reply.batches_taken, 12u);
  ASSERT_EQ(reply.replies.size(), 2u);
  EXPECT_EQ(reply.replies[0].reply, "one");
  EXPECT_GE(reply.replies[0].reply.data(), reply.buffer.view().data());
}

TEST(PeerMessage, ForwardedCommandKeepsTheClientsOwnLabel) {
  ForwardRequest request = forward_request();
  request.commands[0].call = kv::SessionCall{kv::SessionId(66, 77), 300, 299, true};
  request.commands[1].call = kv::SessionCall{kv::SessionId(66, 77), 301, 299};
  const PeerMessage message = *decode_text(encode(request).joined());
  const auto& commands = std::get<ForwardRequest>(message).commands;
  ASSERT_TRUE(commands[0].call.has_value());
  EXPECT_EQ(commands[0].call->session, kv::SessionId(66, 77));
  EXPECT_TRUE(commands[0].call->is_first_send);
  EXPECT_FALSE(commands[1].call->is_first_send);
  EXPECT_EQ(commands[0].call->sequence, 300u);
  EXPECT_EQ(commands[0].call->floor, 299u);
  EXPECT_EQ(commands[0].args, (std::vector<std::string_view>{"key", "value"}));
  EXPECT_FALSE(commands[2].call.has_value());
}

TEST(PeerMessage, AnyFlippedBitIsNoticed) {
  for (const PeerMessage& message : one_of_each()) {
    const std::string body = encode(message).joined();
    for (size_t bit = 0; bit < std::min<size_t>(body.size(), 300) * 8; ++bit) {
      std::string damaged = body;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_FALSE(decode_text(damaged).ok());
    }
  }
}

TEST(PeerMessage, DamageBehindAValidChecksumNeverCrashes) {
  Prng prng(7);
  for (const PeerMessage& message : one_of_each()) {
    const std::string body = encode(message).joined();
    for (size_t size = 0; size < std::min<size_t>(body.size(), 200); ++size) {
      decode_text(with_checksum(body.substr(0, size))).ok();
    }
    for (int round = 0; round < 2000; ++round) {
      std::string damaged = body;
      for (uint64_t changes = prng.between(1, 4); changes > 0; --changes) {
        damaged[prng.between(4, std::min<size_t>(damaged.size(), 120) - 1)] = static_cast<char>(prng.next());
      }
      Result<PeerMessage> decoded = decode_text(with_checksum(damaged));
      if (decoded.ok()) encode(*decoded);
    }
  }
}

TEST(PeerMessage, EntriesMustFollowThePreviousIndex) {
  EXPECT_FALSE(decode_text(encode(message_of(append_of(10, {entry_of(8, 12, "a")}))).joined()).ok());
  EXPECT_FALSE(
      decode_text(encode(message_of(append_of(10, {entry_of(8, 11, "a"), entry_of(8, 11, "a")}))).joined()).ok());
  EXPECT_FALSE(decode_text(encode(message_of(append_of(UINT64_MAX, {entry_of(8, 0, "a")}))).joined()).ok());
}

TEST(PeerMessage, PayloadBehindAMessageWithoutPayloadIsRefused) {
  for (const PeerMessage& message : {message_of(TimeoutNow{Term(3)}), PeerMessage(meet())}) {
    EXPECT_FALSE(decode_text(with_checksum(encode(message).joined() + "x")).ok());
  }
}

TEST(PeerMessage, UnknownAndInternalCommandsAreNotForwarded) {
  for (kv::CommandId id : {kv::CommandId::kNone, kv::CommandId::kPurge, static_cast<kv::CommandId>(60000)}) {
    ForwardRequest request;
    request.commands.push_back({.sequence = 1, .id = id});
    EXPECT_FALSE(decode_text(encode(request).joined()).ok());
  }
}

TEST(PeerMessage, CountsAtTheirLimitPassAndOneMoreIsRefused) {
  Meet full;
  full.listed.assign(kMeetNodesMax, NodeId(UINT64_MAX));
  full.roster.assign(kMeetNodesMax, LifeId{NodeId(UINT64_MAX), Incarnation(UINT64_MAX)});
  full.replicas.numbers.assign(kReplicasMax, ReplicaNumber(UINT64_MAX));
  full.client_address.assign(kAddressBytesMax, 'a');
  full.cluster_address.assign(kAddressBytesMax, 'b');
  full.chapters.assign(kNotedChaptersMax, {full.roster[0], {UINT64_MAX, UINT64_MAX}});
  EXPECT_TRUE(decode_text(encode(full).joined()).ok());

  ForwardReply replies;
  replies.replies.assign(kForwardedMax, {1, ""});
  const std::string body = encode(replies).joined();
  EXPECT_TRUE(decode_text(body).ok());
  EXPECT_FALSE(decode_text(with_checksum(body + std::string("\1\0", 2))).ok());
}

TEST(PeerMessage, AChunkOfASnapshotArrivesFieldByFieldAndSharesItsBytes) {
  const SnapshotChunk sent = snapshot_chunk(3000);
  const ByteChain chain = encode(sent);
  ASSERT_EQ(chain.tail.size(), 1u);
  EXPECT_EQ(chain.tail[0].view().data(), sent.bytes.view().data());
  const Bytes body(chain.joined());
  const PeerMessage message = *decode(body);
  const auto& chunk = std::get<SnapshotChunk>(message);
  EXPECT_EQ(chunk.group, sent.group);
  EXPECT_EQ(chunk.from, sent.from);
  EXPECT_EQ(chunk.to, sent.to);
  EXPECT_EQ(chunk.term, sent.term);
  EXPECT_EQ(chunk.stream, sent.stream);
  EXPECT_EQ(chunk.offset, sent.offset);
  EXPECT_EQ(chunk.checksum, sent.checksum);
  EXPECT_TRUE(chunk.is_last);
  EXPECT_EQ(chunk.bytes, sent.bytes);
  EXPECT_EQ(chunk.bytes.view().end(), body.view().end());

  const PeerMessage answer = *decode_text(encode(snapshot_reply()).joined());
  const auto& reply = std::get<SnapshotReply>(answer);
  EXPECT_EQ(reply.from, kTo);
  EXPECT_EQ(reply.to, kFrom);
  EXPECT_EQ(reply.stream, 7u);
  EXPECT_EQ(reply.next_offset, 1u << 20);
  EXPECT_EQ(reply.progress, SnapshotProgress::kRefused);
}

TEST(PeerMessage, AChunkAtItsLimitPassesAndOneBeyondAnyLimitIsRefused) {
  SnapshotChunk chunk = snapshot_chunk(kSnapshotChunkBytesMax);
  const std::string body = encode(chunk).joined();
  EXPECT_TRUE(decode_text(body).ok());
  EXPECT_FALSE(decode_text(with_checksum(body + "x")).ok());
  chunk.offset = UINT64_MAX - chunk.bytes.size();
  EXPECT_TRUE(decode_text(encode(chunk).joined()).ok());
  ++chunk.offset;
  EXPECT_FALSE(decode_text(encode(chunk).joined()).ok());
  chunk = snapshot_chunk(0);
  chunk.stream = 0;
  EXPECT_FALSE(decode_text(encode(chunk).joined()).ok());
  SnapshotReply reply = snapshot_reply();
  reply.progress = static_cast<SnapshotProgress>(3);
  EXPECT_FALSE(decode_text(encode(reply).joined()).ok());
}

TEST(PeerMessage, AnArgumentCountThatCannotBeTrueIsRefusedAtOnce) {
  ForwardRequest request;
  request.commands.push_back({.sequence = 1, .id = kv::CommandId::kMGet, .args = {"k"}});
  std::string body = encode(request).joined();
  ASSERT_EQ(body.substr(body.size() - 3), std::string("\1\1k"));
  body.resize(body.size() - 3);
  put_varint(body, uint64_t{1} << 60);
  EXPECT_FALSE(decode_text(with_checksum(body)).ok());
}

// Executed as a read it would have ended the leader (StateMachine::read knows only reads).
TEST(PeerMessage, AWriteForwardedAsAReadIsRefused) {
  for (const kv::CommandId id : {kv::CommandId::kSet, kv::CommandId::kGetDel, kv::CommandId::kOpenSession}) {
    ForwardRequest request;
    request.commands.push_back({.sequence = 1, .is_write = false, .id = id, .args = {"k"}});
    EXPECT_FALSE(decode_text(encode(request).joined()).ok());
    request.commands[0].is_write = true;
    EXPECT_TRUE(decode_text(encode(request).joined()).ok());
  }
  ForwardRequest labelled_read;
  labelled_read.commands.push_back({.sequence = 1, .is_write = true, .id = kv::CommandId::kGet, .args = {"k"}});
  EXPECT_TRUE(decode_text(encode(labelled_read).joined()).ok());
}

TEST(PeerMessage, ACommandOfMoreArgumentsThanOneMayHaveIsRefused) {
  ForwardRequest request;
  request.commands.push_back({.sequence = 1, .id = kv::CommandId::kMGet});
  request.commands[0].args.assign(kv::kArgsMax, "k");
  EXPECT_TRUE(decode_text(encode(request).joined()).ok());
  request.commands[0].args.push_back("k");
  EXPECT_FALSE(decode_text(encode(request).joined()).ok());
}

}  // namespace
}  // namespace torc::wire
