#include "kv/sessions.h"

#include <gtest/gtest.h>

#include <map>

#include "kv/command_script.h"
#include "kv/image_format.h"
#include "kv/recorded_reply.h"

namespace torc::kv {
namespace {

constexpr std::string_view kUnknown = "!unknown session\n";

SessionId id_of(uint64_t number) { return {0, number}; }

struct Client {
  ScriptMachine node;
  Prng prng{1};
  SessionId session = open();
  uint64_t floor = 0;

  SessionId open() {
    const SessionCall label{.session = draw_session_id(prng), .is_first_send = true};
    EXPECT_EQ(node.propose("OPENSESSION", &label), "+OK\n");
    return label.session;
  }
  std::string call(uint64_t sequence, std::string_view line) {
    const SessionCall label{session, sequence, floor};
    return node.propose(line, &label);
  }
  std::string first_call(uint64_t sequence, std::string_view line) {
    const SessionCall label{session, sequence, floor, true};
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
  client.session = id_of(999);
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

// ---- how a session begins, and begins anew ----

// Ids were the group's operation counters: both clients got 1, and the second call of either was answered with the
// other's reply where it came to the other's group.
TEST(Session, TwoClientsThatBeginInTwoGroupsShareNoLabel) {
  ScriptMachine groups[2];
  Prng nodes[2] = {Prng(1), Prng(2)};
  SessionId ids[2];
  for (int i = 0; i < 2; ++i) {
    ids[i] = draw_session_id(nodes[i]);
    const SessionCall label{ids[i], 1, 1, true};
    EXPECT_EQ(groups[i].propose("APPEND a xyz", &label), ":3\n");
  }
  ASSERT_NE(ids[0], ids[1]);
  for (int i = 0; i < 2; ++i) {
    const SessionCall label{ids[i], 1, 1, true};
    EXPECT_EQ(groups[1 - i].propose("APPEND a xyz", &label), ":6\n") << "executed, and not the other's answer";
  }
}

TEST(Session, BeginsWithACallThatNobodySentBefore) {
  Client client;
  client.session = id_of(999);
  EXPECT_EQ(client.first_call(1, "INCR a"), ":1\n");
  EXPECT_EQ(client.call(1, "INCR a"), ":1\n") << "the same answer";
  EXPECT_EQ(client.call(2, "INCR a"), ":2\n");
  EXPECT_EQ(client.node.run("GET a"), "\"2\"\n");
}

TEST(Session, CallSentAgainToAGroupThatDoesNotKnowTheSessionExecutesNothing) {
  Client client;
  client.session = id_of(999);
  EXPECT_EQ(client.call(1, "SET a 1"), kUnknown) << "its first copy was lost";
  EXPECT_EQ(client.node.run("EXISTS a"), ":0\n");
  const size_t bytes = client.node.machine.bytes_used();
  EXPECT_EQ(client.call(1, "SET a 1"), kUnknown);
  EXPECT_EQ(client.node.machine.bytes_used(), bytes) << "it opens nothing";
}

// Two leaders proposed it: the client's node sent it to the second when the first fell silent.
TEST(Session, FirstCallThatComesLaterThanItsCopyIsExecutedOnce) {
  Client client;
  client.session = id_of(999);
  EXPECT_EQ(client.call(1, "INCR a"), kUnknown);
  EXPECT_EQ(client.first_call(1, "INCR a"), ":1\n") << "unknown: it may yet be executed";
  EXPECT_EQ(client.call(1, "INCR a"), ":1\n");
  EXPECT_EQ(client.first_call(1, "INCR a"), ":1\n") << "a network that sends twice";
  EXPECT_EQ(client.node.run("GET a"), "\"1\"\n");
}

TEST(Session, IsBegunAnewByTheNextCallWhenItWasForgotten) {
  Client client;
  EXPECT_EQ(client.call(1, "INCR a"), ":1\n");
  client.node.now.ms += kSessionIdleMsMax;
  EXPECT_EQ(client.call(1, "INCR a"), kUnknown);
  client.floor = 2;
  EXPECT_EQ(client.first_call(2, "INCR a"), ":2\n");
  EXPECT_EQ(client.call(1, "INCR a"), kUnknown) << "below the floor";
  EXPECT_EQ(client.call(2, "INCR a"), ":2\n");
}

// Calls 1 and 2 are under way together. The session is forgotten when the first one is executed and not answered.
TEST(Session, ARetryDoesNotExecuteAgainWhenALaterCallHasBegunTheSessionAnew) {
  Client client;
  EXPECT_EQ(client.first_call(1, "INCR a"), ":1\n");
  client.node.now.ms += kSessionIdleMsMax;
  EXPECT_EQ(client.first_call(2, "INCR b"), ":1\n");
  const SessionCall retry{client.session, 1, 0};
  EXPECT_FALSE(client.node.machine.would_execute(retry));
  EXPECT_EQ(client.call(1, "INCR a"), kUnknown);
  EXPECT_EQ(client.node.run("GET a"), "\"1\"\n");
  EXPECT_EQ(client.call(3, "INCR b"), ":2\n") << "numbered after the opener: it was never executed before";
}

// Commands of one client may be overtaken by each other on two connections.
TEST(Session, AFirstCallBelowTheOneThatOpenedTheSessionIsExecuted) {
  Client client;
  client.session = id_of(999);
  EXPECT_EQ(client.first_call(2, "INCR a"), ":1\n");
  EXPECT_EQ(client.first_call(1, "INCR a"), ":2\n");
  EXPECT_EQ(client.call(1, "INCR a"), ":2\n");
}

// The bound: forgotten in between, and begun anew by a call that was numbered before it and came after it.
TEST(Session, ACallIsExecutedTwiceOnlyIfAnEarlierOneThatCameLateBeganTheSessionAnew) {
  Client client;
  EXPECT_EQ(client.first_call(2, "INCR a"), ":1\n");
  client.node.now.ms += kSessionIdleMsMax;
  EXPECT_EQ(client.first_call(1, "INCR b"), ":1\n") << "more than an hour on its way";
  EXPECT_EQ(client.call(2, "INCR a"), ":2\n");
}

TEST(Session, OpensForNobodyBelowItsOwnFloorOrWithoutAnId) {
  ScriptMachine node;
  for (const SessionCall& label : {SessionCall{id_of(1), 1, 2, true}, SessionCall{SessionId(), 1, 1, true}}) {
    EXPECT_FALSE(node.machine.would_execute(label));
    EXPECT_EQ(node.propose("INCR a", &label), kUnknown);
  }
  EXPECT_EQ(node.machine.session_bytes(), 0u);
}

TEST(Session, WouldExecuteSaysWhatApplyingDoes) {
  Prng prng(7);
  ScriptMachine node;
  std::map<bool, int> seen;
  for (int i = 0; i < 3000; ++i) {
    if (prng.chance(1, 40)) node.now.ms += kSessionIdleMsMax;
    node.run("SET tick x");
    const uint64_t floor = prng.below(6);
    const SessionCall label{id_of(prng.below(3)), floor + prng.below(6) - prng.below(2) * prng.below(2), floor,
                            prng.chance(1, 3)};
    const bool would_execute = node.machine.would_execute(label);
    const std::string before = node.run("GET count");
    node.propose("INCR count", &label);
    ASSERT_EQ(node.run("GET count") != before, would_execute) << i;
    ++seen[would_execute];
  }
  EXPECT_GT(seen[true], 300);
  EXPECT_GT(seen[false], 300);
}

/// Opens the session, and is not remembered: as a labelled read does.
void open(Sessions& sessions, uint64_t session, WallMs stamp) { sessions.admit({id_of(session), 0, 0, true}, stamp); }

TEST(Sessions, TheOneUnusedForLongestMakesRoom) {
  Sessions sessions;
  for (uint64_t id = 1; id <= kSessionsMax; ++id) open(sessions, id, WallMs{1});
  EXPECT_EQ(sessions.count(), kSessionsMax);
  EXPECT_EQ(sessions.admit({id_of(1), 1, 0}, WallMs{2}).verdict, Sessions::Verdict::kExecute);
  sessions.record({id_of(1), 1, 0}, "x");
  open(sessions, kSessionsMax + 1, WallMs{3});
  EXPECT_EQ(sessions.count(), kSessionsMax);
  EXPECT_EQ(sessions.admit({id_of(2), 1, 0}, WallMs{3}).verdict, Sessions::Verdict::kUnknown);
  EXPECT_EQ(sessions.admit({id_of(1), 1, 0}, WallMs{3}).verdict, Sessions::Verdict::kReplay);
}

constexpr WallMs kNow{1};

void call(Sessions& sessions, uint64_t session, uint64_t sequence, std::string reply) {
  const SessionCall label{id_of(session), sequence, 0};
  ASSERT_EQ(sessions.admit(label, kNow).verdict, Sessions::Verdict::kExecute);
  sessions.record(label, std::move(reply));
}

Sessions::Verdict again(Sessions& sessions, uint64_t session, uint64_t sequence) {
  return sessions.admit({id_of(session), sequence, 0}, kNow).verdict;
}

TEST(Sessions, ASessionRemembersAsManyCallsAsTheLimitThenItsFloorMustRise) {
  Sessions sessions;
  open(sessions, 1, kNow);
  const SessionId id = id_of(1);
  for (uint64_t sequence = 1; sequence <= kSessionRecordsMax; ++sequence) call(sessions, 1, sequence, "r");
  const uint64_t next = kSessionRecordsMax + 1;
  EXPECT_EQ(sessions.admit({id, next, 0}, kNow).verdict, Sessions::Verdict::kOverfull);
  EXPECT_EQ(sessions.admit({id, next, 1}, kNow).verdict, Sessions::Verdict::kOverfull);
  EXPECT_EQ(sessions.admit({id, kSessionRecordsMax, 1}, kNow).verdict, Sessions::Verdict::kReplay);
  EXPECT_EQ(sessions.admit({id, next, 2}, kNow).verdict, Sessions::Verdict::kExecute);
}

TEST(Session, ACallBeyondWhatItsSessionRemembersIsSaidNotToBeExecuted) {
  Client client;
  client.floor = 1;
  for (uint64_t sequence = 1; sequence <= kSessionRecordsMax; ++sequence) client.call(sequence, "INCR a");
  EXPECT_EQ(client.call(kSessionRecordsMax + 1, "INCR a"), "!session overfull\n");
  EXPECT_EQ(client.node.run("GET a"), "\"" + std::to_string(kSessionRecordsMax) + "\"\n");
}

TEST(Sessions, AReplyAboveTheLimitIsNotKeptButThatItWasExecutedIs) {
  Sessions sessions;
  open(sessions, 1, kNow);
  call(sessions, 1, 1, std::string(kReplyBytesKeptMax, 'x'));
  call(sessions, 1, 2, std::string(kReplyBytesKeptMax + 1, 'x'));
  EXPECT_EQ(again(sessions, 1, 1), Sessions::Verdict::kReplay);
  EXPECT_EQ(again(sessions, 1, 2), Sessions::Verdict::kExecuted);
  EXPECT_TRUE(sessions.has_executed({id_of(1), 2, 0}));
  EXPECT_FALSE(sessions.has_executed({id_of(1), 3, 0}));
  EXPECT_LT(sessions.bytes_used(), kReplyBytesKeptMax + 1000);
}

// Eight replies of 32 MiB in eight sessions had every labelled write of everybody refused for an hour, with an unknown
// outcome: those of the nodes, which forward under sessions of their own, too.
TEST(Session, LargeRepliesOfSomeAreNobodyElsesRefusal) {
  Client client;
  const std::string large(kValueBytesMax, 'v');
  const std::vector<std::string_view> get_set{"v", large};
  for (int i = 0; i < 10; ++i) {
    const SessionCall label{client.open(), 1, 1};
    client.node.apply({CommandId::kGetSet, get_set}, &label);
    EXPECT_EQ(client.node.apply({CommandId::kGetSet, get_set}, &label), i == 0 ? "(nil)\n" : "!reply not kept\n");
  }
  EXPECT_EQ(client.call(1, "INCR a"), ":1\n");
  EXPECT_LT(client.node.machine.bytes_used(), 80u << 20);
}

TEST(Sessions, WhoKeepsMostLosesTheOldestRepliesFirst) {
  Sessions sessions;
  for (uint64_t id = 1; id <= 3; ++id) open(sessions, id, kNow);
  const std::string mib(kReplyBytesKeptMax, 'x');
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) call(sessions, 1, sequence, mib);
  call(sessions, 2, 1, "a small one that is not always kept");
  for (uint64_t sequence = 1; sequence <= 60; ++sequence) call(sessions, 3, sequence, mib);
  // With its 59th there are 64 MiB and a little: the third session is cut down to what the others leave of 56 MiB.
  EXPECT_EQ(again(sessions, 2, 1), Sessions::Verdict::kReplay);
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    EXPECT_EQ(again(sessions, 1, sequence), Sessions::Verdict::kReplay) << sequence;
  }
  EXPECT_EQ(again(sessions, 3, 9), Sessions::Verdict::kExecuted);
  EXPECT_EQ(again(sessions, 3, 10), Sessions::Verdict::kReplay);
  EXPECT_EQ(again(sessions, 3, 60), Sessions::Verdict::kReplay);
  EXPECT_LE(sessions.bytes_used(), kSessionsReplyBytesLeft + kReplyBytesKeptMax + 10'000);
}

TEST(Sessions, ReplyOfAFewBytesIsAlwaysKept) {
  Sessions sessions;
  open(sessions, 1, kNow);
  call(sessions, 1, 1, std::string(kReplyBytesAlwaysKept, 'x'));
  call(sessions, 1, 2, std::string(kReplyBytesAlwaysKept + 1, 'x'));
  for (uint64_t sequence = 3; sequence <= 67; ++sequence)
    call(sessions, 1, sequence, std::string(kReplyBytesKeptMax, 'x'));
  EXPECT_EQ(again(sessions, 1, 1), Sessions::Verdict::kReplay);
  EXPECT_EQ(again(sessions, 1, 2), Sessions::Verdict::kExecuted);
}

TEST(Sessions, TogetherTheyRememberAsManyCallsAsTheLimitThenTheOneUnusedForLongestGoes) {
  Sessions sessions;
  constexpr uint64_t kFull = kSessionsRecordsMax / kSessionRecordsMax;
  open(sessions, 1, kNow);
  call(sessions, 1, 1, "r");
  for (uint64_t id = 2; id <= kFull; ++id) {
    open(sessions, id, kNow);
    for (uint64_t sequence = 1; sequence <= kSessionRecordsMax; ++sequence) call(sessions, id, sequence, "r");
  }
  open(sessions, kFull + 1, kNow);
  for (uint64_t sequence = 1; sequence < kSessionRecordsMax; ++sequence) call(sessions, kFull + 1, sequence, "r");
  EXPECT_EQ(sessions.count(), kFull + 1);
  EXPECT_TRUE(sessions.has_executed({id_of(1), 1, 0})) << "exactly the limit";
  call(sessions, kFull + 1, kSessionRecordsMax, "r");
  EXPECT_EQ(sessions.count(), kFull);
  EXPECT_EQ(again(sessions, 1, 2), Sessions::Verdict::kUnknown);
  EXPECT_EQ(again(sessions, 2, 1), Sessions::Verdict::kReplay);
  std::string encoded;
  sessions.encode(encoded);
  EXPECT_LT(encoded.size(), kSessionsEncodedBytesMax);
}

/// Two sessions; the second has a reply that is kept, one that is not, and one of a few bytes.
Sessions some_sessions() {
  Sessions sessions;
  open(sessions, 9, WallMs{10});
  open(sessions, 5, WallMs{20});
  RecordingSink reply;
  reply.bulk("a value of some length");
  sessions.admit({id_of(5), 70, 60}, WallMs{30});
  sessions.record({id_of(5), 70, 60}, reply.take());
  sessions.admit({id_of(5), 80, 60}, WallMs{30});
  sessions.record({id_of(5), 80, 60}, std::string(kReplyBytesKeptMax + 1, 'x'));
  reply.ok();
  sessions.admit({id_of(5), 90, 60}, WallMs{30});
  sessions.record({id_of(5), 90, 60}, reply.take());
  return sessions;
}

TEST(Sessions, DecodeWhatTheyEncodeAndRefuseEveryTruncation) {
  const Sessions sessions = some_sessions();
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
  std::string encoded_again;
  other.encode(encoded_again);
  EXPECT_EQ(encoded_again, bytes);
  EXPECT_EQ(other.bytes_used(), sessions.bytes_used());
  EXPECT_EQ(other.admit({id_of(5), 70, 60}, WallMs{40}).verdict, Sessions::Verdict::kReplay);
  EXPECT_EQ(other.admit({id_of(5), 80, 60}, WallMs{40}).verdict, Sessions::Verdict::kExecuted);
}

// It would tell the client that a call was not executed which was.
TEST(Sessions, ARefusalIsNoAnswerThatASessionRemembers) {
  std::string bytes;  // one session: id 5, last use 10, opener 3, floor 60, one call
  put_varint(bytes, 1);
  put_session_id(bytes, id_of(5));
  put_i64(bytes, 10);
  put_varint(bytes, 3);
  put_varint(bytes, 60);
  put_varint(bytes, 1);
  RecordingSink refused;
  refused.refusal(Refusal::kNotExecuted);
  put_varint(bytes, 70);
  put_varint(bytes, refused.view().size() + 1);
  bytes += refused.view();
  Reader reader(bytes);
  Sessions sessions;
  EXPECT_FALSE(sessions.decode(reader).ok());
}

TEST(StateMachine, HeaderOfAnUnknownVersionIsRefusedWithASentenceAndNotTakenForDamage) {
  StateMachine machine({});
  machine.begin_capture();
  std::string header = machine.captured_header();
  machine.end_capture(false);
  for (const int version : {kHeaderFormatVersion - 1, kHeaderFormatVersion + 1}) {
    header[0] = static_cast<char>(version);
    StateMachine other({});
    const Status refused = other.restore_header(header, LogIndex(1));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kVersion);
    EXPECT_TRUE(refused.error().message.starts_with("the checkpoint's header has version " + std::to_string(version) +
                                                    ", this program knows version 3"));
  }
}

}  // namespace
}  // namespace torc::kv
