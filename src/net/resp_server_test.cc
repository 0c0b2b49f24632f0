// What clients of the RESP server see: order, protocol switches, commands of the connection.
#include <gtest/gtest.h>

#include "net/resp_test_server.h"

namespace torc::net {
namespace {

using Kind = wire::RespValue::Kind;

TEST(RespServer, APipelineIsAnsweredInOrder) {
  TestServer server;
  TestClient client(server);
  client.send("SET a 1\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\nNOPE\r\nGET\r\nGET b\r\nECHO hi\r\n");
  EXPECT_EQ(client.read().text, "OK");
  EXPECT_EQ(client.read().text, "1");
  EXPECT_EQ(client.read().text, "PONG");
  EXPECT_EQ(client.read().text, "ERR unknown command 'NOPE', with args beginning with: ");
  EXPECT_EQ(client.read().text, "ERR wrong number of arguments for 'get' command");
  EXPECT_TRUE(client.read().is_nil());
  EXPECT_EQ(client.read().text, "hi");
}

TEST(RespServer, AnswersThatComeInAnotherOrderArePutBack) {
  TestServer server;
  TestClient client(server);
  client.send("GET hold:1\r\nPING 2\r\nGET hold:3\r\nGET hold:4\r\nNOPE\r\nDEL release\r\nPING 7\r\n");
  EXPECT_EQ(client.read().text, "1");
  EXPECT_EQ(client.read().text, "2");
  EXPECT_EQ(client.read().text, "3");
  EXPECT_EQ(client.read().text, "4");
  EXPECT_TRUE(client.read().is_error());
  EXPECT_EQ(client.read(), (wire::RespValue{.kind = Kind::kInteger}));
  EXPECT_EQ(client.read().text, "7");
}

TEST(RespServer, SwitchingTheProtocolWaitsForEarlierAnswers) {
  TestServer server;
  TestClient client(server);
  client.send("GET hold:old\r\nHELLO 3 SETNAME me\r\nGET missing\r\nCONFIG GET save\r\nRESET\r\nCONFIG GET save\r\n");
  TestClient other(server);
  EXPECT_EQ(other.text_of({"PING"}), "PONG");
  EXPECT_EQ(other.call({"DEL", "release"}).kind, Kind::kInteger);
  EXPECT_EQ(client.read().text, "old");
  const wire::RespValue hello = client.read();
  EXPECT_EQ(hello.kind, Kind::kMap);
  EXPECT_EQ(hello.find("proto")->integer, 3);
  EXPECT_EQ(hello.find("role")->text, "master");
  EXPECT_TRUE(client.read().is_nil());
  EXPECT_EQ(client.read().kind, Kind::kMap);
  EXPECT_EQ(client.read().text, "RESET");
  EXPECT_EQ(client.read().kind, Kind::kArray);
  EXPECT_TRUE(client.call({"CLIENT", "GETNAME"}).is_nil());
}

TEST(RespServer, DrainingAnswersWhatWasSentThenSaysGoodbyeToEverybody) {
  TestServer server;
  TestClient busy(server);
  TestClient idle(server);
  EXPECT_EQ(idle.text_of({"PING"}), "PONG");
  busy.send("PING\r\nGET hold:late\r\n");
  EXPECT_EQ(busy.read().text, "PONG");
  server.drain();
  EXPECT_TRUE(idle.is_closed_by_server());
  busy.send_command({"SET", "too", "late"});
  server.release_held();
  EXPECT_EQ(busy.read().text, "late");
  EXPECT_TRUE(busy.is_closed_by_server());
}

TEST(RespServer, HelloAnswersAsRedisDoes) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.call({"HELLO"}).kind, Kind::kArray);
  EXPECT_EQ(client.text_of({"HELLO", "4"}), "NOPROTO unsupported protocol version");
  EXPECT_EQ(client.text_of({"HELLO", "x"}), "ERR Protocol version is not an integer or out of range");
  EXPECT_EQ(client.text_of({"HELLO", "3", "foo"}), "ERR Syntax error in HELLO option 'foo'");
  EXPECT_EQ(client.text_of({"HELLO", "3", "AUTH", "bob", "x"}).substr(0, 9), "WRONGPASS");
  EXPECT_EQ(client.text_of({"HELLO", "3", "SETNAME", "a b"}).substr(0, 16), "ERR Client names");
  EXPECT_EQ(client.call({"CONFIG", "GET", "save"}).kind, Kind::kArray) << "a refused HELLO must not switch";
  EXPECT_EQ(client.call({"hello", "3", "auth", "default", "any", "setname", "me"}).kind, Kind::kMap);
  EXPECT_EQ(client.text_of({"CLIENT", "GETNAME"}), "me");
}

