// Hostile and careless clients of the RESP server: what they get, and that nobody else notices.
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>

#include "net/resp_test_server.h"
#include "wire/resp_parser.h"

namespace torc::net {
namespace {

TEST(RespBounds, MalformedInputGetsAnErrorAndOnlyThatClientIsClosed) {
  TestServer server;
  TestClient good(server);
  struct Case {
    std::string bytes;
    std::string error;
  };
  const std::vector<Case> cases = {
      {"*x\r\n", "invalid multibulk length"},
      {"*1048577\r\n", "invalid multibulk length"},
      {"*99999999999999999999\r\n", "invalid multibulk length"},
      {"*1\r\n$-5\r\n", "invalid bulk length"},
      {"*1\r\n$33554433\r\n", "invalid bulk length"},
      {"*1\r\n*1\r\n*1\r\n*1\r\n", "expected '$', got '*'"},
      {"GET \"a\r\n", "unbalanced quotes in request"},
      {std::string(wire::kInlineBytesMax + (1 << 20), 'x'), "too big inline request"},
      {std::string("\x00\x01\x02\r\n\x16\x03\x01\r\n*9\r\n:", 16), ""},
  };
  for (const Case& one : cases) {
    TestClient bad(server);
    bad.send("SET k v\r\n" + one.bytes);
    EXPECT_EQ(bad.read().text, "OK");
    if (!one.error.empty()) {
      EXPECT_EQ(bad.read().text, "ERR Protocol error: " + one.error);
      bad.end_input();
      EXPECT_TRUE(bad.is_closed_by_server());
    }
    EXPECT_EQ(good.text_of({"GET", "k"}), "v");
  }
}

TEST(RespBounds, ATruncatedCommandLeavesNothingBehind) {
  TestServer server;
  for (const char* bytes : {"*", "*2\r\n$3\r\nGET\r\n$1", "*1\r\n$33554432\r\nabc", "PIN"}) {
    TestClient bad(server);
    bad.send(bytes);
    bad.end_input();
    EXPECT_TRUE(bad.is_closed_by_server());
  }
  TestClient good(server);
  EXPECT_NE(good.text_of({"INFO", "clients"}).find("connected_clients:1\r\n"), std::string::npos);
  EXPECT_NE(good.text_of({"INFO", "memory"}).find("mem_clients_normal:"), std::string::npos);
}

TEST(RespBounds, MoreKeysThanACommandMayHaveAreRefused) {
  RespLimits limits;
  limits.command_keys_max = 3;
  TestServer server(limits);
  TestClient client(server);
  const std::string error = "ERR a command of 4 keys, this node takes 3 at a time (--max-command-keys)";
  EXPECT_EQ(client.text_of({"MSET", "a", "1", "b", "2", "c", "3", "d", "4"}), error);
  EXPECT_EQ(client.text_of({"DEL", "a", "b", "c", "d"}), error);
  const std::string session = client.text_of({"TORC.SESSION", "NEW"});
  EXPECT_EQ(client.text_of({"TORC.CALL", session, "1", "1", "1", "DEL", "a", "b", "c", "d"}), error);
  EXPECT_NE(client.text_of({"MSET", "a", "1", "b", "2", "c", "3"}), error) << "six arguments, three keys";
  EXPECT_EQ(client.text_of({"SET", "a", "1", "PX", "100000", "NX"}), "OK") << "five arguments, one key";
}

// Each was a few bytes to send, and some tens of microseconds of everybody's loop.
TEST(RespBounds, AClientThatAsksForThousandsOfListsLeavesTheTurnToOthers) {
  RespLimits limits;
  limits.describing_per_turn_max = Duration(1);  // one description
  TestServer server(limits);
  TestClient greedy(server);
  std::string lists;
  for (int i = 0; i < 500; ++i) lists += "CLIENT LIST\r\n";
  greedy.send(lists);
  TestClient modest(server);
  EXPECT_EQ(modest.text_of({"PING"}), "PONG");
  EXPECT_NE(modest.text_of({"CLIENT", "INFO"}).find("id="), std::string::npos);
  for (int i = 0; i < 500; ++i) ASSERT_NE(greedy.read().text.find("id="), std::string::npos) << i;
}

TEST(RespBounds, ABrowserCannotRunCommands) {
  TestServer server;
  for (const char* bytes : {"POST / HTTP/1.1\r\nSET k evil\r\n", "Host: localhost\r\nSET k evil\r\n"}) {
    TestClient browser(server);
    browser.send(bytes);
    browser.end_input();
    EXPECT_TRUE(browser.is_closed_by_server());
  }
  TestClient good(server);
  EXPECT_TRUE(good.call({"GET", "k"}).is_nil());
}

TEST(RespBounds, AnnouncedSizesHoldNoMemory) {
  TestServer server;
  std::vector<std::unique_ptr<TestClient>> idle;
  for (int i = 0; i < 50; ++i) {
    idle.push_back(std::make_unique<TestClient>(server));
    idle.back()->send("PING\r\n*1000000\r\n$33554432\r\n");
    EXPECT_EQ(idle.back()->read().text, "PONG");
  }
  TestClient good(server);
  const std::string info = good.text_of({"INFO", "memory"});
  const size_t at = info.find("mem_clients_normal:");
  ASSERT_NE(at, std::string::npos);
  EXPECT_LT(std::stoull(info.substr(at + 19)), 50u * (32 << 10));
}

TEST(RespBounds, TheLastClientOfTheLimitIsServedAndTheNextIsTold) {
  TestServer server({.clients_max = 3});
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<TestClient>(server));
    EXPECT_EQ(clients.back()->text_of({"PING"}), "PONG");
  }
  TestClient extra(server);
  EXPECT_EQ(extra.read().text, "ERR max number of clients reached");
  EXPECT_TRUE(extra.is_closed_by_server());
  EXPECT_EQ(clients[0]->text_of({"PING"}), "PONG");
  EXPECT_EQ(clients[0]->text_of({"QUIT"}), "OK");
  EXPECT_TRUE(clients[0]->is_closed_by_server());
  TestClient next(server);
  EXPECT_EQ(next.text_of({"PING"}), "PONG");
}

