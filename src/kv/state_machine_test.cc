#include "kv/state_machine.h"

#include <gtest/gtest.h>

#include "kv/command_script.h"
#include "kv/entry.h"
#include "kv/handlers.h"
#include "kv/sessions.h"

namespace torc::kv {
namespace {

constexpr std::string_view kTooLong = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\n";

TEST(StateMachine, AReadThatWouldAnswerExpiredNeedsACommit) {
  for (const char* line : {"GET b", "MGET a b", "EXISTS a b", "TTL b", "STRLEN b", "GETRANGE b 0 1", "TYPE b",
                           "VERSION b", "PTTL b", "EXPIRETIME b", "PEXPIRETIME b"}) {
    ScriptMachine node;
    node.run("SET a 1");
    node.run("SET b 1 PX 100");
    OwnedCommand command(line);
    TextSink sink;
    EXPECT_EQ(node.machine.read(command.view(), WallMs{node.now.ms + 99}, sink), ReadResult::kAnswered) << line;
    TextSink untouched;
    EXPECT_EQ(node.machine.read(command.view(), WallMs{node.now.ms + 100}, untouched), ReadResult::kNeedsCommit);
    EXPECT_EQ(untouched.text(), "");
    EXPECT_EQ(node.machine.key_count(), 2u);
    node.now.ms += 100;
    node.propose(line);
    EXPECT_EQ(node.machine.key_count(), 1u) << "the read, as an entry, deletes: " << line;
  }
}

TEST(StateMachine, TimeNeverGoesBack) {
  ScriptMachine node;
  node.run("SET a 1 PX 100");
  node.now.ms += 50;
  node.run("SET b 1");
  node.now.ms -= 1000;  // another leader whose clock is behind
  EXPECT_EQ(node.run("PTTL a"), ":50\n");
  EXPECT_EQ(node.run("PEXPIRE b 10"), ":1\n");
  EXPECT_EQ(node.run("PTTL b"), ":10\n");
}

// 2 h ahead from operation 3 on; set back with what is known of that, and without.
//
//   operations   1: a, 10 s   2: b, 3 h   | 3: c, 10 s   4: d, 3 h |
//   stamp        right                    | 2 h ahead              | set back
TEST(StateMachine, AStampThatWasAheadIsSetBackAndWhatWasComputedFromItToo) {
  constexpr int64_t kAheadMs = 2 * 3'600'000;
  const auto run_ahead = [&](ScriptMachine& node) {
    node.run("SET b 1 PX 10800000");
    node.run("SET a 1 PX 10000");
    node.now.ms += kAheadMs;
    node.run("SET c 1 PX 10000");
    node.run("SET d 1 PX 10800000");
    EXPECT_EQ(node.machine.last_stamp(), node.now);
    node.now.ms -= kAheadMs;
  };
  const auto set_back = [&](ScriptMachine& node, int64_t operations, int64_t deadline_ms) {
    const std::string now = std::to_string(node.now.ms);
    return node.propose("SETBACK " + now + " " + std::to_string(operations) + " " + std::to_string(deadline_ms));
  };
  ScriptMachine known;
  run_ahead(known);
  EXPECT_EQ(set_back(known, 2, known.now.ms), "+OK\n");
  EXPECT_EQ(known.machine.last_stamp(), known.now);
  for (const auto& [key, ttl] : {std::pair("a", "10000"), {"b", "10800000"}, {"c", "10000"}, {"d", "10800000"}}) {
    EXPECT_EQ(known.run("PTTL " + std::string(key)), ":" + std::string(ttl) + "\n") << key;
  }
  EXPECT_EQ(known.run("VERSION d"), ":4\n") << "it holds the same";
  EXPECT_EQ(set_back(known, 2, known.now.ms), "+OK\n");
  EXPECT_EQ(known.run("PTTL d"), ":10800000\n") << "only a stamp that is ahead is set back";

  // What lies behind the last wrong stamp can only have been computed from it, or be longer than it was wrong.
  ScriptMachine unknown;
  run_ahead(unknown);
  EXPECT_EQ(set_back(unknown, 0, unknown.now.ms + kAheadMs), "+OK\n");
  EXPECT_EQ(unknown.run("PTTL a"), ":10000\n");
  EXPECT_EQ(unknown.run("PTTL c"), ":10000\n");
  EXPECT_EQ(unknown.run("PTTL d"), ":10800000\n");
  for (const char* wrong : {"SETBACK", "SETBACK 1", "SETBACK 1 2 x", "SETBACK -1 0 5", "SETBACK 5 0 4"}) {
    const WallMs before = unknown.machine.last_stamp();
    EXPECT_EQ(unknown.propose(wrong), "+OK\n");
    EXPECT_EQ(unknown.machine.last_stamp(), before) << wrong;
  }
}

TEST(StateMachine, SessionsOutliveAStampThatWasAhead) {
  ScriptMachine node;
  const auto open = [&](const SessionCall& label) {
    const SessionCall opening{label.session, 0, 0, true};
    EXPECT_EQ(node.propose("OPENSESSION", &opening), "+OK\n");
  };
  const SessionCall early{SessionId(0, 1), 1, 1};
  open(early);
  node.now.ms += kSessionIdleMsMax - 1;
  const SessionCall late{SessionId(0, 2), 1, 1};
  open(late);
  EXPECT_EQ(node.propose("INCR a", &late), ":1\n");
  EXPECT_EQ(node.propose("INCR a", &early), ":2\n");
  node.now.ms -= kSessionIdleMsMax / 2;
  EXPECT_EQ(node.propose("SETBACK " + std::to_string(node.now.ms) + " 0 " + std::to_string(node.now.ms)), "+OK\n");
  node.now.ms += kSessionIdleMsMax - 1;
  EXPECT_EQ(node.propose("INCR a", &early), ":2\n");
  node.now.ms += kSessionIdleMsMax;
  EXPECT_EQ(node.propose("INCR a", &early), "!unknown session\n");
}

TEST(StateMachine, WritesSeeAnExpiredKeyAsAbsent) {
  const std::pair<const char*, const char*> cases[] = {
      {"SET a 1 NX", "+OK\n"},        {"SET a 1 XX", "(nil)\n"},    {"SETNX a 1", ":1\n"},
      {"GETSET a 1", "(nil)\n"},      {"GETDEL a", "(nil)\n"},      {"GETEX a", "(nil)\n"},
      {"APPEND a xy", ":2\n"},        {"SETRANGE a 1 x", ":2\n"},   {"INCR a", ":1\n"},
      {"INCRBYFLOAT a 2", "\"2\"\n"}, {"MSETNX a 1", ":1\n"},       {"DEL a", ":0\n"},
      {"UNLINK a", ":0\n"},           {"EXPIRE a 10", ":0\n"},      {"PERSIST a", ":0\n"},
      {"CAS a 5 6", ":0\n"},          {"CASVERSION a 0 6", ":1\n"}, {"SET a 2 KEEPTTL", "+OK\n"},
      {"SET a 2 GET", "(nil)\n"}};
  for (const auto& [line, reply] : cases) {
    ScriptMachine node;
    node.run("SET a 5 PX 100");
    node.now.ms += 100;
    EXPECT_EQ(node.run(line), reply) << line;
    EXPECT_NE(node.run("TTL a").substr(0, 2), ":0") << line;
  }
}

TEST(StateMachine, PurgeDeletesOnlyWhatIsDue) {
  ScriptMachine node;
  node.run("SET a 1 PX 100");
  node.run("SET b 1 PX 200");
  node.run("SET c 1");
  node.now.ms += 150;
  EXPECT_EQ(node.propose("PURGE a b c none"), "+OK\n");
  EXPECT_EQ(node.machine.key_count(), 2u);
  EXPECT_EQ(node.run("EXISTS a b c"), ":2\n");
}

TEST(StateMachine, DueKeysComeByDeadlineAndFollowEveryChange) {
  ScriptMachine node;
  using Keys = std::vector<std::string>;
  const auto due = [&](int64_t after_ms, size_t count_max = 100) {
    return node.machine.due_keys(WallMs{node.now.ms + after_ms}, count_max, SIZE_MAX).keys;
  };
  node.run("SET c 1 PX 300");
  node.run("SET a 1 PX 200");
  node.run("SET b 1 PX 200");
  node.run("SET d 1");
  EXPECT_EQ(due(199), Keys());
  EXPECT_EQ(due(200), (Keys{"a", "b"}));
  EXPECT_EQ(due(1000), (Keys{"a", "b", "c"}));
  EXPECT_EQ(due(1000, 1), Keys{"a"});
  node.run("PERSIST a");
  node.run("APPEND b a-tail-that-moves-the-block-to-another-size-class");
  node.run("PEXPIRE d 250");
  EXPECT_EQ(due(1000), (Keys{"b", "d", "c"}));
  node.run("SET d 2 KEEPTTL");
  node.run("SET b 2");
  node.run("DEL c");
  EXPECT_EQ(due(1000), Keys{"d"});
  node.run("FLUSHALL");
  EXPECT_EQ(due(1000), Keys());
}

// Counted alone, 1,024 keys of 65,000 bytes were one purge of 64 MiB.
TEST(StateMachine, DueKeysStopBeforeTheirBytesPassTheLimit) {
  ScriptMachine node;
  node.run("SET aa 1 PX 100");     // 3 bytes
  node.run("SET bb 22 PX 100");    // 4
  node.run("SET cc 4444 PX 100");  // 6
  const auto due = [&](size_t bytes_max) { return node.machine.due_keys(WallMs{node.now.ms + 100}, 100, bytes_max); };
  EXPECT_EQ(due(7).keys, (std::vector<std::string>{"aa", "bb"}));
  EXPECT_FALSE(due(7).is_all);
  EXPECT_EQ(due(6).keys, std::vector<std::string>{"aa"});
  EXPECT_EQ(due(1).keys, std::vector<std::string>{"aa"}) << "one always";
  EXPECT_EQ(due(12).keys.size(), 2u);
  EXPECT_EQ(due(13).keys.size(), 3u);
  EXPECT_TRUE(due(13).is_all);
}

TEST(StateMachine, DbSizeCountsExpiredKeysUntilTheyArePurged) {
  ScriptMachine node;
  node.run("SET a 1 PX 100");
  node.now.ms += 100;
  EXPECT_EQ(node.run("DBSIZE"), ":1\n");
  EXPECT_EQ(node.run("GET a"), "(nil)\n");
  EXPECT_EQ(node.run("DBSIZE"), ":0\n");
}

TEST(StateMachine, ARelativeExpireThatOverflowsWithTheStampIsRefused) {
  ScriptMachine node;
  node.run("SET a 1");
  const std::string last_fine = std::to_string(INT64_MAX - node.now.ms);
  EXPECT_EQ(node.run("PEXPIRE a " + last_fine), ":1\n");
  EXPECT_EQ(node.run("PEXPIRETIME a"), ":9223372036854775807\n");
  const std::string first_bad = std::to_string(INT64_MAX - node.now.ms + 1);
  EXPECT_EQ(node.run("PEXPIRE a " + first_bad), "-ERR invalid expire time in 'pexpire' command\n");
  EXPECT_EQ(node.run("SET a 1 PX " + first_bad), "-ERR invalid expire time in 'set' command\n");
}

TEST(StateMachine, CompareAndSetByValue) {
  ScriptMachine node;
  EXPECT_EQ(node.run("CAS a \"\" 1"), ":0\n") << "an absent key equals nothing";
  node.run("SET a 1 EX 100");
  EXPECT_EQ(node.run("CAS a 2 3"), ":0\n");
  EXPECT_EQ(node.run("TTL a"), ":100\n");
  EXPECT_EQ(node.run("CAS a 1 3"), ":1\n");
  EXPECT_EQ(node.run("GET a"), "\"3\"\n");
  EXPECT_EQ(node.run("TTL a"), ":-1\n") << "as SET";
  EXPECT_EQ(node.run("CAS a 3"), "-ERR wrong number of arguments for 'cas' command\n");
}

TEST(StateMachine, CompareAndSetByVersion) {
  ScriptMachine node;
  EXPECT_EQ(node.run("VERSION a"), ":0\n");
  EXPECT_EQ(node.run("CASVERSION a 0 x"), ":1\n");
  EXPECT_EQ(node.run("CASVERSION a 0 y"), ":0\n");
  EXPECT_EQ(node.run("VERSION a"), ":1\n");
  EXPECT_EQ(node.run("CASVERSION a 1 z"), ":1\n");
  EXPECT_EQ(node.run("VERSION a"), ":3\n") << "the operation's number, refused ones count";
  EXPECT_EQ(node.run("CASVERSION a 1 z"), ":0\n");
  for (const char* bad : {"-1", "x", "9223372036854775808"}) {
    EXPECT_EQ(node.run("CASVERSION a " + std::string(bad) + " z"), "-ERR value is not an integer or out of range\n");
  }
}

TEST(StateMachine, CompareAndSetByVersionWithADeadline) {
  ScriptMachine node;
  const std::string later = std::to_string(node.now.ms + 5000);
  EXPECT_EQ(node.run("CASVERSION a 0 x PXAT " + later), ":1\n");
  EXPECT_EQ(node.run("PEXPIRETIME a"), ":" + later + "\n");
  EXPECT_EQ(node.run("CASVERSION a 7 x PXAT 1"), ":0\n");
  EXPECT_EQ(node.run("CASVERSION a 1 y"), ":1\n");
  EXPECT_EQ(node.run("TTL a"), ":-1\n") << "as SET";
  EXPECT_EQ(node.run("CASVERSION b 0 x PXAT 1"), ":1\n");
  EXPECT_EQ(node.run("GET b"), "(nil)\n") << "a deadline that has passed, as with SET";
  EXPECT_EQ(node.run("CASVERSION a 1 y PXAT"), "-ERR syntax error\n");
  EXPECT_EQ(node.run("CASVERSION a 1 y EX 5"), "-ERR syntax error\n");
  EXPECT_EQ(node.run("CASVERSION a 1 y PXAT 0"), "-ERR invalid expire time in 'casversion' command\n");
  const std::string now = std::to_string(node.now.ms);
  EXPECT_EQ(node.run("CASVERSION c 0 x BEFORE " + now), ":0\n") << "too late";
  EXPECT_EQ(node.run("CASVERSION c 0 x PXAT " + later + " BEFORE " + later), ":1\n");
  EXPECT_EQ(node.run("PEXPIRETIME c"), ":" + later + "\n");
  EXPECT_EQ(node.run("CASVERSION c 0 x BEFORE"), "-ERR syntax error\n");
  EXPECT_EQ(node.run("CASVERSION a 1"), "-ERR wrong number of arguments for 'casversion' command\n");
}

TEST(StateMachine, EveryWriteOfAKeyChangesItsVersion) {
  ScriptMachine node;
  node.run("SET a 1");
  std::string before = node.run("VERSION a");
  for (const char* line : {"SET a 1", "INCR a", "APPEND a 1", "SETRANGE a 0 1", "EXPIRE a 100", "GETEX a EX 50",
                           "PERSIST a", "GETSET a 1", "MSET b 1 a 1", "INCRBYFLOAT a 1", "APPEND a \"\""}) {
    node.run(line);
    const std::string after = node.run("VERSION a");
    EXPECT_NE(before, after) << line;
    before = after;
  }
  for (const char* line : {"SET a 1 NX", "GETEX a", "PERSIST a", "SETRANGE a 0 \"\"", "CAS a no x", "EXPIRE a 5 XX"}) {
    node.run(line);
    EXPECT_EQ(node.run("VERSION a"), before) << line;
  }
}

TEST(StateMachine, KeysMayBeAsLongAsTheLimitAndNotOneByteLonger) {
  const std::string longest(kKeyBytesMax, 'k');
  const std::string too_long = longest + 'k';
  constexpr std::string_view kError = "-ERR key exceeds maximum allowed size (65535 bytes)\n";
  ScriptMachine node;
  EXPECT_EQ(node.run("SET " + longest + " 1"), "+OK\n");
  EXPECT_EQ(node.run("GET " + longest), "\"1\"\n");
  EXPECT_EQ(node.run("SET " + too_long + " 1"), kError);
  EXPECT_EQ(node.run("MGET a " + too_long), kError);
  EXPECT_EQ(node.run("MSET a " + too_long), "+OK\n") << "as a value it is fine";
  EXPECT_EQ(node.propose("MSET a 1 " + too_long + " 2"), kError) << "an entry is checked too";
}

TEST(StateMachine, ValuesMayBeAsLongAsTheLimitAndNotOneByteLonger) {
  const std::string longest(kValueBytesMax, 'v');
  ScriptMachine node;
  EXPECT_EQ(node.run("SET a " + longest), "+OK\n");
  EXPECT_EQ(node.run("STRLEN a"), ":33554432\n");
  EXPECT_EQ(node.run("SET a " + longest + "v"), kTooLong);
  EXPECT_EQ(node.run("APPEND a \"\""), ":33554432\n");
  EXPECT_EQ(node.run("APPEND a x"), kTooLong);
  EXPECT_EQ(node.run("SETRANGE a 33554431 x"), ":33554432\n");
  EXPECT_EQ(node.run("SETRANGE a 33554432 x"), kTooLong);
  EXPECT_EQ(node.run("STRLEN a"), ":33554432\n");
}

TEST(StateMachine, MalformedEntriesAreCorruptAndApplyNothingAfterTheDamage) {
  BatchBuilder batch(0);
  const std::string_view key[] = {"a"};
  batch.add({CommandId::kIncr, key});
  const std::string good = batch.take(WallMs{1});
  NullSink sink;
  OneSinkRouter router(sink);
  for (const std::string& damage : {std::string("\x02"), std::string("\0\x05\0", 3), std::string("\0\x0a\x05", 3)}) {
    StateMachine machine({});
    const Status status = machine.apply(LogIndex(1), good + damage + good.substr(8), router);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(machine.key_count(), 1u);
  }
  StateMachine machine({});
  EXPECT_FALSE(machine.apply(LogIndex(1), "short", router).ok());
}

TEST(StateMachine, EntriesThatBreakTheSyntaxAnswerAndDoNothing) {
  ScriptMachine node;
  EXPECT_EQ(node.propose("GET"), "-ERR wrong number of arguments for 'get' command\n");
  EXPECT_EQ(node.propose("SET a 1 EX"), "-ERR syntax error\n");
  EXPECT_EQ(node.propose("MSET a 1 b"), "-ERR wrong number of arguments for 'mset' command\n");
  EXPECT_EQ(node.propose("DEL"), "-ERR wrong number of arguments for 'del' command\n");
  EXPECT_EQ(node.machine.key_count(), 0u);
}

TEST(StateMachine, RoutesEachOperationsReplyByItsPosition) {
  struct Router final : ReplyRouter {
    std::vector<TextSink> sinks{3};
    ReplySink& sink_for(size_t position) override { return sinks.at(position); }
  } router;
  BatchBuilder batch(0);
  const std::string_view key[] = {"a"};
  for (int i = 0; i < 3; ++i) batch.add({CommandId::kIncr, key});
  StateMachine machine({});
  ASSERT_TRUE(machine.apply(LogIndex(7), batch.take(WallMs{1}), router).ok());
  EXPECT_EQ(router.sinks[0].text() + router.sinks[1].text() + router.sinks[2].text(), ":1\n:2\n:3\n");
  machine.skip(LogIndex(8));
  EXPECT_EQ(machine.applied(), LogIndex(8));
}

TEST(StateMachine, BytesUsedReturnToWhereTheyWere) {
  ScriptMachine node;
  const size_t empty = node.machine.bytes_used();
  node.run("SET a " + std::string(1000, 'v'));
  EXPECT_GT(node.machine.bytes_used(), empty + 1000);
  node.run("SET a 1");
  EXPECT_LT(node.machine.bytes_used(), empty + 200) << "a much shorter value gives its room back";
  node.run("APPEND a " + std::string(100, 'v') + " ");
  node.run("PEXPIRE a 1000");
  node.run("DEL a");
  EXPECT_EQ(node.machine.bytes_used(), empty);
  node.run("SET a 1 EX 100");
  node.run("FLUSHALL");
  while (node.machine.bytes_used() > empty) node.machine.reclaim();
  EXPECT_EQ(node.machine.bytes_used(), empty);
}

// As much is freed as is added: else a state that is filled and flushed again and again leaves more behind each time.
TEST(StateMachine, WhatFlushesLeaveBehindDoesNotGather) {
  constexpr size_t kKeys = 50'000;
  std::vector<std::string> words;
  for (size_t key = 0; key < kKeys; ++key) words.push_back("key" + std::to_string(key));
  std::vector<std::string_view> args;
  for (const std::string& word : words) args.insert(args.end(), {word, "value"});
  ScriptMachine node;
  size_t first_left = 0;
  for (int round = 0; round < 6; ++round) {
    ASSERT_EQ(node.apply({CommandId::kMSet, args}), "+OK\n");
    ASSERT_EQ(node.run("FLUSHALL"), "+OK\n");
    if (round == 0) first_left = node.machine.flushed_bytes();
    EXPECT_LT(node.machine.flushed_bytes(), 2 * first_left) << round;
    EXPECT_LE(node.machine.flushed_bytes(), node.machine.flushed_bytes_max());
  }
}

TEST(StateMachine, EveryCommandHasOneHandlerAndItsTraits) {
  CommandId before = CommandId::kNone;
  for (const CommandTraits& row : command_traits()) {
    EXPECT_LT(before, row.id);
    before = row.id;
    EXPECT_EQ(traits_of(row.id), &row);
    ScriptMachine node;
    const std::vector<std::string_view> args(static_cast<size_t>(row.arity < 0 ? -row.arity : row.arity) - 1, "1");
    const std::string reply = node.apply({row.id, args});
    const bool is_scan = row.id == CommandId::kScan || row.id == CommandId::kTorcScan;
    EXPECT_EQ(std::count(reply.begin(), reply.end(), '\n'), is_scan                      ? 3
                                                            : row.id == CommandId::kMGet ? 2
                                                                                         : 1)
        << row.name;
    EXPECT_EQ(row_of(row.id)->read == nullptr, row.is_write) << row.name;
  }
  EXPECT_EQ(traits_of(CommandId::kOpenSession), nullptr);
  EXPECT_EQ(traits_of(CommandId::kPurge), nullptr);
}

}  // namespace
}  // namespace torc::kv
