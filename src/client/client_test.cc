#include "client/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "client/scripted_server.h"

namespace torc::client {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using Kind = Answer::Kind;
using Command = testing::ScriptedServer::Command;
constexpr const char* kHangUp = testing::ScriptedServer::kHangUp;
constexpr const char* kSilence = testing::ScriptedServer::kSilence;

ClientOptions quick(std::vector<Endpoint> nodes) {
  ClientOptions options;
  options.nodes = std::move(nodes);
  options.timeout = 5s;
  options.attempt_timeout = 100ms;
  options.pause_min = 1ms;
  options.pause_max = 5ms;
  return options;
}

/// Answers TORC.SESSION NEW with session 7, everything else with `answer`.
testing::ScriptedServer node_that_answers(std::string answer) {
  return testing::ScriptedServer(
      [answer](const Command& command) { return command[0] == "TORC.SESSION" ? std::string("+7\r\n") : answer; });
}

TEST(Client, WritesCarryTheSessionAndANewSequenceEach) {
  testing::ScriptedServer node = node_that_answers("+OK\r\n");
  Client client(quick({node.endpoint()}));
  EXPECT_TRUE(client.set("a", "1").is_reply());
  EXPECT_TRUE(client.set("a", "2").is_reply());
  EXPECT_THAT(node.received(),
              ElementsAre("TORC.SESSION NEW", "TORC.CALL 7 1 1 1 SET a 1", "TORC.CALL 7 2 2 1 SET a 2"));
}

TEST(Client, ReadsCarryNoSession) {
  testing::ScriptedServer node = node_that_answers("$1\r\nx\r\n");
  Client client(quick({node.endpoint()}));
  EXPECT_EQ(client.get("a").reply.text, "x");
  EXPECT_THAT(node.received(), ElementsAre("GET a"));
}

TEST(Client, WriteWhoseConnectionDiesIsSentAgainElsewhereUnderTheSameSequence) {
  testing::ScriptedServer dying = node_that_answers(kHangUp);
  testing::ScriptedServer other = node_that_answers(":3\r\n");
  Client client(quick({dying.endpoint(), other.endpoint()}));
  const Answer answer = client.append("a", "abc");
  ASSERT_TRUE(answer.is_reply()) << answer.message;
  EXPECT_EQ(answer.reply.integer, 3);
  EXPECT_THAT(dying.received(), ElementsAre("TORC.SESSION NEW", "TORC.CALL 7 1 1 1 APPEND a abc"));
  EXPECT_THAT(other.received(), ElementsAre("TORC.CALL 7 1 1 2 APPEND a abc"));
}

TEST(Client, SilentNodeIsLeftForTheNext) {
  testing::ScriptedServer silent = node_that_answers(kSilence);
  testing::ScriptedServer other = node_that_answers("+OK\r\n");
  Client client(quick({silent.endpoint(), other.endpoint()}));
  EXPECT_TRUE(client.set("a", "1").is_reply());
  EXPECT_EQ(client.node(), other.endpoint());
}

TEST(Client, WriteWithoutAnAnswerByTheDeadlineIsUnknown) {
  testing::ScriptedServer node = node_that_answers(kSilence);
  ClientOptions options = quick({node.endpoint()});
  options.timeout = 250ms;
  Client client(options);
  EXPECT_EQ(client.set("a", "1").kind, Kind::kUnknown);
  const std::vector<std::string> lines = node.received();
  ASSERT_GE(lines.size(), 3u);
  for (size_t copy = 1; copy < lines.size(); ++copy) {
    EXPECT_EQ(lines[copy], "TORC.CALL 7 1 1 " + std::to_string(copy) + " SET a 1");
  }
}

TEST(Client, ReadWithoutAnAnswerByTheDeadlineHadNoEffect) {
  testing::ScriptedServer node = node_that_answers(kSilence);
  ClientOptions options = quick({node.endpoint()});
  options.timeout = 150ms;
  EXPECT_EQ(Client(options).get("a").kind, Kind::kUnreachable);
}

TEST(Client, NobodyListeningIsUnreachableAndSaysWhere) {
  Endpoint endpoint;
  {
    testing::ScriptedServer gone = node_that_answers("+OK\r\n");
    endpoint = gone.endpoint();
  }
  ClientOptions options = quick({endpoint});
  options.timeout = 50ms;
  const Answer answer = Client(options).set("a", "1");
  EXPECT_EQ(answer.kind, Kind::kUnreachable);
  EXPECT_EQ(answer.message, endpoint.text() + ": Connection refused");
}

TEST(Client, DefiniteErrorIsNotRetried) {
  testing::ScriptedServer node = node_that_answers("-ERR value is not an integer or out of range\r\n");
  Client client(quick({node.endpoint()}));
  const Answer answer = client.incr("a");
  EXPECT_EQ(answer.kind, Kind::kRefused);
  EXPECT_EQ(answer.message, "ERR value is not an integer or out of range");
  EXPECT_FALSE(answer.is_for_now);
  EXPECT_THAT(node.received(), ElementsAre("TORC.SESSION NEW", "TORC.CALL 7 1 1 1 INCR a"));
}

TEST(Client, NodeWithoutALeaderIsAskedAgain) {
  std::atomic<int> calls = 0;
  testing::ScriptedServer node([&](const Command& command) -> std::string {
    if (command[0] == "TORC.SESSION") return "+7\r\n";
    return ++calls < 4 ? "-CLUSTERDOWN no leader\r\n" : "+OK\r\n";
  });
  Client client(quick({node.endpoint()}));
  EXPECT_TRUE(client.set("a", "1").is_reply());
  EXPECT_EQ(calls, 4);
  // None of the copies that were refused can be executed, so the last one is the first, and may open the session.
  const std::vector<std::string> lines = node.received();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "TORC.CALL 7 1 1 1 SET a 1"), 4);
}

