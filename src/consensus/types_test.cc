#include "consensus/types.h"

#include <gtest/gtest.h>

#include "base/codec.h"
#include "consensus/test_cluster.h"

namespace torc::consensus {
namespace {

TEST(Entry, IsTakenApartIntoWhatItWasMadeOf) {
  const Entry first = entry_of(3, 7, "payload");
  const Entry second = make_entry(Term(4), LogIndex(8), EntryKind::kNoop, buffer_of(""));
  Bytes bytes = Bytes::copy_of(std::string(first.encoded.view()) + std::string(second.encoded.view()));
  EXPECT_EQ(take_entry(bytes).value(), first);
  const Entry taken = take_entry(bytes).value();
  EXPECT_EQ(taken, second);
  EXPECT_EQ(taken.payload(), "");
  EXPECT_TRUE(bytes.empty());
}

TEST(Entry, DoesNotCopyItsPayload) {
  std::string buffer = buffer_of(std::string(1000, 'x'));
  const char* before = buffer.data();
  EXPECT_EQ(make_entry(Term(1), LogIndex(1), EntryKind::kCommands, std::move(buffer)).encoded.view().data(), before);
}

TEST(Entry, EveryTruncationIsRefused) {
  const Entry entry = entry_of(3, 7, "payload");
  for (size_t size = 0; size < entry.size(); ++size) {
    Bytes cut = entry.encoded.slice(0, size);
    EXPECT_FALSE(take_entry(cut).ok()) << size;
    EXPECT_EQ(cut.size(), size) << "a refused entry must not be consumed";
  }
}

TEST(Entry, DamagedHeadersAreRefused) {
  const std::string good(entry_of(3, 7, "payload").encoded.view());
  const auto is_taken = [&](size_t offset, char value) {
    std::string bad = good;
    bad[offset] = value;
    Bytes bytes(std::move(bad));
    return take_entry(bytes).ok();
  };
  EXPECT_TRUE(is_taken(4, 2)) << "kConfiguration is the last known kind";
  EXPECT_FALSE(is_taken(4, 3)) << "kind";
  EXPECT_FALSE(is_taken(5, kEntryVersion - 1)) << "an earlier version";
  EXPECT_FALSE(is_taken(5, kEntryVersion + 1)) << "a later version";
  EXPECT_FALSE(is_taken(6, 1)) << "zero";
  EXPECT_FALSE(is_taken(8, 0)) << "term zero";
  EXPECT_FALSE(is_taken(16, 0)) << "index zero";
  EXPECT_FALSE(is_taken(3, 0x7f)) << "announces 2 GiB";
}

TEST(Entry, PayloadAtTheLimitIsTakenAndOnePastItIsNot) {
  std::string buffer(kEntryHeaderBytes + kEntryPayloadBytesMax + 1, 'x');
  store_u32(buffer.data(), static_cast<uint32_t>(kEntryPayloadBytesMax + 1));
  Bytes above(buffer);
  EXPECT_FALSE(take_entry(above).ok());
  buffer.pop_back();
  Bytes at(make_entry(Term(1), LogIndex(1), EntryKind::kCommands, std::move(buffer)).encoded);
  EXPECT_TRUE(take_entry(at).ok());
}

Configuration members(size_t count) {
  Configuration configuration;
  for (size_t n = 1; n <= count; ++n) configuration.voters.push_back(replica_id(n));
  return configuration;
}

TEST(Configuration, SurvivesEncoding) {
  Configuration joint = members(3);
  joint.outgoing = {replica_id(2), replica_id(9)};
  joint.learners = {replica_id(9)};
  EXPECT_EQ(decode_configuration(encode_configuration(joint)).value(), joint);
  EXPECT_EQ(joint.members().size(), 4u);
  EXPECT_TRUE(joint.is_voter(replica_id(9)));
  EXPECT_FALSE(joint.contains(ReplicaId{NodeId(1), ReplicaNumber(2)})) << "another replica of node 1";
}

TEST(Configuration, MalformedBytesAreRefused) {
  const std::string good = encode_configuration(members(3));
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(decode_configuration(good.substr(0, size)).ok()) << size;
  EXPECT_FALSE(decode_configuration(good + "x").ok());
  EXPECT_FALSE(decode_configuration(encode_configuration({})).ok()) << "nobody would decide";
  Configuration unsorted = members(2);
  std::swap(unsorted.voters[0], unsorted.voters[1]);
  EXPECT_FALSE(decode_configuration(encode_configuration(unsorted)).ok());
  Configuration twofold = members(2);
  twofold.learners = {replica_id(2)};
  EXPECT_FALSE(decode_configuration(encode_configuration(twofold)).ok());
}

TEST(Configuration, HoldsMembersUpToTheLimitAndNotOneMore) {
  EXPECT_TRUE(decode_configuration(encode_configuration(members(kConfigurationMembersMax))).ok());
  EXPECT_FALSE(decode_configuration(encode_configuration(members(kConfigurationMembersMax + 1))).ok());
  Configuration spread = members(kConfigurationMembersMax);
  spread.learners = {replica_id(kConfigurationMembersMax + 1)};
  EXPECT_FALSE(decode_configuration(encode_configuration(spread)).ok());
}

}  // namespace
}  // namespace torc::consensus