TEST(RespServer, AuthAndSelectAnswerAsRedisWithoutAPassword) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.text_of({"AUTH", "x"}).substr(0, 67),
            "ERR AUTH <password> called without any password configured for the ");
  EXPECT_EQ(client.text_of({"AUTH", "default", "x"}), "OK");
  EXPECT_EQ(client.text_of({"AUTH", "bob", "x"}).substr(0, 9), "WRONGPASS");
  EXPECT_EQ(client.text_of({"SELECT", "0"}), "OK");
  EXPECT_EQ(client.text_of({"SELECT", "1"}), "ERR DB index is out of range");
  EXPECT_EQ(client.text_of({"SELECT", "x"}), "ERR value is not an integer or out of range");
}

TEST(RespServer, ClientSubcommandsDescribeTheConnection) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.text_of({"CLIENT", "SETNAME", "worker"}), "OK");
  EXPECT_EQ(client.text_of({"client", "setinfo", "lib-name", "redis-py"}), "OK");
  EXPECT_EQ(client.text_of({"CLIENT", "SETINFO", "lib-ver", "5.0"}), "OK");
  const std::string info = client.text_of({"CLIENT", "INFO"});
  for (const char* field : {" name=worker ", " lib-name=redis-py ", " lib-ver=5.0", " resp=2 ", " cmd=client "}) {
    EXPECT_NE(info.find(field), std::string::npos) << field << " in " << info;
  }
  TestClient other(server);
  const std::string id = std::to_string(other.call({"CLIENT", "ID"}).integer);
  EXPECT_NE(client.text_of({"CLIENT", "LIST", "ID", id}).find("id=" + id + " "), std::string::npos);
  const std::string all = client.text_of({"CLIENT", "LIST"});
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 2);
  for (const char* subcommand : {"NO-EVICT", "NO-TOUCH", "REPLY"}) {
    EXPECT_EQ(client.text_of({"CLIENT", subcommand, "ON"}), "OK") << subcommand;
  }
  EXPECT_EQ(client.text_of({"CLIENT", "MAINT_NOTIFICATIONS", "ON"}).substr(0, 45),
            "ERR unknown subcommand 'MAINT_NOTIFICATIONS'.");
  EXPECT_EQ(client.text_of({"CLIENT", "ID", "x"}), "ERR wrong number of arguments for 'client|id' command");
}

TEST(RespServer, ClientKillClosesOthersAndItself) {
  TestServer server;
  TestClient client(server);
  TestClient victim(server);
  const std::string id = std::to_string(victim.call({"CLIENT", "ID"}).integer);
  EXPECT_EQ(client.call({"CLIENT", "KILL", "ID", id}).integer, 1);
  EXPECT_TRUE(victim.is_closed_by_server());
  EXPECT_EQ(client.call({"CLIENT", "KILL", "ID", id}).integer, 0);
  EXPECT_EQ(client.text_of({"CLIENT", "KILL", "1.2.3.4:5"}), "ERR No such client");
  EXPECT_EQ(client.text_of({"CLIENT", "KILL", "ID", "x"}), "ERR client-id should be greater than 0");
  const std::string own = std::to_string(client.call({"CLIENT", "ID"}).integer);
  EXPECT_EQ(client.call({"CLIENT", "KILL", "ID", own}).integer, 0) << "skips itself by default";
  EXPECT_EQ(client.call({"CLIENT", "KILL", "ID", own, "SKIPME", "no"}).integer, 1);
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST(RespServer, QuitAnswersEverythingBeforeItAndNothingAfter) {
  TestServer server;
  TestClient client(server);
  client.send("GET hold:first\r\nDEL release\r\nQUIT\r\nPING\r\n");
  EXPECT_EQ(client.read().text, "first");
  EXPECT_EQ(client.read().kind, Kind::kInteger);
  EXPECT_EQ(client.read().text, "OK");
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST(RespServer, AClientThatEndsItsInputStillGetsItsAnswers) {
  TestServer server;
  TestClient client(server);
  client.send("SET a 1\r\nGET hold:late\r\nGET a\r\nGET trunc");
  client.end_input();
  EXPECT_EQ(client.read().text, "OK");
  TestClient other(server);
  EXPECT_EQ(other.call({"DEL", "release"}).kind, Kind::kInteger);
  EXPECT_EQ(client.read().text, "late");
  EXPECT_EQ(client.read().text, "1");
  EXPECT_TRUE(client.is_closed_by_server());
}

TEST(RespServer, InfoTellsTheReplicaAndItsSections) {
  TestServer server;
  TestClient client(server);
  const std::string all = client.text_of({"INFO"});
  for (const char* line : {"# Server\r\n", "redis_version:7.0.15\r\n", "\r\nloading:0\r\n", "raft_role:leader\r\n",
                           "raft_term:12\r\n", "raft_leader_address:127.0.0.1:7003\r\n", "raft_membership:member\r\n",
                           "connected_clients:1\r\n", "# Keyspace\r\n", "gathers_client_buffers:bytes=",
                           "gathers_commands_held:bytes=1,max=50\r\n", "gathers_frames_bulk:bytes=15,max=200\r\n"}) {
    EXPECT_NE(all.find(line), std::string::npos) << line;
  }
  const std::string raft = client.text_of({"INFO", "raft", "cpu"});
  EXPECT_EQ(raft.find("# Server"), std::string::npos);
  EXPECT_NE(raft.find("# Raft"), std::string::npos);
  EXPECT_NE(raft.find("# CPU"), std::string::npos);
  client.call({"HELLO", "3"});
  EXPECT_EQ(client.call({"INFO"}).kind, Kind::kVerbatim);
}

TEST(RespServer, ConfigAnswersWhatClientsAskAndSetsNothing) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.call({"CONFIG", "GET", "save"}).find("save")->text, "");
  EXPECT_EQ(client.call({"CONFIG", "GET", "appendonly"}).find("appendonly")->text, "yes");
  EXPECT_EQ(client.call({"CONFIG", "GET", "proto-max*", "max*"}).elements.size(), 8u);
  EXPECT_EQ(client.call({"CONFIG", "GET", "nothing"}).elements.size(), 0u);
  EXPECT_EQ(client.text_of({"CONFIG", "SET", "save", "1"}).substr(0, 21), "ERR CONFIG SET failed");
  EXPECT_EQ(client.text_of({"CONFIG", "RESETSTAT"}), "OK");
}