TEST(RespBounds, UnansweredCommandsStopAtTheLimitAndGoOnBelowIt) {
  TestServer server({.pending_commands_max = 4});
  TestClient client(server);
  TestClient other(server);
  std::string pipeline;
  for (int i = 0; i < 10; ++i) pipeline += "GET hold:" + std::to_string(i) + "\r\n";
  client.send(pipeline);
  int answered = 0;
  while (answered < 10) {
    other.call({"DEL", "release"});
    // Each release frees at most the limit; the answers say how far the rest may have come.
    for (int i = 0; i < (answered == 8 ? 2 : 4); ++i) {
      other.call({"DEL", "release"});
      EXPECT_EQ(client.read().text, std::to_string(answered + i));
    }
    answered += answered == 8 ? 2 : 4;
  }
  EXPECT_EQ(server.held_max(), 4u);
}

TEST(RespBounds, AValueThatComesSlowlyIsTakenWhole) {
  TestServer server;
  TestClient client(server);
  const std::string value(4 << 20, 'v');
  std::string bytes;
  const std::string_view args[] = {"SET", "big", value};
  wire::append_request(bytes, args);
  for (size_t i = 0; i < bytes.size(); i += 10007) client.send(std::string_view(bytes).substr(i, 10007));
  EXPECT_EQ(client.read().text, "OK");
  EXPECT_EQ(client.text_of({"GET", "big"}), value);
}

TEST(RespBounds, AClientThatReadsSlowlyIsSlowedDownAndServedInFull) {
  TestServer server({.output_soft_bytes = 64 << 10});
  TestClient client(server);
  const std::string value(100000, 'v');
  EXPECT_EQ(client.text_of({"SET", "k", value}), "OK");
  std::string pipeline;
  for (int i = 0; i < 300; ++i) pipeline += "GET k\r\n";  // 30 MB of answers, far more than the sockets hold
  client.send(pipeline);
  TestClient other(server);
  const std::string info = other.text_of({"INFO", "memory"});
  EXPECT_LT(std::stoull(info.substr(info.find("mem_clients_normal:") + 19)), 1u << 20);
  for (int i = 0; i < 300; ++i) ASSERT_EQ(client.read().text, value) << i;
}

TEST(RespBounds, AClientThatNeverReadsIsClosed) {
  TestServer server({.output_soft_bytes = 16 << 10, .slow_reader_timeout = 1ms, .sweep_interval = 1ms});
  TestClient client(server);
  EXPECT_EQ(client.text_of({"SET", "k", std::string(8 << 20, 'v')}), "OK");
  client.send("GET k\r\nGET k\r\n");
  TestClient other(server);
  while (other.text_of({"INFO", "clients"}).find("connected_clients:1\r\n") == std::string::npos) {
  }
  EXPECT_NE(other.text_of({"INFO", "stats"}).find("client_buffer_limit_disconnections:1\r\n"), std::string::npos);
}

