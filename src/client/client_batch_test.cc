#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "client/client.h"
#include "client/scripted_server.h"

namespace torc::client {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using Kind = Answer::Kind;
using Command = testing::ScriptedServer::Command;
constexpr const char* kHangUp = testing::ScriptedServer::kHangUp;

ClientOptions quick(std::vector<Endpoint> nodes) {
  ClientOptions options;
  options.nodes = std::move(nodes);
  options.timeout = 5s;
  options.attempt_timeout = 500ms;
  options.pause_min = 1ms;
  options.pause_max = 5ms;
  return options;
}

const std::vector<Client::Words> kThreeSets = {{"SET", "a", "1"}, {"SET", "b", "2"}, {"SET", "c", "3"}};

TEST(ClientBatch, WritesCarryASequenceEachAndOneFloor) {
  testing::ScriptedServer node(
      [](const Command& command) { return command[0] == "TORC.SESSION" ? "+7\r\n" : "+OK\r\n"; });
  Client client(quick({node.endpoint()}));
  for (const Answer& answer : client.batch(kThreeSets)) EXPECT_TRUE(answer.is_reply());
  EXPECT_TRUE(client.set("d", "4").is_reply());
  EXPECT_THAT(node.received(), ElementsAre("TORC.SESSION NEW", "TORC.CALL 7 1 1 1 SET a 1", "TORC.CALL 7 2 1 1 SET b 2",
                                           "TORC.CALL 7 3 1 1 SET c 3", "TORC.CALL 7 4 4 1 SET d 4"));
}

TEST(ClientBatch, ReadsCarryNoSessionAndAnswersKeepTheirOrder) {
  testing::ScriptedServer node([](const Command& command) { return "$1\r\n" + command[1] + "\r\n"; });
  Client client(quick({node.endpoint()}));
  const std::vector<Client::Words> reads = {{"GET", "x"}, {"GET", "y"}};
  const std::vector<Answer> answers = client.batch(reads);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].reply.text, "x");
  EXPECT_EQ(answers[1].reply.text, "y");
}

TEST(ClientBatch, OnlyWhatHasNoAnswerIsSentAgainUnderTheSameSequence) {
  testing::ScriptedServer dying([](const Command& command) {
    if (command[0] == "TORC.SESSION") return std::string("+7\r\n");
    return command[6] == "a" ? std::string("+OK\r\n") : std::string(kHangUp);
  });
  testing::ScriptedServer other([](const Command&) { return "+OK\r\n"; });
  Client client(quick({dying.endpoint(), other.endpoint()}));
  for (const Answer& answer : client.batch(kThreeSets)) EXPECT_TRUE(answer.is_reply()) << answer.message;
  EXPECT_THAT(other.received(), ElementsAre("TORC.CALL 7 2 1 2 SET b 2", "TORC.CALL 7 3 1 2 SET c 3"));
}

// A first copy may begin a session anew that has been forgotten; then the third command, which may have been executed
// before, would be executed again.
TEST(ClientBatch, OnceAnythingIsInDoubtNothingIsAFirstCopy) {
  std::atomic<int> calls = 0;
  testing::ScriptedServer node([&](const Command& command) {
    if (command[0] == "TORC.SESSION") return std::string("+7\r\n");
    if (++calls > 3) return std::string("+OK\r\n");
    return std::string(command[6] == "c" ? "-TRYAGAIN\r\n" : "-CLUSTERDOWN\r\n");
  });
  Client client(quick({node.endpoint()}));
  for (const Answer& answer : client.batch(kThreeSets)) EXPECT_TRUE(answer.is_reply()) << answer.message;
  const std::vector<std::string> lines = node.received();
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_EQ(lines[4], "TORC.CALL 7 1 1 2 SET a 1");
  EXPECT_EQ(lines[6], "TORC.CALL 7 3 1 2 SET c 3");
}

TEST(ClientBatch, ARefusalOfOneIsItsOwn) {
  testing::ScriptedServer node([](const Command& command) {
    if (command[0] == "TORC.SESSION") return "+7\r\n";
    return command[6] == "b" ? "-WRONGTYPE no\r\n" : "+OK\r\n";
  });
  Client client(quick({node.endpoint()}));
  const std::vector<Answer> answers = client.batch(kThreeSets);
  EXPECT_TRUE(answers[0].is_reply());
  EXPECT_EQ(answers[1].kind, Kind::kRefused);
  EXPECT_TRUE(answers[2].is_reply());
}

TEST(ClientBatch, WhatNobodyAnsweredIsUnknownAndWhatNeverLeftIsNot) {
  testing::ScriptedServer silent([](const Command& command) {
    return command[0] == "TORC.SESSION" ? "+7\r\n" : testing::ScriptedServer::kSilence;
  });
  ClientOptions options = quick({silent.endpoint()});
  options.timeout = 300ms;
  options.attempt_timeout = 100ms;
  for (const Answer& answer : Client(options).batch(kThreeSets)) EXPECT_EQ(answer.kind, Kind::kUnknown);
  options.nodes = {Endpoint{"127.0.0.1", 1}};
  for (const Answer& answer : Client(options).batch(kThreeSets)) EXPECT_EQ(answer.kind, Kind::kUnreachable);
}

TEST(ClientBatch, ASessionThatIsGoneLeavesThoseUnknownThatMayHaveBeenExecuted) {
  // The first connection dies behind the first command; by the second the session is gone.
  std::atomic<int> calls = 0;
  testing::ScriptedServer node([&](const Command& command) {
    if (command[0] == "TORC.SESSION") return std::string("+7\r\n");
    if (++calls == 1) return std::string(kHangUp);
    return std::string(command[4] == "1" ? "+OK\r\n" : "-UNKNOWN outcome: session expired or unknown\r\n");
  });
  Client client(quick({node.endpoint()}));
  for (const Answer& answer : client.batch(kThreeSets)) EXPECT_EQ(answer.kind, Kind::kUnknown);
  EXPECT_TRUE(client.set("d", "4").is_reply());
}

TEST(ClientBatch, LargeRequestsAndLargeAnswersDoNotWaitForEachOther) {
  const std::string value(1u << 20, 'x');
  testing::ScriptedServer node(
      [&](const Command&) { return "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n"; });
  ClientOptions options = quick({node.endpoint()});
  options.attempt_timeout = 5s;
  Client client(options);
  const std::vector<Client::Words> reads(30, {"MGET", value, value});
  for (const Answer& answer : client.batch(reads)) ASSERT_TRUE(answer.is_reply()) << answer.message;
}

}  // namespace
}  // namespace torc::client
