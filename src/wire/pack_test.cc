// Several messages in one frame.
#include <gtest/gtest.h>

#include "base/codec.h"
#include "base/crc32c.h"
#include "wire/peer_message.h"

namespace torc::wire {
namespace {

using namespace consensus;  // NOLINT: the messages are the subject

Message message_of(uint64_t group, MessageBody body) {
  return {GroupId(group), {NodeId(1), ReplicaNumber(11)}, {NodeId(2), ReplicaNumber(22)}, std::move(body)};
}

Entry entry_of(uint64_t index, size_t bytes) {
  return make_entry(Term(3), LogIndex(index), EntryKind::kCommands, std::string(kEntryHeaderBytes + bytes, 'x'));
}

Message append_of(uint64_t group, std::vector<Entry> entries) {
  AppendRequest request;
  request.term = Term(3);
  request.prev_index = LogIndex(entries.empty() ? 0 : entries.front().index.value - 1);
  request.entries = std::move(entries);
  return message_of(group, std::move(request));
}

std::string frame_of_all(const std::vector<Message>& messages) {
  std::vector<ByteChain> parts;
  for (const Message& message : messages) parts.push_back(encode_part(message));
  return frame_of(parts).joined();
}

/// Puts a valid checksum in front of a changed body, so that the parser behind it is reached.
std::string with_checksum(std::string body) {
  store_u32(body.data(), crc32c(std::string_view(body).substr(4)));
  return body;
}

TEST(Pack, OneMessageIsTheFrameItAlwaysWas) {
  const Message message = append_of(5, {entry_of(1, 100)});
  EXPECT_EQ(frame_of_all({message}), encode(message).joined());
}

TEST(Pack, SeveralMessagesArriveInOrderEachAsIfItCameAlone) {
  const std::vector<Message> sent = {message_of(1, VoteReply{Term(3), true}),
                                     append_of(2, {entry_of(7, 100), entry_of(8, 0)}),
                                     message_of(3, HeartbeatRequest{Term(3), LogIndex(2), LogIndex(1), 99}),
                                     append_of(4, {entry_of(2, 3000)}), message_of(5, AppendReply{})};
  const Result<PeerMessage> decoded = decode(Bytes(frame_of_all(sent)));
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  const auto& pack = std::get<Pack>(*decoded);
  ASSERT_EQ(pack.parts.size(), sent.size());
  for (size_t i = 0; i < sent.size(); ++i) {
    const Result<PeerMessage> one = decode_part(pack, i);
    ASSERT_TRUE(one.ok()) << one.error().message;
    EXPECT_EQ(encode(*one).joined(), encode(sent[i]).joined()) << i;
  }
}

TEST(Pack, PayloadsAreNotCopiedBySenders) {
  const Entry first = entry_of(1, 100);
  const Entry second = entry_of(1, 200);
  std::vector<ByteChain> parts;
  parts.push_back(encode_part(message_of(1, VoteReply{})));
  parts.push_back(encode_part(append_of(2, {first})));
  parts.push_back(encode_part(append_of(3, {second})));
  const ByteChain frame = frame_of(parts);
  EXPECT_TRUE(parts.empty());
  ASSERT_EQ(frame.tail.size(), 3u) << "entry, what stands between, entry";
  EXPECT_EQ(frame.tail[0].view().data(), first.encoded.view().data());
  EXPECT_EQ(frame.tail[2].view().data(), second.encoded.view().data());
}

TEST(Pack, WhatIsKeptOfASmallPartDoesNotHoldTheWholeFrame) {
  const Bytes body(frame_of_all({append_of(1, {entry_of(1, 100)}), append_of(2, {entry_of(1, 10'000)})}));
  const auto is_within = [&](const Entry& entry) {
    const char* at = entry.encoded.view().data();
    return at >= body.view().data() && at < body.view().data() + body.size();
  };
  const Result<PeerMessage> decoded = decode(body);
  const auto& pack = std::get<Pack>(*decoded);
  const auto entry = [&](size_t part) {
    const Result<PeerMessage> message = decode_part(pack, part);
    return std::get<AppendRequest>(std::get<Message>(*message).body).entries.at(0);
  };
  EXPECT_FALSE(is_within(entry(0)));
  EXPECT_TRUE(is_within(entry(1))) << "most of the frame is its own";
}

TEST(Pack, APartThatIsNotUnderstoodCostsOnlyItself) {
  std::vector<ByteChain> parts;
  parts.push_back(encode_part(message_of(1, VoteReply{Term(3), true})));
  std::string unknown(4, '\0');  // length
  put_u32(unknown, 3);
  unknown += "\xfa\x3e\x00";  // an empty message of field 1007
  parts.push_back({unknown.substr(0, 11), {}});
  parts.push_back(encode_part(message_of(2, VoteReply{Term(4), true})));
  const Result<PeerMessage> decoded = decode(Bytes(frame_of(parts).joined()));
  const auto& pack = std::get<Pack>(*decoded);
  ASSERT_EQ(pack.parts.size(), 3u);
  EXPECT_TRUE(decode_part(pack, 0).ok());
  EXPECT_FALSE(decode_part(pack, 1).ok());
  EXPECT_TRUE(decode_part(pack, 2).ok());
}

TEST(Pack, APackInAPackIsRefused) {
  std::vector<ByteChain> parts;
  for (int i = 0; i < 2; ++i) parts.push_back(encode_part(PeerMessage(Pack())));
  const Result<PeerMessage> decoded = decode(Bytes(frame_of(parts).joined()));
  const auto& pack = std::get<Pack>(*decoded);
  ASSERT_EQ(pack.parts.size(), 2u);
  EXPECT_FALSE(decode_part(pack, 0).ok());
}

TEST(Pack, LengthsThatCannotBeTrueAreRefused) {
  const std::string frame = frame_of_all({message_of(1, VoteReply{}), message_of(2, VoteReply{})});
  const size_t first_length = 8 + load_u32(frame.data() + 4);
  for (const uint32_t wrong : {0u, 1u, 7u, 0x7fffffffu, 0xffffffffu}) {
    std::string changed = frame;
    store_u32(changed.data() + first_length, wrong);
    const Result<PeerMessage> decoded = decode(Bytes(with_checksum(changed)));
    if (!decoded.ok()) continue;
    const auto& pack = std::get<Pack>(*decoded);
    for (size_t i = 0; i < pack.parts.size(); ++i) static_cast<void>(decode_part(pack, i));
    EXPECT_FALSE(decode_part(pack, 0).ok()) << wrong;
  }
  for (size_t bytes = first_length + 1; bytes < frame.size(); ++bytes) {
    const Result<PeerMessage> decoded = decode(Bytes(with_checksum(frame.substr(0, bytes))));
    const bool is_whole = decoded.ok() && std::get<Pack>(*decoded).parts.size() == 2;
    EXPECT_FALSE(is_whole) << bytes;
  }
}

TEST(Pack, AsManyPartsAsOneMayHaveAndOneMore) {
  Pack pack;
  pack.parts.assign(kPackPartsMax, Bytes(std::string("\0\0\0\0", 4)));
  std::string frame = encode(PeerMessage(pack)).joined();
  EXPECT_TRUE(decode(Bytes(frame)).ok());
  frame += std::string("\4\0\0\0\0\0\0\0", 8);
  EXPECT_FALSE(decode(Bytes(with_checksum(frame))).ok());
}

}  // namespace
}  // namespace torc::wire