TEST(RespBounds, AnswersAboveTheHardLimitCloseTheirClientOnly) {
  TestServer server({.output_hard_bytes = 100'000});
  TestClient client(server);
  TestClient other(server);
  EXPECT_EQ(other.text_of({"SET", "k", std::string(40'000, 'v')}), "OK");
  client.send("GET hold:k\r\nGET hold:k\r\nPING\r\n");
  EXPECT_EQ(other.text_of({"PING"}), "PONG");
  other.call({"DEL", "release"});
  EXPECT_EQ(client.read().text.size(), 40'000u);
  EXPECT_EQ(client.read().text.size(), 40'000u);
  EXPECT_EQ(client.read().text, "PONG");
  client.send("GET hold:k\r\nGET hold:k\r\nGET hold:k\r\nPING\r\n");
  EXPECT_EQ(other.text_of({"PING"}), "PONG");
  other.call({"DEL", "release"});
  EXPECT_TRUE(client.is_closed_by_server());
  EXPECT_EQ(other.text_of({"PING"}), "PONG");
}

TEST(RespBounds, AllClientsTogetherAreBounded) {
  TestServer server({.buffered_bytes_max = 300'000, .buffered_usual_bytes = 100'000});
  TestClient good(server);
  EXPECT_EQ(good.text_of({"PING"}), "PONG");
  std::vector<std::unique_ptr<TestClient>> greedy;
  for (int i = 0; i < 10; ++i) {
    greedy.push_back(std::make_unique<TestClient>(server));
    greedy.back()->send("*1\r\n$1000000\r\n" + std::string(150'000, 'x'));
  }
  for (;;) {
    const std::string info = good.text_of({"INFO", "all"});
    EXPECT_LT(std::stoull(info.substr(info.find("mem_clients_normal:") + 19)), 900'000u);
    if (info.find("client_buffer_limit_disconnections:0") == std::string::npos) break;
  }
  EXPECT_EQ(good.text_of({"PING"}), "PONG");
}

// Each holds less than what one client usually may: only clients above that were looked at.
TEST(RespBounds, ManySmallClientsTogetherAreBoundedTooAndTheSmallestAreNotTheFirstToGo) {
  TestServer server({.buffered_bytes_max = 1'000'000});
  TestClient small(server);
  small.send("*1\r\n$1000\r\nabc");
  std::vector<std::unique_ptr<TestClient>> many;
  TestClient good(server);
  for (int i = 0; i < 40; ++i) {
    many.push_back(std::make_unique<TestClient>(server));
    many.back()->send("*1\r\n$1000000\r\n" + std::string(60'000, 'x'));
    const std::string info = good.text_of({"INFO", "memory"});
    EXPECT_LT(std::stoull(info.substr(info.find("mem_clients_normal:") + 19)), 1'300'000u);
  }
  EXPECT_EQ(good.text_of({"INFO", "stats"}).find("client_buffer_limit_disconnections:0\r\n"), std::string::npos);
  small.send(std::string(997, 'x') + "\r\nPING\r\n");
  EXPECT_EQ(small.read().text.substr(0, 19), "ERR unknown command");
  EXPECT_EQ(small.read().text, "PONG");
}

TEST(RespBounds, ArgumentsCountWithWhatTheyTakeAndNotOnlyWithTheirBytes) {
  TestServer server;
  TestClient client(server);
  client.send("*1000000\r\n");
  std::string empty;
  for (int i = 0; i < 100'000; ++i) empty += "$0\r\n\r\n";
  client.send(empty);
  TestClient other(server);
  for (int i = 0; i < 500; ++i) {
    const std::string info = other.text_of({"INFO", "memory"});
    if (std::stoull(info.substr(info.find("mem_clients_normal:") + 19)) > 600'000 + 100'000 * 8) return;
    usleep(10'000);
  }
  FAIL() << "600 KB of input, and 8 bytes for each of its arguments";
}

TEST(RespBounds, ALineOfManyNamesDoesNotAskForMoreThanAnAnswerMayHold) {
  TestServer server;
  TestClient client(server);
  for (const char* subcommand : {"INFO", "DOCS"}) {
    std::vector<std::string_view> args{"COMMAND", subcommand};
    args.resize(200'000, "get");
    EXPECT_EQ(client.text_of(args), "ERR too many names");
  }
  EXPECT_EQ(client.call({"CONFIG", "GET", "*" + std::string(1'000'000, '[')}).elements.size(), 0u);
  EXPECT_EQ(client.text_of({"PING"}), "PONG");
}

}  // namespace
}  // namespace torc::net