TEST(RespServer, SessionsAreDrawnAndCalled) {
  TestServer server;
  TestClient client(server);
  const std::string id = client.text_of({"TORC.SESSION", "NEW"});
  EXPECT_EQ(id, "00000000000000000000000000000007");
  EXPECT_EQ(client.text_of({"TORC.CALL", id, "3", "2", "1", "SET", "a", "1"}), id + "/3/2/first");
  EXPECT_EQ(client.text_of({"TORC.CALL", id, "3", "2", "2", "SET", "a", "1"}), id + "/3/2");
  EXPECT_EQ(client.text_of({"TORC.CALL", std::string(31, '0') + "A", "0", "0", "9", "SET", "a", "1"}),
            std::string(31, '0') + "a/0/0");
  EXPECT_EQ(client.text_of({"TORC.SESSION", "OLD"}).substr(0, 16), "ERR syntax error");
  EXPECT_EQ(client.text_of({"TORC.CALL", id, "3", "2", "1", "PING"}),
            "ERR only data commands can be called in a session");
  EXPECT_EQ(client.text_of({"TORC.CALL", id, "3", "2", "1", "SET", "a"}),
            "ERR wrong number of arguments for 'set' command");
  EXPECT_EQ(client.text_of({"TORC.CALL", id, "3", "2", "1", "NOPE"}).substr(0, 26), "ERR unknown command 'NOPE'");
}

TEST(RespServer, ALabelThatIsNoneIsRefusedWithWhatIsWrong) {
  TestServer server;
  TestClient client(server);
  const std::string id(32, 'a');
  const std::string zeros(32, '0');
  for (const std::string& wrong :
       {std::string("7"), zeros, id.substr(1), id + "a", id.substr(1) + "g", "0x" + id.substr(2)}) {
    EXPECT_EQ(client.text_of({"TORC.CALL", wrong, "3", "2", "1", "GET", "a"}),
              "ERR a session is 32 hexadecimal digits, try TORC.SESSION NEW")
        << wrong;
  }
  const std::pair<std::string_view, std::string_view> numbers[] = {{"3", "4"}, {"x", "0"}, {"-1", "-1"}, {"3", ""}};
  for (const auto& [sequence, floor] : numbers) {
    EXPECT_EQ(client.text_of({"TORC.CALL", id, sequence, floor, "1", "GET", "a"}).substr(0, 19), "ERR TORC.CALL takes");
  }
  for (const std::string_view attempt : {"0", "-1", "", "one", "GET"}) {
    EXPECT_EQ(client.text_of({"TORC.CALL", id, "3", "2", attempt, "GET", "a"}).substr(0, 19), "ERR an attempt is 1");
  }
  // As it was written before there were attempts.
  EXPECT_EQ(client.text_of({"TORC.CALL", id, "3", "2", "GET", "a"}).substr(0, 19), "ERR an attempt is 1");
}

}  // namespace
}  // namespace torc::net
