#include "wire/introduction.h"

#include <gmock/gmock.h>

#include "base/codec.h"
#include "wire/peer_message.h"

namespace torc::wire {
namespace {

using testing::HasSubstr;

Agreement terms() {
  Agreement agreement;
  agreement.cluster = ClusterId(0xabcdef);
  agreement.listed = {NodeId(1), NodeId(2), NodeId(3)};
  agreement.election_timeout_min = 200ms;
  agreement.lease_drift_percent = 10;
  return agreement;
}

Introduction introduction() {
  return {{NodeId(2), Incarnation(UINT64_MAX)},
          terms(),
          5,
          7,
          {UINT64_MAX, 1, 2},
          {{Term(3), LogIndex(4)}, {Term(), LogIndex()}},
          {{ReplicaNumber(UINT64_MAX), ReplicaNumber(6)}}};
}

TEST(Introduction, SurvivesTheRoundTripAndShorterBytesNeverPassForIt) {
  const std::string bytes = encode(introduction());
  ASSERT_TRUE(decode_introduction(bytes).ok());
  EXPECT_EQ(decode_introduction(bytes).value(), introduction());
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto shorter = decode_introduction(bytes.substr(0, i));
    EXPECT_FALSE(shorter.ok() && *shorter == introduction()) << i;
  }
  EXPECT_FALSE(decode_introduction(std::string(kIntroductionBytesMax + 1, '\0')).ok());
}

TEST(Introduction, ChaptersAreTakenUpToTheLimitAndNoMoreThanThereCanBe) {
  Introduction most = introduction();
  most.chapter = 1000;
  most.nonces.assign(kChapterNoncesMax, 9);
  ASSERT_TRUE(decode_introduction(encode(most)).ok());
  std::string one_more = encode(most);
  put_varint(one_more, 6 << 3 | 1);
  put_u64(one_more, 9);
  EXPECT_FALSE(decode_introduction(one_more).ok());
  std::string too_many = encode({{NodeId(2), Incarnation(1)}, terms(), 1, 1, {5}, {}});
  put_varint(too_many, 6 << 3 | 1);
  put_u64(too_many, 9);
  EXPECT_FALSE(decode_introduction(too_many).ok()) << "two nonces of one chapter";
}

TEST(Introduction, EndsOfAllLogsThereCanBeFitWithEverythingElse) {
  Introduction most = introduction();
  most.chapter = 1000;
  most.nonces.assign(kChapterNoncesMax, UINT64_MAX);
  most.agreement.listed.assign(kMeetNodesMax, NodeId(UINT32_MAX));
  most.ends.assign(kReplicasMax, {Term(UINT64_MAX >> 20), LogIndex(UINT64_MAX >> 1)});
  most.replicas.numbers.assign(kReplicasMax, ReplicaNumber(UINT64_MAX));
  const std::string bytes = encode(most);
  ASSERT_TRUE(decode_introduction(bytes).ok());
  EXPECT_EQ(decode_introduction(bytes).value(), most);
  std::string one_replica_more = bytes;
  put_varint(one_replica_more, 11 << 3 | 1);
  put_u64(one_replica_more, 9);
  EXPECT_FALSE(decode_introduction(one_replica_more).ok());
  std::string one_more = bytes;
  put_varint(one_more, 9 << 3);  // a term without an index
  put_varint(one_more, 1);
  EXPECT_FALSE(decode_introduction(one_more).ok());
}

TEST(HeldReplicas, WhatIsAlikeEverywhereIsSaidOnce) {
  const ReplicaNumber first(7);
  const ReplicaNumber later(8);
  const HeldReplicas alike = HeldReplicas::by_arc({first, first, first});
  EXPECT_EQ(alike.numbers.size(), 1u);
  EXPECT_EQ(alike.of(0), first);
  EXPECT_EQ(alike.of(2), first);
  const HeldReplicas mixed = HeldReplicas::by_arc({first, later, first});
  EXPECT_EQ(mixed.of(1), later);
  EXPECT_EQ(mixed.of(2), first);
  EXPECT_EQ(mixed.of(3), ReplicaNumber()) << "there is no such arc";
  EXPECT_EQ(HeldReplicas::by_arc({}).of(0), ReplicaNumber()) << "it holds none yet";
}

TEST(Introduction, FieldsOfALaterVersionChangeNothing) {
  std::string unknown;
  put_varint(unknown, 19'001 << 3);  // a varint field
  put_varint(unknown, 42);
  std::string bytes = encode(introduction()) + unknown;
  put_varint(bytes, 3 << 3 | 2);  // once more the agreement: parsers merge the two
  put_bytes(bytes, unknown);
  ASSERT_TRUE(decode_introduction(bytes).ok());
  EXPECT_EQ(decode_introduction(bytes).value(), introduction());
}

TEST(Agreement, EqualTermsAndAClusterNotKnownYetAreNoDifference) {
  EXPECT_EQ(difference(NodeId(1), terms(), NodeId(3), terms()), std::nullopt);
  Agreement unborn = terms();
  unborn.cluster = ClusterId();
  EXPECT_EQ(difference(NodeId(1), terms(), NodeId(3), unborn), std::nullopt);
  EXPECT_EQ(difference(NodeId(1), unborn, NodeId(3), terms()), std::nullopt);
}

TEST(Agreement, EveryDifferenceIsASentenceThatIsTheSameAtBothEnds) {
  struct Case {
    std::function<void(Agreement&)> change;
    std::string words;
  };
  for (const Case& one : {
           Case{[](Agreement& a) { a.cluster = ClusterId(5); },
                "node 1 belongs to cluster 0000000000abcdef, node 3 to 0000000000000005"},
           Case{[](Agreement& a) { a.listed.pop_back(); },
                "node 1 was started with an --initial-cluster of nodes 1, 2, 3, node 3 with one of nodes 1, 2"},
           Case{[](Agreement& a) { a.arcs = 64; }, "node 1 was started with --arcs 1, node 3 with 64"},
           Case{[](Agreement& a) { a.election_timeout_min = 3000ms; },
                "node 1 runs with --election-timeout-ms 200, node 3 with 3000"},
           Case{[](Agreement& a) { a.lease_drift_percent = 0; },
                "node 1 allows for clocks that differ by 10 %, node 3 by 0 %"},
           Case{[](Agreement& a) { a.format_oldest = a.format_newest = 7; },
                "node 1 reads formats 3 to 3, node 3 7 to 7"},
           // It has words where this version has numbers (kv/refusal.h), and neither would understand the other.
           Case{[](Agreement& a) { a.format_oldest = a.format_newest = 1; },
                "node 1 reads formats 3 to 3, node 3 1 to 1"},
       }) {
    Agreement other = terms();
    one.change(other);
    const auto told = difference(NodeId(1), terms(), NodeId(3), other);
    ASSERT_TRUE(told) << one.words;
    EXPECT_THAT(*told, HasSubstr(one.words));
    EXPECT_EQ(difference(NodeId(3), other, NodeId(1), terms()), told);
  }
}

TEST(Agreement, VersionsWithACommonFormatWorkTogether) {
  Agreement later = terms();
  later.format_newest = kFormatNewest + 1;
  EXPECT_EQ(difference(NodeId(1), terms(), NodeId(3), later), std::nullopt);
}

}  // namespace
}  // namespace torc::wire
