#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "cli/check_file.h"
#include "cli/data_command.h"
#include "cli/playground.h"
#include "cli/status.h"
#include "cli/text_table.h"

namespace torc::cli {
namespace {

using ::testing::HasSubstr;
using Kind = wire::RespValue::Kind;

constexpr const char* kInfo =
    "# Server\r\nprocess_id:42\r\n\r\n# Raft\r\nraft_node_id:2\r\nraft_groups:64\r\nraft_groups_led:63\r\n"
    "raft_groups_leaderless:1\r\nraft_role:leader\r\nraft_term:7\r\n"
    "raft_commit_index:99\r\nraft_applied_index:98\r\nraft_leader_address:127.0.0.1:7002\r\n"
    "raft_peer0:id=1,address=127.0.0.1:7001,connected=1\r\nraft_peer1:id=3,address=,connected=0\r\n";

wire::RespValue reply_of(Kind kind, int64_t integer = 0, std::string text = "") {
  wire::RespValue reply;
  reply.kind = kind;
  reply.integer = integer;
  reply.text = std::move(text);
  return reply;
}

client::Answer answered(wire::RespValue reply) { return {client::Answer::Kind::kReply, std::move(reply), {}}; }

TEST(TextTable, AlignsNumbersRightAndWordsLeft) {
  EXPECT_EQ(format_table({{"id", true}, {"name"}, {"n", true}}, {{"1", "a", "1000"}, {"10", "long name", "2"}}),
            "id  name          n\n 1  a          1000\n10  long name     2\n");
}

TEST(TextTable, WithoutRowsIsItsTitles) { EXPECT_EQ(format_table({{"id", true}, {"name"}}, {}), "id  name\n"); }

TEST(NodeReport, ReadsInfo) {
  const NodeReport report = read_report({"127.0.0.1", 7002}, kInfo);
  EXPECT_TRUE(report.is_leader());
  EXPECT_EQ(report.id, "2");
  EXPECT_EQ(report.pid, "42");
  EXPECT_EQ(report.term, "7");
  EXPECT_EQ(report.commit_index, "99");
  EXPECT_EQ(report.leader_address, "127.0.0.1:7002");
  EXPECT_EQ(report.peers, (std::vector<client::Endpoint>{{"127.0.0.1", 7001}}));
}

TEST(NodeReport, OfAServerThatIsNoTorcIsEmpty) {
  const NodeReport report = read_report({"h", 1}, "garbage\n:::\n#\nredis_version:7");
  EXPECT_TRUE(report.is_up);
  EXPECT_FALSE(report.is_leader());
  EXPECT_EQ(report.role, "");
}

TEST(Status, ShowsNodesThatAreDownAndWhy) {
  NodeReport down;
  down.address = {"127.0.0.1", 7001};
  down.trouble = "127.0.0.1:7001: Connection refused";
  EXPECT_EQ(format_status({read_report({"127.0.0.1", 7002}, kInfo), down}),
            "id  address         pid  role    leads  term  commit  applied\n"
            " 2  127.0.0.1:7002   42  leader  63/64     7      99       98\n"
            " -  127.0.0.1:7001    -  down        -     -       -        -\n"
            "\n127.0.0.1:7001: Connection refused\n"
            "\n1 arcs are led by none of the nodes that answered.\n");
  EXPECT_THAT(format_status({down}), HasSubstr("No leader answered"));
}

TEST(ExitCode, TellsANoFromAYes) {
  EXPECT_EQ(exit_code_of("GET", answered(reply_of(Kind::kBulk))), kExitOk);
  EXPECT_EQ(exit_code_of("GET", answered(reply_of(Kind::kNil))), kExitNegative);
  EXPECT_EQ(exit_code_of("CAS", answered(reply_of(Kind::kInteger, 1))), kExitOk);
  EXPECT_EQ(exit_code_of("CAS", answered(reply_of(Kind::kInteger, 0))), kExitNegative);
  EXPECT_EQ(exit_code_of("DEL", answered(reply_of(Kind::kInteger, 0))), kExitNegative);
  EXPECT_EQ(exit_code_of("INCRBY", answered(reply_of(Kind::kInteger, 0))), kExitOk);
  EXPECT_EQ(exit_code_of("TTL", answered(reply_of(Kind::kInteger, -1))), kExitOk);
  EXPECT_EQ(exit_code_of("TTL", answered(reply_of(Kind::kInteger, -2))), kExitNegative);
}

TEST(ExitCode, TellsTheWaysToFailApart) {
  const auto failed = [](client::Answer::Kind kind) { return exit_code_of("SET", client::Answer{kind, {}, "why"}); };
  EXPECT_EQ(failed(client::Answer::Kind::kRefused), kExitFailed);
  EXPECT_EQ(failed(client::Answer::Kind::kUnreachable), kExitUnreachable);
  EXPECT_EQ(failed(client::Answer::Kind::kUnknown), kExitUnknown);
}

TEST(DataCommand, PrintsBareValues) {
  EXPECT_EQ(format_reply(reply_of(Kind::kBulk, 0, "a\"b")), "a\"b\n");
  EXPECT_EQ(format_reply(reply_of(Kind::kStatus, 0, "OK")), "OK\n");
  EXPECT_EQ(format_reply(reply_of(Kind::kInteger, -3)), "-3\n");
  EXPECT_EQ(format_reply(reply_of(Kind::kNil)), "\n");
}

TEST(DataCommand, UnknownOutcomeSaysWhatToDo) {
  EXPECT_THAT(format_trouble({client::Answer::Kind::kUnknown, {}, "no answer in time"}),
              HasSubstr("Read the key before you try again"));
}

TEST(Playground, DirectoryFollowsTheEnvironment) {
  EXPECT_EQ(default_directory(3, 1, "/s", "/h"), "/s/torc/playground-3");
  EXPECT_EQ(default_directory(3, 1, "", "/h"), "/h/.local/state/torc/playground-3");
  EXPECT_EQ(default_directory(5, 1, "", ""), "/tmp/torc/playground-5");
  EXPECT_EQ(default_directory(3, 64, "/s", ""), "/s/torc/playground-3-arcs-64")
      << "data of a cluster with other arcs cannot be served";
}

TEST(Playground, ItsNodesCanBeServed) {
  PlaygroundOptions options;
  options.directory = "/d";
  options.arcs = 64;
  std::vector<std::string> arguments = serve_arguments(options, 2);
  arguments.insert(arguments.begin(), "torc");
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  const CommandLine line = parse_command_line(static_cast<int>(argv.size()), argv.data());
  const auto& serve = std::get<ServeOptions>(line);
  EXPECT_EQ(serve.id, NodeId(2));
  EXPECT_EQ(serve.data_directory, "/d/node-2");
  EXPECT_EQ(serve.listen.text(), "127.0.0.1:7002");
  EXPECT_EQ(serve.peer_listen.text(), "127.0.0.1:17002");
  EXPECT_EQ(serve.cluster_listen->text(), "127.0.0.1:7102");
  EXPECT_EQ(serve.arcs, 64u);
  EXPECT_EQ(serve.initial_cluster.size(), 3u);
  EXPECT_TRUE(serve.max_memory) << "three nodes that each take three quarters of the machine are too many";
}

TEST(Playground, TableShowsEndedAndSilentNodes) {
  PlaygroundNode leader{{"127.0.0.1", 7001}, "10", "", read_report({"127.0.0.1", 7001}, kInfo)};
  PlaygroundNode ended{{"127.0.0.1", 7002}, "11", "signal 9", {}};
  PlaygroundNode silent{{"127.0.0.1", 7003}, "12", "", {}};
  EXPECT_EQ(format_nodes({leader, ended, silent}),
            "id  address         pid  role              term  commit\n"
            " 1  127.0.0.1:7001   10  leader               7      99\n"
            " 2  127.0.0.1:7002    -  ended (signal 9)     -       -\n"
            " 3  127.0.0.1:7003   12  no answer            -       -\n");
  EXPECT_EQ(outline({leader, ended}), "leader\nended (signal 9)\n");
}

class CheckFileTest : public ::testing::Test {
 protected:
  ExitCode check(const std::string& text) {
    const std::string path = ::testing::TempDir() + "/torc_check_file_test.jsonl";
    std::ofstream(path) << text;
    return run_check({path});
  }
};

TEST_F(CheckFileTest, ExitCodeIsTheVerdict) {
  const std::string set = R"({"client":0,"op":"set","key":"a","args":["1"],"result":"OK","start_ns":0,"end_ns":1})";
  const std::string good = R"({"client":1,"op":"get","key":"a","result":"1","start_ns":2,"end_ns":3})";
  const std::string stale = R"({"client":1,"op":"get","key":"a","result":null,"start_ns":2,"end_ns":3})";
  EXPECT_EQ(check(set + "\n" + good + "\n"), kExitOk);
  EXPECT_EQ(check(set + "\n" + stale + "\n"), kExitNotLinearizable);
  EXPECT_EQ(check(set + "\nnot json\n"), kExitUsage);
  EXPECT_EQ(check(""), kExitOk);
}

TEST_F(CheckFileTest, MissingFileIsBadInput) { EXPECT_EQ(run_check({"/nowhere/history.jsonl"}), kExitUsage); }

}  // namespace
}  // namespace torc::cli