TEST(Client, WhatMayHaveBeenExecutedIsNeverAFirstCopyAgain) {
  std::atomic<int> calls = 0;
  testing::ScriptedServer node([&](const Command& command) -> std::string {
    if (command[0] == "TORC.SESSION") return "+7\r\n";
    const char* answers[] = {"-CLUSTERDOWN\r\n", "-TRYAGAIN\r\n", "-CLUSTERDOWN\r\n", kHangUp, "+OK\r\n"};
    return answers[calls++];
  });
  Client client(quick({node.endpoint()}));
  EXPECT_TRUE(client.set("a", "1").is_reply());
  EXPECT_THAT(node.received(),
              ElementsAre("TORC.SESSION NEW", "TORC.CALL 7 1 1 1 SET a 1", "TORC.CALL 7 1 1 1 SET a 1",
                          "TORC.CALL 7 1 1 2 SET a 1", "TORC.CALL 7 1 1 2 SET a 1", "TORC.CALL 7 1 1 3 SET a 1"));
}

TEST(Client, ClusterThatNeverTookTheWriteIsUnreachableNotUnknown) {
  testing::ScriptedServer node = node_that_answers("-CLUSTERDOWN waiting for node 2\r\n");
  ClientOptions options = quick({node.endpoint()});
  options.timeout = 400ms;
  options.pause_min = options.pause_max = 100ms;  // as much is left for the answer to the last attempt
  const Answer answer = Client(options).set("a", "1");
  EXPECT_EQ(answer.kind, Kind::kUnreachable);
  EXPECT_EQ(answer.message, node.endpoint().text() + ": CLUSTERDOWN waiting for node 2");
}

// A new one would leave what of the old one is still on its way without a floor above it.
TEST(Client, SessionThatIsForgottenIsUnknownAndBegunAnewByTheNextWrite) {
  testing::ScriptedServer node([&](const Command& command) -> std::string {
    if (command[0] == "TORC.SESSION") return "+7\r\n";
    return command[2] == "1" ? "-UNKNOWN outcome: session expired or unknown\r\n" : "+OK\r\n";
  });
  Client client(quick({node.endpoint()}));
  EXPECT_EQ(client.set("a", "1").kind, Kind::kUnknown);
  EXPECT_TRUE(client.set("a", "2").is_reply());
  EXPECT_THAT(node.received(),
              ElementsAre("TORC.SESSION NEW", "TORC.CALL 7 1 1 1 SET a 1", "TORC.CALL 7 2 2 1 SET a 2"));
}

TEST(Client, FullDiskIsADefiniteErrorUnlessAnEarlierAttemptGotAway) {
  testing::ScriptedServer full = node_that_answers("-MISCONF the disk of the leader is full\r\n");
  const Answer refused = Client(quick({full.endpoint()})).set("a", "1");
  EXPECT_EQ(refused.kind, Kind::kRefused);
  EXPECT_TRUE(refused.is_for_now) << "whoever can wait may send it again";

  testing::ScriptedServer dying = node_that_answers(kHangUp);
  ClientOptions options = quick({dying.endpoint(), full.endpoint()});
  options.timeout = 100ms;
  EXPECT_EQ(Client(options).set("a", "1").kind, Kind::kUnknown);
}

TEST(Client, CommandItDoesNotKnowIsSentOnce) {
  testing::ScriptedServer node = node_that_answers(kHangUp);
  Client client(quick({node.endpoint()}));
  EXPECT_EQ(client.command({"NEWCOMMAND", "a"}).kind, Kind::kUnknown);
  EXPECT_THAT(node.received(), SizeIs(1));
}

}  // namespace
}  // namespace torc::client
