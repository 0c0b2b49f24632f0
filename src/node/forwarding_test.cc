// Forwarder and receiver together, over a link that loses, breaks and comes back: every write once, in order, answered.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <set>

#include "base/prng.h"
#include "node/test_forwarding.h"

namespace torc::node {
namespace {

struct Pair {
  Leader leader;
  Follower follower;
  Instant now{1'000'000'000};

  /// One exchange of everything that waits on the link; `loses` decides what disappears.
  void exchange(const std::function<bool()>& loses = [] { return false; }) {
    now = now + 1ms;
    follower.forwarder.flush(kLeader, false, now);
    for (; !follower.out.empty(); follower.out.pop_front()) {
      if (!loses()) leader.receiver.on_request(kFollower, follower.out.front());
    }
    leader.receiver.run_held();
    leader.receiver.flush();
    for (; !leader.out.empty(); leader.out.pop_front()) {
      if (!loses()) follower.forwarder.on_reply(kLeader, leader.out.front(), now);
    }
    follower.forwarder.expire(now);
  }
};

TEST(Forwarding, OpensASessionThenExecutesInOrder) {
  Pair pair;
  pair.follower.write(1, "a", pair.now);
  pair.follower.write(2, "b", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.executed, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(pair.follower.port.answers,
            (std::map<Ticket, std::string>{{1, recorded_integer(0)}, {2, recorded_integer(1)}}));
  EXPECT_EQ(pair.follower.forwarder.outstanding(), 0u);
}

TEST(Forwarding, LostAnswerIsAskedForAgainWithoutASecondExecution) {
  Pair pair;
  pair.follower.write(1, "a", pair.now);
  pair.exchange();
  pair.exchange();
  pair.exchange();
  pair.follower.write(2, "b", pair.now);
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  pair.leader.receiver.on_request(kFollower, pair.follower.out.front());
  pair.follower.out.clear();
  pair.leader.receiver.flush();
  pair.leader.out.clear();  // executed, but the answer is lost with the connection
  pair.leader.receiver.on_connection_changed(kFollower);
  pair.follower.forwarder.on_connection_changed(kLeader);
  for (int round = 0; round < 3; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.executed, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(pair.follower.port.answers.contains(2));
}

TEST(Forwarding, RefusedStreamIsSentToTheNextLeader) {
  Pair pair;
  pair.leader.is_leader = false;
  pair.follower.write(1, "a", pair.now);
  pair.exchange();
  EXPECT_TRUE(pair.follower.port.answers.empty());
  pair.leader.is_leader = true;
  for (int round = 0; round < 50; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.executed, std::vector<std::string>{"a"});
}

TEST(Forwarding, LeadershipLostBetweenExecutionAndAnswerExecutesOnce) {
  Pair pair;
  pair.leader.holds_answers = false;
  pair.follower.write(1, "a", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  pair.leader.holds_answers = true;
  pair.follower.write(2, "b", pair.now);
  pair.exchange();
  pair.leader.receiver.on_leadership_lost();
  pair.leader.release();  // answers for waiters that were taken away reach nobody
  pair.leader.holds_answers = false;
  for (int round = 0; round < 50; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.executed, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(pair.follower.port.answers.contains(2));
}

// Found by the simulator (seed 1268): the first send was executed and its answer lost, the second one's entry was lost
// in an election. "Not executed" was true of the second only.
TEST(Forwarding, RefusalOfASecondSendIsNotToldToTheClient) {
  Pair pair;
  pair.follower.write(1, "a", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  pair.follower.write(2, "b", pair.now);
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  pair.leader.receiver.on_request(kFollower, pair.follower.out.front());
  pair.follower.out.clear();
  pair.leader.receiver.flush();
  pair.leader.out.clear();  // executed, the answer is lost
  pair.leader.receiver.on_connection_changed(kFollower);
  pair.follower.forwarder.on_connection_changed(kLeader);
  for (const auto refusal : {kv::Refusal::kNotExecuted, kv::Refusal::kDiskFull, kv::Refusal::kOverloaded}) {
    pair.leader.refusal = refusal;
    for (int round = 0; round < 50; ++round) pair.exchange();
    EXPECT_FALSE(pair.follower.port.answers.contains(2)) << kv::name_of(refusal);
  }
  pair.leader.refusal.reset();
  for (int round = 0; round < 50; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.executed, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(pair.follower.port.answers[2], recorded_integer(1));
}

// Otherwise a leader that was slow made every refusal of a full memory an unknown outcome.
TEST(Forwarding, RefusalOfAllCopiesIsTheAnswerAsLongAsTheyWentOneWay) {
  for (const bool went_elsewhere : {false, true}) {
    Pair pair;
    pair.follower.write(1, "a", pair.now);
    for (int round = 0; round < 3; ++round) pair.exchange();
    pair.follower.write(2, "b", pair.now);
    pair.follower.forwarder.flush(kLeader, false, pair.now);
    pair.follower.out.clear();  // lost
    if (went_elsewhere) pair.follower.forwarder.on_connection_changed(kLeader);
    pair.leader.refusal = kv::Refusal::kOverloaded;
    for (int round = 0; round < 2000; ++round) pair.exchange();
    EXPECT_FALSE(pair.follower.port.answers.contains(2)) << "a refusal of this copy alone";
    pair.leader.refusal = kv::Refusal::kOutOfMemory;
    for (int round = 0; round < 50; ++round) pair.exchange();
    EXPECT_EQ(pair.follower.port.answers.contains(2), !went_elsewhere);
  }
}

TEST(Forwarding, RefusalOfTheOnlySendIsTheAnswer) {
  Pair pair;
  pair.follower.write(1, "a", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  pair.leader.refusal = kv::Refusal::kDiskFull;
  pair.follower.write(2, "b", pair.now);
  pair.exchange();
  ASSERT_TRUE(pair.follower.port.answers.contains(2));
  EXPECT_EQ(pair.follower.port.answers[2], recorded(kv::Refusal::kDiskFull));
}

// A node of a later version has a reason that this one does not know: nothing can be concluded from it.
TEST(Forwarding, AnAnswerThatCannotBeReadLeavesTheOutcomeUnknown) {
  Pair pair;
  pair.follower.write(1, "a", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  pair.follower.write(2, "b", pair.now);
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  const std::string later_version = std::string("\x08") + static_cast<char>(static_cast<uint8_t>(kv::kRefusalLast) + 1);
  wire::ForwardReply reply;
  reply.group = kGroup;
  reply.epoch = pair.follower.out.front().epoch;
  reply.replies = {{pair.follower.out.front().commands.front().sequence, later_version}};
  pair.follower.forwarder.on_reply(kLeader, reply, pair.now);
  EXPECT_EQ(pair.follower.port.answers[2], recorded(kv::Refusal::kAnswerUnreadable));
  EXPECT_FALSE(is_definite(*kv::recorded_refusal(pair.follower.port.answers[2])));
}

TEST(Forwarding, WriteNeverSentIsReportedAsNotExecutedAtItsDeadline) {
  Pair pair;
  pair.follower.is_connected = false;
  pair.follower.write(1, "a", pair.now);
  pair.now = pair.now + 11s;
  pair.exchange();
  ASSERT_TRUE(pair.follower.port.answers.contains(1));
  EXPECT_EQ(pair.follower.port.answers[1], recorded(kv::Refusal::kNoLeader));
}

TEST(Forwarding, WriteSentAndUnansweredIsReportedAsUnknownAtItsDeadline) {
  Pair pair;
  pair.follower.write(1, "a", pair.now);
  pair.exchange();
  pair.exchange();
  pair.exchange();
  pair.follower.write(2, "b", pair.now);
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  pair.follower.out.clear();
  pair.now = pair.now + 11s;
  pair.follower.forwarder.expire(pair.now);
  ASSERT_TRUE(pair.follower.port.answers.contains(2));
  EXPECT_EQ(pair.follower.port.answers[2], recorded(kv::Refusal::kNoAnswer));
}

TEST(Forwarding, BecomingLeaderKeepsTheLabelOfWhatWasSentAndNeedsNoneForTheRest) {
  Pair pair;
  pair.follower.write(1, "a", pair.now);
  pair.exchange();
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  pair.follower.out.clear();
  pair.follower.is_connected = false;
  pair.follower.write(2, "b", pair.now);
  pair.follower.forwarder.flush(NodeId(), true, pair.now);
  EXPECT_EQ(pair.follower.executed_here, (std::vector<std::pair<Ticket, bool>>{{1, true}, {2, false}}));
}

TEST(Forwarding, ExpiredSessionIsReplacedAndItsUnexecutedWritesAreSentUnderTheNext) {
  Pair pair;
  pair.follower.write(1, "a", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  pair.leader.forget_sessions();
  for (Ticket ticket = 2; ticket <= 4; ++ticket) pair.follower.write(ticket, std::to_string(ticket), pair.now);
  for (int round = 0; round < 5; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.executed, (std::vector<std::string>{"a", "2", "3", "4"}));
  for (Ticket ticket = 2; ticket <= 4; ++ticket) {
    const std::string& answer = pair.follower.port.answers[ticket];
    EXPECT_EQ(answer, recorded_integer(static_cast<int64_t>(ticket) - 1)) << answer;
  }
}

TEST(Forwarding, WriteSentTwiceUnderASessionThatExpiredHasAnUnknownOutcome) {
  Pair pair;
  pair.follower.write(1, "a", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  pair.follower.write(2, "b", pair.now);
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  pair.leader.receiver.on_request(kFollower, pair.follower.out.front());  // executed
  pair.follower.out.clear();
  pair.leader.receiver.flush();
  pair.leader.out.clear();  // the answer is lost
  pair.leader.receiver.on_connection_changed(kFollower);
  pair.follower.forwarder.on_connection_changed(kLeader);
  pair.leader.forget_sessions();
  pair.follower.write(3, "c", pair.now);
  for (int round = 0; round < 5; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.executed, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(pair.follower.port.answers[2], recorded(kv::Refusal::kUnknownSession));
  EXPECT_EQ(pair.follower.port.answers[3], recorded_integer(2));
}

// It would open the session a second time, under which something may have been executed in between.
TEST(Forwarding, AnOpeningThatWasLostIsNeverRepeatedUnderItsId) {
  Pair pair;
  pair.follower.write(1, "a", pair.now);
  std::vector<kv::SessionId> ids;
  for (int attempt = 0; attempt < 3; ++attempt) {
    pair.follower.forwarder.flush(kLeader, false, pair.now);
    ASSERT_EQ(pair.follower.out.size(), 1u);
    const wire::ForwardedCommand opening = pair.follower.out.front().commands.at(0);
    EXPECT_EQ(opening.id, kv::CommandId::kOpenSession);
    EXPECT_TRUE(opening.call->is_first_send);
    ids.push_back(opening.call->session);
    pair.follower.out.clear();
    pair.follower.forwarder.on_connection_changed(kLeader);
  }
  EXPECT_EQ(std::set<kv::SessionId>(ids.begin(), ids.end()).size(), 3u);
  for (int round = 0; round < 3; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.executed, std::vector<std::string>{"a"});
}

// The answer of the first attempt comes when the second is under way: the second's session need not be open.
TEST(Forwarding, AnAnswerToAnEarlierOpeningOpensNothing) {
  Pair pair;
  pair.follower.write(1, "a", pair.now);
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  pair.leader.receiver.on_request(kFollower, pair.follower.out.front());
  pair.follower.out.clear();
  pair.leader.receiver.flush();
  pair.follower.forwarder.on_connection_changed(kLeader);
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  pair.follower.out.clear();  // lost
  pair.follower.forwarder.on_reply(kLeader, pair.leader.out.front(), pair.now);
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  EXPECT_TRUE(pair.follower.out.empty()) << "nothing is sent under a session that may not be open";
}

// ---- labels of clients ----

constexpr kv::SessionCall kFirstCall{{1, 2}, 1, 1, true};

TEST(Forwarding, AClientsCallIsAFirstSendOnceHoweverOftenItIsSent) {
  Pair pair;
  pair.follower.call(1, kFirstCall, "a", pair.now);
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  pair.leader.receiver.on_request(kFollower, pair.follower.out.front());
  pair.follower.out.clear();
  pair.leader.receiver.flush();
  pair.leader.out.clear();  // executed, the answer is lost
  pair.leader.receiver.on_connection_changed(kFollower);
  pair.follower.forwarder.on_connection_changed(kLeader);
  for (int round = 0; round < 3; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.first_sends, (std::vector<bool>{true, false}));
  EXPECT_EQ(pair.leader.executed, std::vector<std::string>{"a"});
  EXPECT_EQ(pair.follower.port.answers[1], recorded_integer(0));
  EXPECT_TRUE(pair.leader.opened.empty()) << "this node's session is not needed";
}

TEST(Forwarding, AFirstCallWhoseOnlyCopyWasLostHasAnUnknownOutcomeAndExecutesNothing) {
  Pair pair;
  pair.follower.call(1, kFirstCall, "a", pair.now);
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  pair.follower.out.clear();  // lost
  pair.follower.forwarder.on_connection_changed(kLeader);
  for (int round = 0; round < 3; ++round) pair.exchange();
  EXPECT_TRUE(pair.leader.executed.empty());
  EXPECT_EQ(pair.follower.port.answers[1], recorded(kv::Refusal::kUnknownSession));
}

// The refused stream was not looked at: nothing of it can be executed.
TEST(Forwarding, ARejectedFirstCallIsStillAFirstSendAtTheNextLeader) {
  Pair pair;
  pair.leader.is_leader = false;
  pair.follower.call(1, kFirstCall, "a", pair.now);
  pair.exchange();
  pair.leader.is_leader = true;
  for (int round = 0; round < 50; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.first_sends, std::vector<bool>{true});
  EXPECT_EQ(pair.leader.executed, std::vector<std::string>{"a"});
}

// Told "not executed" its client would take the call for one that nobody ever sent, and it was executed.
TEST(Forwarding, RefusalOfASecondCopyIsNoNewsToWhoHoldsTheLabel) {
  Pair pair;
  pair.follower.call(1, kFirstCall, "a", pair.now);
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  pair.leader.receiver.on_request(kFollower, pair.follower.out.front());
  pair.follower.out.clear();
  pair.leader.receiver.flush();
  pair.leader.out.clear();  // executed, the answer is lost
  pair.leader.receiver.on_connection_changed(kFollower);
  pair.follower.forwarder.on_connection_changed(kLeader);
  pair.leader.refusal = kv::Refusal::kNoMajority;
  for (int round = 0; round < 3; ++round) pair.exchange();
  EXPECT_EQ(pair.follower.port.answers[1], recorded(kv::Refusal::kSendSameCallAgain));
  pair.follower.call(2, {{1, 2}, 2, 1, true}, "b", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  EXPECT_EQ(pair.follower.port.answers[2], recorded(kv::Refusal::kNoMajority)) << "of the only copy it is";
}

TEST(Forwarding, ReadsDoNotMakeARestingSessionLookUsed) {
  Pair pair;
  pair.follower.write(1, "a", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  for (Ticket ticket = 2; ticket < 20; ++ticket) {
    pair.now = pair.now + 60s;
    pair.follower.read(ticket, pair.now);
    pair.exchange();
  }
  pair.follower.write(20, "b", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.opened.size(), 2u) << "a session unused for 18 minutes is replaced before it is used";
  EXPECT_TRUE(pair.follower.port.answers.contains(20));
}

TEST(Forwarding, NeverMoreUnansweredWritesThanASessionKeepsAnswers) {
  Pair pair;
  const Ticket writes = kv::kSessionRecordsMax + 1000;
  for (Ticket ticket = 1; ticket <= writes; ++ticket) {
    if (ticket % Forwarder::kClientWindowBegin == 0) pair.follower.as_another();
    pair.follower.write(ticket, "x", pair.now);
  }
  for (int round = 0; round < 10; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.answers_kept_max, kv::kSessionRecordsMax);
  EXPECT_EQ(pair.follower.port.answers.size(), writes);
}

TEST(Forwarding, ASessionRefusedByAFullDiskIsTheAnswerOfWritesAndHoldsUpNoRead) {
  Pair pair;
  pair.leader.refusal = kv::Refusal::kDiskFull;
  pair.follower.write(1, "a", pair.now);
  pair.follower.read(2, pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  EXPECT_EQ(pair.follower.port.answers[1], recorded(kv::Refusal::kDiskFull));
  EXPECT_TRUE(pair.follower.port.answers.contains(2));
  pair.leader.refusal.reset();
  pair.follower.write(3, "b", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.executed, std::vector<std::string>{"b"});
}

TEST(Forwarding, ASessionWithoutAClearAnswerIsOpenedUnderANewIdAfterAPause) {
  Pair pair;
  pair.leader.refusal = kv::Refusal::kNotExecuted;
  pair.follower.write(1, "a", pair.now);
  pair.exchange();
  EXPECT_TRUE(pair.follower.port.answers.empty());
  pair.follower.forwarder.flush(kLeader, false, pair.now + 1ms);
  EXPECT_TRUE(pair.follower.out.empty()) << "as fast as the network allows";
  pair.leader.refusal.reset();
  for (int round = 0; round < 50; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.executed, std::vector<std::string>{"a"});
}

// A full queue drops an answer while others get through (env/network.h).
TEST(Forwarding, DroppedAnswerIsAskedForAlthoughOthersArrive) {
  Pair pair;
  pair.follower.read(1, pair.now);
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  pair.leader.receiver.on_request(kFollower, pair.follower.out.front());
  pair.follower.out.clear();
  pair.leader.receiver.flush();
  pair.leader.out.clear();
  for (Ticket ticket = 2; ticket < 12 && !pair.follower.port.answers.contains(1); ++ticket) {
    pair.now = pair.now + 500ms;
    pair.follower.read(ticket, pair.now);
    pair.exchange();
    pair.exchange();
  }
  ASSERT_TRUE(pair.follower.port.answers.contains(1));
  EXPECT_EQ(pair.follower.port.answers[1], recorded_integer(0));
}

// Every disk is slow. The stream began again while the answer was almost there, and lost it, for ever.
TEST(Forwarding, AnswersThatTakeLongerThanTheyAreWaitedForArrive) {
  constexpr Duration kLate = 1300ms;  // each, one behind the other
  Pair pair;
  pair.leader.holds_answers = true;
  pair.follower.write(1, "a", pair.now);
  Instant decided = pair.now + kLate;
  while (!pair.follower.port.answers.contains(1) && pair.now < Instant{} + 10s) {
    pair.exchange();
    if (pair.now < decided) continue;
    pair.leader.release_one();
    decided = pair.now + kLate;
  }
  EXPECT_TRUE(pair.follower.port.answers.contains(1));
  EXPECT_EQ(pair.leader.executed, std::vector<std::string>{"a"});
}

TEST(Forwarding, WhatIsThereOrStillOnItsWayIsNotSentAgain) {
  Pair pair;
  pair.leader.holds_answers = true;
  pair.follower.write(1, "a", pair.now);
  pair.exchange();
  const uint64_t first_epoch = pair.follower.last_epoch;
  const auto wait = [&] {
    for (int i = 0; i < 2500; ++i) pair.exchange();
  };
  wait();  // probes are answered: the leader has all
  pair.leader.release();
  pair.exchange();
  pair.follower.is_sending = true;
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  pair.follower.out.clear();
  wait();
  pair.follower.is_sending = false;
  EXPECT_EQ(pair.follower.last_epoch, first_epoch);
  wait();  // it was lost
  EXPECT_GT(pair.follower.last_epoch, first_epoch);
  EXPECT_EQ(pair.leader.executed, std::vector<std::string>{"a"});
}

// Sixty bytes may ask for 32 MiB: a pipeline of them was everybody's wait, for as long as all of them took.
TEST(Forwarding, AClientWhoseAnswersAreLargeHasFewUnderWay) {
  Pair pair;
  pair.leader.value_bytes = 8u << 20;
  pair.leader.holds_answers = true;
  for (Ticket ticket = 1; ticket <= 100; ++ticket) pair.follower.read(ticket, pair.now);
  pair.exchange();
  pair.leader.release_one();
  pair.exchange();
  for (size_t before = 0; before < 20; ++before) {
    pair.leader.release_one();
    pair.exchange();
  }
  EXPECT_GE(pair.follower.port.answers.size(), Forwarder::kClientWindowBegin + 2);
  EXPECT_LE(pair.leader.held.size(), 1u);
  RecordingPort port;
  const ClientId other = pair.follower.clients.open(port);
  const std::vector<std::string_view> args{"key"};
  pair.follower.submit(other, 1, false, {kv::CommandId::kGet, args}, pair.now);
  for (int answers = 0; answers < 2; ++answers) {
    pair.exchange();
    pair.leader.release_one();
    pair.exchange();
  }
  EXPECT_TRUE(port.answers.contains(1));
}

// The window is a follower's way to the leader, and everybody's: one client with a pipeline of large values had it for
// itself.
TEST(Forwarding, OneClientsPipelineLeavesRoomForOthersAndTheirTurn) {
  Pair pair;
  pair.leader.holds_answers = true;
  const std::string large(2u << 20, 'x');
  for (Ticket ticket = 1; ticket <= 100; ++ticket) pair.follower.write(ticket, large, pair.now);
  RecordingPort port;
  const ClientId other = pair.follower.clients.open(port);
  const std::vector<std::string_view> args{"other"};
  for (Ticket ticket = 1; ticket <= 3; ++ticket) {
    pair.follower.submit(other, ticket, true, {kv::CommandId::kAppend, args}, pair.now);
  }
  pair.exchange();
  pair.leader.release();  // the session is open
  for (int round = 0; round < 3; ++round) pair.exchange();
  EXPECT_EQ(std::ranges::count(pair.leader.executed, "other"), 3) << "behind no more than the first one's share";
  EXPECT_LE(pair.leader.executed.size(), 3 + Forwarder::kClientWindowBytesMax / large.size());
  pair.leader.holds_answers = false;
  pair.leader.release();
  for (int round = 0; round < 30; ++round) pair.exchange();
  EXPECT_EQ(pair.follower.port.answers.size(), 100u);
  EXPECT_EQ(pair.follower.forwarder.outstanding(), 0u);
}

TEST(Forwarding, AClientsOrderIsKeptWhateverWaits) {
  Pair pair;
  std::vector<std::string> values;
  for (int i = 0; i < 60; ++i) values.push_back(std::to_string(i) + std::string(i % 3 == 0 ? 1u << 20 : 10, 'x'));
  for (size_t i = 0; i < values.size(); ++i) pair.follower.write(i + 1, values[i], pair.now);
  for (int round = 0; round < 30; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.executed, values);
}

TEST(Forwarding, AMessageIsNeverLargerThanOneCommandOrTheLimitOfABatch) {
  Pair pair;
  const std::string large((1u << 20) - 1000, 'x');
  const std::string small(5000, 'y');
  for (Ticket ticket = 1; ticket <= 12; ++ticket) {
    if (ticket == Forwarder::kClientWindowBegin) pair.follower.as_another();
    const std::vector<std::string_view> args{ticket % 3 == 0 ? large : small};
    pair.follower.submit(pair.follower.client, ticket, false, {kv::CommandId::kGet, args}, pair.now);
  }
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  EXPECT_EQ(pair.follower.out.size(), 8u) << "two small ones, a large one, and again";
  for (const wire::ForwardRequest& request : pair.follower.out) {
    size_t bytes = 0;
    for (const wire::ForwardedCommand& command : request.commands) bytes += command.args[0].size();
    EXPECT_LE(bytes, 1u << 20);
  }
}

// A message of answers closed at the answer that reached its limit: 0.9 MiB and an answer of 63 MiB on top were more
// than a frame may be, and ended the leader.
TEST(Forwarding, AMessageOfAnswersClosesBeforeOneThatWouldPassItsLimit) {
  Pair pair;
  for (const size_t size : {900'000u, 900'000u, 20'000'000u, 10u}) {
    pair.leader.value_bytes = size;
    pair.follower.read(pair.follower.port.answers.size() + pair.follower.forwarder.outstanding() + 1, pair.now);
    pair.follower.forwarder.flush(kLeader, false, pair.now);
    for (; !pair.follower.out.empty(); pair.follower.out.pop_front()) {
      pair.leader.receiver.on_request(kFollower, pair.follower.out.front());
    }
  }
  pair.leader.receiver.flush();
  ASSERT_EQ(pair.leader.out.size(), 4u);
  for (const wire::ForwardReply& reply : pair.leader.out) EXPECT_EQ(reply.replies.size(), 1u);
}

TEST(Forwarding, CommandsWaitUnexecutedWhileTheAnswersBeforeThemAreOnTheirWay) {
  Pair pair;
  pair.leader.value_bytes = 1u << 20;
  for (Ticket ticket = 1; ticket <= 80; ++ticket) {
    if (ticket % Forwarder::kClientWindowBegin == 0) pair.follower.as_another();
    pair.follower.read(ticket, pair.now);
  }
  pair.follower.forwarder.flush(kLeader, false, pair.now);
  for (; !pair.follower.out.empty(); pair.follower.out.pop_front()) {
    pair.leader.receiver.on_request(kFollower, pair.follower.out.front());
  }
  for (int i = 0; i < 10; ++i) {
    pair.leader.receiver.run_held();
    pair.leader.receiver.flush();
  }
  size_t sent = 0;
  for (const wire::ForwardReply& reply : pair.leader.out) sent += reply.replies.size();
  EXPECT_EQ(sent, 32u) << "until the follower says that they have arrived";
  for (; !pair.leader.out.empty(); pair.leader.out.pop_front()) {
    pair.follower.forwarder.on_reply(kLeader, pair.leader.out.front(), pair.now);
  }
  for (int i = 0; i < 5; ++i) pair.exchange();
  EXPECT_EQ(pair.follower.port.answers.size(), 80u);
  EXPECT_EQ(pair.leader.receiver.bytes_waiting(), 0u);
}

// Their answers come later, so what they will be has to be counted before: a GETDEL that was executed and whose answer
// is thrown away cannot be asked again.
TEST(Forwarding, WritesWithLargeAnswersAreNotExecutedBeforeThereIsRoomForThem) {
  Pair pair;
  pair.follower.write(1, "first", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  pair.leader.value_bytes = 1u << 20;
  pair.leader.holds_answers = true;
  for (Ticket ticket = 2; ticket <= 81; ++ticket) {
    if (ticket % Forwarder::kClientWindowBegin == 0) pair.follower.as_another();
    pair.follower.write(ticket, "x", pair.now);
  }
  for (int round = 0; round < 3; ++round) pair.exchange();
  EXPECT_EQ(pair.leader.held.size(), 32u);
  pair.leader.holds_answers = false;
  pair.leader.release();
  for (int round = 0; round < 10; ++round) pair.exchange();
  EXPECT_EQ(pair.follower.port.answers.size(), 81u);
  EXPECT_EQ(pair.leader.executed.size(), 81u);
}

// Small answers are not confirmed at once: the leader waited for that, and the follower for the leader.
// Reads do not wait for room, so it takes writes to see it.
TEST(Forwarding, SmallAnswersHoldUpNoLargeOne) {
  Pair pair;
  pair.follower.write(1, "opens the session", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  for (Ticket ticket = 2; ticket <= 6; ticket += 2) {
    pair.leader.holds_answers = true;
    pair.leader.value_bytes = 10;
    pair.follower.write(ticket, "small", pair.now);
    pair.exchange();
    pair.leader.value_bytes = ForwardReceiver::kRepliesBytesMax;
    pair.follower.write(ticket + 1, "large", pair.now);
    pair.exchange();
    pair.leader.holds_answers = false;
    pair.leader.value_bytes = 10;
    pair.leader.release_one();
    pair.leader.value_bytes = ForwardReceiver::kRepliesBytesMax;
    pair.leader.release_one();  // if it was begun
    for (int round = 0; round < 3; ++round) pair.exchange();
    EXPECT_TRUE(pair.follower.port.answers.contains(ticket)) << ticket;
    EXPECT_TRUE(pair.follower.port.answers.contains(ticket + 1)) << ticket;
  }
}

// They stay in the window's order until that one is answered; a megabyte each, sixteen thousand of them.
TEST(Forwarding, AnsweredCommandsBehindOneThatIsNotHoldNoMemory) {
  Pair pair;
  pair.follower.write(1, "opens the session", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  pair.leader.holds_answers = true;
  pair.follower.write(2, "not answered", pair.now);
  pair.exchange();
  pair.leader.holds_answers = false;
  const auto heap_bytes = [] {
    const struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
  };
  const std::string megabyte(1u << 20, 'v');
  const size_t before = heap_bytes();
  for (Ticket ticket = 3; ticket < 63; ++ticket) {
    pair.follower.write(ticket, megabyte, pair.now);
    pair.exchange();
    pair.leader.executed.assign(1, "");
    ASSERT_TRUE(pair.follower.port.answers.contains(ticket)) << ticket;
  }
  EXPECT_LT(heap_bytes(), before + (10u << 20));
  pair.leader.release();
  for (int round = 0; round < 3; ++round) pair.exchange();
  EXPECT_EQ(pair.follower.forwarder.outstanding(), 0u);
}

TEST(Forwarding, AnAnswerLargerThanAllRoomIsGivenAlone) {
  Pair pair;
  pair.leader.value_bytes = ForwardReceiver::kRepliesBytesMax + 1;
  for (Ticket ticket = 1; ticket <= 3; ++ticket) pair.follower.read(ticket, pair.now);
  for (int round = 0; round < 10; ++round) pair.exchange();
  EXPECT_EQ(pair.follower.port.answers.size(), 3u);
}

// The leader changed its mind before it looked at them: a refusal of the second send is as true as of a first.
TEST(Forwarding, WhatARejectedBatchHeldCountsAsNeverSent) {
  Pair pair;
  pair.follower.write(1, "a", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  pair.leader.is_leader = false;
  pair.follower.write(2, "b", pair.now);
  pair.exchange();
  pair.leader.is_leader = true;
  pair.leader.refusal = kv::Refusal::kOutOfMemory;
  for (int round = 0; round < 50; ++round) pair.exchange();
  ASSERT_TRUE(pair.follower.port.answers.contains(2));
  EXPECT_EQ(pair.follower.port.answers[2], recorded(kv::Refusal::kOutOfMemory));
}

TEST(Forwarding, WhatWaitedForRoomWhenLeadershipWasLostIsSentToTheNextLeader) {
  Pair pair;
  pair.follower.write(1, "first", pair.now);
  for (int round = 0; round < 3; ++round) pair.exchange();
  pair.leader.value_bytes = 20u << 20;
  pair.leader.holds_answers = true;
  for (Ticket ticket = 2; ticket <= 5; ++ticket) pair.follower.write(ticket, std::to_string(ticket), pair.now);
  pair.exchange();
  EXPECT_EQ(pair.leader.held.size(), 1u);
  pair.leader.receiver.on_leadership_lost();
  pair.leader.release();
  pair.leader.holds_answers = false;
  for (int round = 0; round < 50; ++round) pair.exchange();
  EXPECT_EQ(pair.follower.port.answers.size(), 5u);
  EXPECT_EQ(pair.leader.executed, (std::vector<std::string>{"first", "2", "3", "4", "5"}));
}

TEST(Forwarding, NothingIsReadForAClientThatIsGone) {
  Pair pair;
  pair.follower.read(1, pair.now);
  pair.follower.clients.close(pair.follower.client);
  pair.exchange();
  EXPECT_EQ(pair.leader.executed.size() + pair.leader.out_buffers.size(), 0u);
  EXPECT_EQ(pair.follower.forwarder.outstanding(), 0u);
}

TEST(Forwarding, EveryWriteOnceAndInOrderWhateverTheLinkDoes) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    Pair pair;
    const int writes = 40;
    int written = 0;
    for (int round = 0; round < 400; ++round) {
      if (written < writes && prng.chance(1, 2)) {
        ++written;
        pair.follower.write(written, std::to_string(written), pair.now);
      }
      if (prng.chance(1, 20)) {
        pair.follower.forwarder.on_connection_changed(kLeader);
        pair.leader.receiver.on_connection_changed(kFollower);
      }
      if (prng.chance(1, 15)) {
        pair.leader.is_leader = !pair.leader.is_leader;
        if (!pair.leader.is_leader) pair.leader.receiver.on_leadership_lost();
      }
      if (prng.chance(1, 40)) pair.leader.forget_sessions();
      pair.leader.holds_answers = prng.chance(1, 4);
      if (!pair.leader.holds_answers) pair.leader.release();
      if (prng.chance(1, 10)) pair.now = pair.now + 300ms;
      pair.exchange([&] { return prng.chance(1, 8); });
    }
    pair.leader.is_leader = true;
    pair.leader.holds_answers = false;
    pair.leader.release();
    for (int round = 0; round < 60; ++round) {
      pair.now = pair.now + 100ms;
      pair.exchange();
    }
    std::vector<std::string> unique = pair.leader.executed;
    ASSERT_TRUE(std::ranges::is_sorted(unique, {}, [](const std::string& s) { return std::stoi(s); }));
    ASSERT_EQ(std::set<std::string>(unique.begin(), unique.end()).size(), unique.size()) << "executed twice";
    ASSERT_EQ(static_cast<int>(pair.follower.port.answers.size()), written) << "every write is answered";
    for (const auto& [ticket, answer] : pair.follower.port.answers) {
      const std::optional<kv::Refusal> refusal = kv::recorded_refusal(answer);
      if (refusal && !is_definite(*refusal)) continue;
      ASSERT_EQ(std::ranges::count(unique, std::to_string(ticket)), refusal ? 0 : 1)
          << ticket << ": " << (refusal ? kv::name_of(*refusal) : "");
    }
  }
}

}  // namespace
}  // namespace torc::node
