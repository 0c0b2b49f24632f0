#include "kv/sessions.h"

#include <gtest/gtest.h>

#include "kv/command_script.h"
#include "kv/recorded_reply.h"

namespace torc::kv {
namespace {

constexpr std::string_view kUnknown = "-UNKNOWN outcome: session expired or unknown\n";

struct Client {
  ScriptMachine node;
  SessionId session = open();
  uint64_t floor = 0;

  SessionId open() {
    const std::string reply = node.propose("REGISTERSESSION");
    return SessionId(std::stoull(reply.substr(1)));
  }
  std::string call(uint64_t sequence, std::string_view line) {
    const SessionCall label{session, sequence, floor};
    return node.propose(line, &label);
  }
};

TEST(Session, ADuplicateGetsTheSameReplyAndIsNotExecuted) {
  Client client;
  EXPECT_EQ(client.call(1, "APPEND a x"), ":1\n");
  EXPECT_EQ(client.call(1, "APPEND a x"), ":1\n");
  EXPECT_EQ(client.call(2, "APPEND a y"), ":2\n");
  EXPECT_EQ(client.call(1, "APPEND a x"), ":1\n");
  EXPECT_EQ(client.node.run("GET a"), "\"xy\"\n");
}

TEST(Session, ErrorsAreRememberedToo) {
  Client client;
  client.node.run("SET a text");
  EXPECT_EQ(client.call(1, "INCR a"), "-ERR value is not an integer or out of range\n");
  client.node.run("SET a 1");
  EXPECT_EQ(client.call(1, "INCR a"), "-ERR value is not an integer or out of range\n");
  EXPECT_EQ(client.node.run("GET a"), "\"1\"\n");
}

TEST(Session, SequencesMayArriveInAnyOrder) {
  Client client;
  EXPECT_EQ(client.call(3, "INCR a"), ":1\n");
  EXPECT_EQ(client.call(1, "INCR a"), ":2\n");
  EXPECT_EQ(client.call(UINT64_MAX, "INCR a"), ":3\n");
  EXPECT_EQ(client.call(2, "INCR a"), ":4\n");
  EXPECT_EQ(client.call(3, "INCR a"), ":1\n");
  EXPECT_EQ(client.call(1, "INCR a"), ":2\n");
  EXPECT_EQ(client.call(2, "INCR a"), ":4\n");
  EXPECT_EQ(client.call(UINT64_MAX, "INCR a"), ":3\n");
  EXPECT_EQ(client.node.run("GET a"), "\"4\"\n");
}

TEST(Session, BelowTheFloorTheOutcomeIsUnknown) {
  Client client;
  client.call(1, "INCR a");
  client.call(5, "INCR a");
  client.floor = 5;
  EXPECT_EQ(client.call(7, "INCR a"), ":3\n");
  EXPECT_EQ(client.call(1, "INCR a"), kUnknown);
  EXPECT_EQ(client.call(4, "INCR a"), kUnknown);
  EXPECT_EQ(client.call(5, "INCR a"), ":2\n");
  client.floor = 0;  // a delayed message cannot lower it
  EXPECT_EQ(client.call(4, "INCR a"), kUnknown);
  EXPECT_EQ(client.node.run("GET a"), "\"3\"\n");
}

TEST(Session, UnknownSessionsExecuteNothing) {
  Client client;
  client.session = SessionId(999);
  EXPECT_EQ(client.call(1, "SET a 1"), kUnknown);
  EXPECT_EQ(client.node.run("EXISTS a"), ":0\n");
}

TEST(Session, ReadsAreExecutedAnewAndLeaveNothingBehind) {
  Client client;
  client.call(1, "SET a 1");
  const size_t bytes_before = client.node.machine.bytes_used();
  EXPECT_EQ(client.call(2, "GET a"), "\"1\"\n");
  EXPECT_EQ(client.node.machine.bytes_used(), bytes_before);
}

TEST(Session, EndsAfterAnHourWithoutUse) {
  Client client;
  client.node.now.ms += kSessionIdleMsMax - 1;
  EXPECT_EQ(client.call(1, "INCR a"), ":1\n");
  client.node.now.ms += kSessionIdleMsMax - 1;
  EXPECT_EQ(client.call(1, "INCR a"), ":1\n") << "a use prolongs it";
  client.node.now.ms += kSessionIdleMsMax;
  EXPECT_EQ(client.call(1, "INCR a"), kUnknown);
}

TEST(Session, IdsAreNeverUsedTwice) {
  Client client;
  const SessionId second = client.open();
  EXPECT_NE(client.session, second);
  client.node.now.ms += kSessionIdleMsMax;
  EXPECT_GT(client.open(), second);
}

TEST(Sessions, TheOneUnusedForLongestMakesRoom) {
  Sessions sessions;
  for (uint64_t id = 1; id <= kSessionsMax; ++id) sessions.open(id, WallMs{1});
  EXPECT_EQ(sessions.count(), kSessionsMax);
  EXPECT_EQ(sessions.admit({SessionId(1), 1, 0}, WallMs{2}).verdict, Sessions::Verdict::kExecute);
  sessions.record({SessionId(1), 1, 0}, "x");
  sessions.open(kSessionsMax + 1, WallMs{3});
  EXPECT_EQ(sessions.count(), kSessionsMax);
  EXPECT_EQ(sessions.admit({SessionId(2), 1, 0}, WallMs{3}).verdict, Sessions::Verdict::kUnknown);
  EXPECT_EQ(sessions.admit({SessionId(1), 1, 0}, WallMs{3}).verdict, Sessions::Verdict::kReplay);
}

TEST(Sessions, KeepAsManyRepliesAsTheLimit) {
  Sessions sessions;
  sessions.open(1, WallMs{1});
  const SessionId id(1);
  for (uint64_t sequence = 1; sequence <= kSessionRepliesMax; ++sequence) {
    ASSERT_EQ(sessions.admit({id, sequence, 0}, WallMs{1}).verdict, Sessions::Verdict::kExecute);
    sessions.record({id, sequence, 0}, "r");
  }
  const uint64_t next = kSessionRepliesMax + 1;
  EXPECT_EQ(sessions.admit({id, next, 0}, WallMs{1}).verdict, Sessions::Verdict::kOverfull);
  EXPECT_EQ(sessions.admit({id, next, 1}, WallMs{1}).verdict, Sessions::Verdict::kOverfull);
  EXPECT_EQ(sessions.admit({id, next, 2}, WallMs{1}).verdict, Sessions::Verdict::kExecute);
}

TEST(Sessions, KeepAsManyBytesAsTheLimit) {
  Sessions sessions;
  sessions.open(1, WallMs{1});
  const SessionId id(1);
  sessions.admit({id, 1, 0}, WallMs{1});
  sessions.record({id, 1, 0}, std::string(kSessionReplyBytesMax - 1, 'x'));
  EXPECT_EQ(sessions.admit({id, 2, 0}, WallMs{1}).verdict, Sessions::Verdict::kExecute);
  sessions.record({id, 2, 0}, "x");
  EXPECT_EQ(sessions.admit({id, 3, 0}, WallMs{1}).verdict, Sessions::Verdict::kOverfull);
  EXPECT_EQ(sessions.admit({id, 3, 2}, WallMs{1}).verdict, Sessions::Verdict::kExecute);
}

TEST(Sessions, TogetherTheyKeepAsManyBytesAsTheLimit) {
  Sessions sessions;
  uint64_t id = 0;
  for (size_t bytes = 0; bytes < kSessionsReplyBytesMax; bytes += 32u << 20) {
    sessions.open(++id, WallMs{1});
    ASSERT_EQ(sessions.admit({SessionId(id), 1, 0}, WallMs{1}).verdict, Sessions::Verdict::kExecute);
    sessions.record({SessionId(id), 1, 0}, std::string(32u << 20, 'x'));
  }
  sessions.open(++id, WallMs{1});
  EXPECT_EQ(sessions.admit({SessionId(id), 1, 0}, WallMs{1}).verdict, Sessions::Verdict::kOverfull);
  EXPECT_EQ(sessions.admit({SessionId(1), 2, 2}, WallMs{1}).verdict, Sessions::Verdict::kExecute);
}

TEST(Sessions, DecodeWhatTheyEncodeAndRefuseEveryTruncation) {
  Sessions sessions;
  RecordingSink reply;
  reply.bulk("value");
  sessions.open(5, WallMs{10});
  sessions.open(9, WallMs{20});
  sessions.admit({SessionId(5), 70, 60}, WallMs{30});
  sessions.record({SessionId(5), 70, 60}, reply.take());
  std::string bytes;
  sessions.encode(bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    Reader reader(std::string_view(bytes).substr(0, size));
    Sessions other;
    EXPECT_FALSE(other.decode(reader).ok()) << size;
  }
  Reader reader(bytes);
  Sessions other;
  ASSERT_TRUE(other.decode(reader).ok());
  EXPECT_TRUE(reader.at_end());
  std::string again;
  other.encode(again);
  EXPECT_EQ(again, bytes);
  EXPECT_EQ(other.bytes_used(), sessions.bytes_used());
}

}  // namespace
}  // namespace torc::kv
