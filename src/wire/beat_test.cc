#include "wire/beat.h"

#include <gtest/gtest.h>

#include "base/codec.h"
#include "base/prng.h"

namespace torc::wire {
namespace {

Heartbeat heartbeat(uint64_t group, uint64_t to, int64_t stamp, uint64_t commit = 7, uint64_t to_all = 5) {
  return {GroupId(group), ReplicaNumber(11), ReplicaNumber(to), {Term(3), LogIndex(commit), LogIndex(to_all), stamp}};
}

bool same(const Heartbeat& a, const Heartbeat& b) {
  return a.group == b.group && a.from == b.from && a.to == b.to && a.request.term == b.request.term &&
         a.request.commit == b.request.commit && a.request.replicated_to_all == b.request.replicated_to_all &&
         a.request.stamp == b.request.stamp;
}

TEST(Beat, EveryFieldSurvivesAtItsEnds) {
  const std::vector<Heartbeat> sent = {
      heartbeat(0, 0, 0, 0, 0),
      heartbeat(0, 1, INT64_MAX, UINT64_MAX, 0),
      heartbeat(1, 0, INT64_MIN, 0, UINT64_MAX),
      {GroupId(1),
       ReplicaNumber(UINT64_MAX),
       ReplicaNumber(UINT64_MAX),
       {Term(UINT64_MAX), LogIndex(1), LogIndex(2), -1}},
      heartbeat(UINT64_MAX, 4, 5),
  };
  for (const int64_t base : {int64_t{0}, int64_t{123456789}, INT64_MIN, INT64_MAX}) {
    std::string raw;
    append_heartbeats(sent, base, raw);
    const auto read = read_heartbeats(raw, base);
    ASSERT_TRUE(read.ok()) << read.error().message;
    ASSERT_EQ(read->size(), sent.size());
    for (size_t i = 0; i < sent.size(); ++i) EXPECT_TRUE(same((*read)[i], sent[i])) << i;
  }
}

TEST(Beat, AThousandGroupsStayFarBelowTheControlConnectionsLimit) {
  Prng prng(1);
  for (const bool has_random_ids : {false, true}) {
    size_t bytes = 0;
    uint64_t group = 0;
    for (int beat = 0; beat < 2; ++beat) {
      std::vector<Heartbeat> sent;
      for (size_t i = 0; i < 500; ++i) {
        group += has_random_ids ? prng.next() >> 10 : 1;
        Heartbeat one = heartbeat(group, 22, 1'000'000'000'000 + static_cast<int64_t>(i), 5'000'000, 4'999'990);
        if (has_random_ids) one.from = ReplicaNumber(prng.next()), one.to = ReplicaNumber(prng.next());
        sent.push_back(one);
      }
      std::string raw;
      append_heartbeats(sent, sent.front().request.stamp, raw);
      bytes += raw.size();
    }
    EXPECT_LT(bytes, has_random_ids ? 36'000u : 11'000u);
    RecordProperty(has_random_ids ? "bytes_random_ids" : "bytes_numbered", static_cast<int>(bytes));
  }
}

TEST(Beat, MalformedHeartbeatsAreRefused) {
  std::string raw;
  append_heartbeats({heartbeat(1, 22, 5), heartbeat(2, 22, 6)}, 0, raw);
  size_t whole = 0;  // prefixes that end between two heartbeats
  for (size_t bytes = 0; bytes < raw.size(); ++bytes) whole += read_heartbeats(raw.substr(0, bytes), 0).ok() ? 1 : 0;
  EXPECT_EQ(whole, 2u);

  std::string twice;
  append_heartbeats({heartbeat(1, 22, 5)}, 0, twice);
  const std::string once = twice;
  put_varint(twice, 0);  // the same group ...
  put_u8(twice, 3);      // ... and replicas
  twice += "\x03\x0a\x07\x03";
  EXPECT_FALSE(read_heartbeats(twice, 0).ok()) << "a place that stands there twice";

  std::string beyond = once;
  put_varint(beyond, UINT64_MAX);
  put_u8(beyond, 3);
  beyond += "\x03\x0a\x07\x03";
  EXPECT_FALSE(read_heartbeats(beyond, 0).ok()) << "groups wrap around";

  std::string flags = once;
  put_varint(flags, 1);
  put_u8(flags, 4);
  EXPECT_FALSE(read_heartbeats(flags + std::string(40, '\1'), 0).ok()) << "unknown flags";
}

TEST(Beat, AsManyHeartbeatsAsOneMayHaveAndOneMore) {
  std::vector<Heartbeat> sent;
  for (uint64_t i = 1; i <= kHeartbeatsMax; ++i) sent.push_back(heartbeat(i, 22, 5));
  std::string raw;
  append_heartbeats(sent, 5, raw);
  EXPECT_TRUE(read_heartbeats(raw, 5).ok());
  std::string more;
  append_heartbeats({heartbeat(1, 22, 5)}, 5, more);
  EXPECT_FALSE(read_heartbeats(raw + more, 5).ok());
}

TEST(Beat, ExceptionsSurviveInOrder) {
  const std::vector<BeatException> sent = {
      {0, std::nullopt}, {1, LogIndex(0)}, {5, LogIndex(UINT64_MAX)}, {kHeartbeatsMax - 1, std::nullopt}};
  std::string raw;
  append_exceptions(sent, raw);
  const auto read = read_exceptions(raw);
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->size(), sent.size());
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ((*read)[i].position, sent[i].position);
    EXPECT_EQ((*read)[i].last_index, sent[i].last_index);
  }
}

TEST(Beat, AnExceptionBeyondTheLargestBeatIsRefused) {
  std::string raw;
  put_varint(raw, kHeartbeatsMax << 1);
  EXPECT_FALSE(read_exceptions(raw).ok());
  raw.clear();
  put_varint(raw, (kHeartbeatsMax - 1) << 1);
  EXPECT_TRUE(read_exceptions(raw).ok());
  put_varint(raw, 0);
  EXPECT_FALSE(read_exceptions(raw).ok());
  raw.clear();
  put_varint(raw, UINT64_MAX);
  EXPECT_FALSE(read_exceptions(raw).ok());
  EXPECT_FALSE(read_exceptions("\x01").ok()) << "cut off before its last index";
}

}  // namespace
}  // namespace torc::wire
