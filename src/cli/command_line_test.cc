#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace torc::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

CommandLine parse(std::vector<const char*> words) {
  words.insert(words.begin(), "torc");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

/// What is printed for a command line that cannot be used.
std::string refusal(std::vector<const char*> words) {
  const CommandLine line = parse(std::move(words));
  const auto* printed = std::get_if<Printed>(&line);
  if (printed == nullptr) return "accepted";
  EXPECT_EQ(printed->exit_code, kExitUsage) << printed->text;
  return printed->text;
}

std::vector<const char*> serve_with(std::vector<const char*> more) {
  std::vector<const char*> words = {"serve",
                                    "--id",
                                    "1",
                                    "--data",
                                    "d",
                                    "--listen",
                                    "127.0.0.1:7001",
                                    "--initial-cluster",
                                    "1=127.0.0.1:17001,2=b:17002"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(CommandLine, ServeTakesItsPeerAddressFromTheCluster) {
  const CommandLine line = parse(serve_with({}));
  const auto& options = std::get<ServeOptions>(line);
  EXPECT_EQ(options.id, NodeId(1));
  EXPECT_EQ(options.data_directory, "d");
  EXPECT_EQ(options.listen.text(), "127.0.0.1:7001");
  EXPECT_EQ(options.peer_listen.text(), "127.0.0.1:17001");
  EXPECT_EQ(options.initial_cluster.at(NodeId(2)).text(), "b:17002");
  EXPECT_EQ(options.election_timeout, 200ms);
  EXPECT_EQ(options.log_level, "info");
  EXPECT_FALSE(options.max_memory);
  EXPECT_EQ(options.client_idle_timeout, 0s);
  EXPECT_EQ(options.command_keys_max, 100'000u);
}

TEST(CommandLine, ServeTakesEveryOption) {
  const CommandLine line = parse(serve_with(
      {"--peer-listen",        "0.0.0.0:17001", "--election-timeout-ms", "1000", "--heartbeat-ms",        "100",
       "--command-timeout-ms", "2000",          "--checkpoint-mib",      "1",    "--log-tail-mib",        "2",
       "--log-level",          "debug",         "--max-memory",          "2gb",  "--client-idle-timeout", "30",
       "--max-command-keys",   "5000"}));
  const auto& options = std::get<ServeOptions>(line);
  EXPECT_EQ(options.peer_listen.text(), "0.0.0.0:17001");
  EXPECT_EQ(options.election_timeout, 1s);
  EXPECT_EQ(options.heartbeat, 100ms);
  EXPECT_EQ(options.command_timeout, 2s);
  EXPECT_EQ(options.checkpoint_mib, 1u);
  EXPECT_EQ(options.log_tail_mib, 2u);
  EXPECT_EQ(options.log_level, "debug");
  EXPECT_EQ(options.max_memory, 2u << 30);
  EXPECT_EQ(options.client_idle_timeout, 30s);
  EXPECT_EQ(options.command_keys_max, 5000u);
}

TEST(CommandLine, ServeHasAClusterDoorOnlyIfItIsToldWhere) {
  const CommandLine without = parse(serve_with({}));
  EXPECT_FALSE(announced_cluster_listen(std::get<ServeOptions>(without)));
  EXPECT_EQ(announced_listen(std::get<ServeOptions>(without)).text(), "127.0.0.1:7001");
  EXPECT_EQ(std::get<ServeOptions>(without).arcs, 1u);
  const CommandLine line = parse(serve_with({"--cluster-listen", "0.0.0.0:7101", "--arcs", "64"}));
  const auto& options = std::get<ServeOptions>(line);
  EXPECT_EQ(options.cluster_listen->text(), "0.0.0.0:7101");
  EXPECT_EQ(announced_cluster_listen(options)->text(), "127.0.0.1:7101") << "by its host in --initial-cluster";
  EXPECT_EQ(options.arcs, 64u);
}

TEST(CommandLine, ServeAnnouncesWhatItIsTold) {
  const CommandLine line = parse(serve_with(
      {"--announce", "torc.example:80", "--cluster-listen", "127.0.0.1:7101", "--cluster-announce", "[fd00::1]:81"}));
  const auto& options = std::get<ServeOptions>(line);
  EXPECT_EQ(announced_listen(options).text(), "torc.example:80");
  EXPECT_EQ(announced_cluster_listen(options)->text(), "[fd00::1]:81");
}

TEST(CommandLine, ServeRefusesDoorsThatNobodyCouldUse) {
  EXPECT_THAT(refusal(serve_with({"--cluster-listen", "127.0.0.1:7001"})), HasSubstr("the same address"));
  EXPECT_THAT(refusal(serve_with({"--cluster-listen", "127.0.0.1:17001"})), HasSubstr("the same address"));
  EXPECT_THAT(refusal(serve_with({"--cluster-announce", "a:1"})), HasSubstr("no cluster door"));
  EXPECT_THAT(refusal(serve_with({"--announce", "0.0.0.0:7001"})), HasSubstr("could connect to"));
  EXPECT_THAT(refusal(serve_with({"--announce", "nowhere"})), HasSubstr("--announce"));
}

TEST(CommandLine, ArcsAreAPowerOfTwo) {
  for (const char* arcs : {"0", "3", "-1", "x", "2048", "1.0", ""}) {
    EXPECT_THAT(refusal(serve_with({"--arcs", arcs})), HasSubstr("power of two from 1 to 1024")) << arcs;
    EXPECT_THAT(refusal({"playground", "--arcs", arcs}), HasSubstr("power of two from 1 to 1024")) << arcs;
  }
  EXPECT_EQ(refusal(serve_with({"--arcs", "1024"})), "accepted");
  const CommandLine line = parse({"playground", "--arcs", "8"});
  EXPECT_EQ(std::get<PlaygroundOptions>(line).arcs, 8u);
}

TEST(CommandLine, ClusterShowsArcsOrNodes) {
  const CommandLine arcs = parse({"cluster", "arcs", "--json", "--node", "a:1"});
  EXPECT_EQ(std::get<ClusterOptions>(arcs).what, ClusterOptions::What::kArcs);
  EXPECT_TRUE(std::get<ClusterOptions>(arcs).as_json);
  EXPECT_EQ(std::get<ClusterOptions>(arcs).nodes.at(0).text(), "a:1");
  const CommandLine nodes = parse({"cluster", "nodes"});
  EXPECT_EQ(std::get<ClusterOptions>(nodes).what, ClusterOptions::What::kNodes);
  EXPECT_EQ(std::get<ClusterOptions>(nodes).nodes.size(), 3u);
  EXPECT_THAT(refusal({"cluster"}), HasSubstr("subcommand"));
}

TEST(CommandLine, ServeRefusesWhatCannotWorkAndSaysWhy) {
  EXPECT_THAT(refusal({"serve"}), HasSubstr("--id is required"));
  EXPECT_THAT(refusal(serve_with({"--heartbeat-ms", "101"})), HasSubstr("at least 2 times --heartbeat-ms"));
  EXPECT_EQ(refusal(serve_with({"--heartbeat-ms", "100"})), "accepted");
  EXPECT_THAT(refusal(serve_with({"--peer-listen", "127.0.0.1:7001"})), HasSubstr("the same address"));
  EXPECT_THAT(refusal(serve_with({"--log-level", "loud"})), HasSubstr("--log-level"));
  EXPECT_THAT(refusal(serve_with({"--checkpoint-mib", "0"})), HasSubstr("--checkpoint-mib"));
  EXPECT_THAT(refusal(serve_with({"--log-tail-mib", "0"})), HasSubstr("--log-tail-mib"));
  EXPECT_THAT(refusal({"serve", "--id", "3", "--data", "d", "--listen", "a:1", "--initial-cluster", "1=a:2"}),
              HasSubstr("--id 3 is not among the nodes of --initial-cluster"));
  EXPECT_THAT(refusal({"serve", "--id", "1", "--data", "d", "--listen", "a", "--initial-cluster", "1=a:2"}),
              HasSubstr("write host:port"));
}

TEST(ServeOptions, InitialClusterIsCheckedNodeByNode) {
  EXPECT_EQ(parse_initial_cluster("1=a:1,2=b:1")->size(), 2u);
  for (const char* text : {"", "1", "=a:1", "0=a:1", "x=a:1", "1=a", "1=a:1,", "1=a:1,1=b:1", "1=a:1,2=a:1"}) {
    EXPECT_FALSE(parse_initial_cluster(text).ok()) << text;
  }
  EXPECT_TRUE(parse_initial_cluster("1=a:1,2=a:2,3=a:3,4=a:4,5=a:5,6=a:6,7=a:7").ok());
  EXPECT_FALSE(parse_initial_cluster("1=a:1,2=a:2,3=a:3,4=a:4,5=a:5,6=a:6,7=a:7,8=a:8").ok());
}

TEST(CommandLine, DataCommandsBecomeServerCommands) {
  const auto words = [](std::vector<const char*> given) {
    const CommandLine line = parse(std::move(given));
    const auto* options = std::get_if<DataOptions>(&line);
    return options != nullptr ? options->command : std::vector<std::string>{std::get<Printed>(line).text};
  };
  EXPECT_THAT(words({"get", "k"}), ElementsAre("GET", "k"));
  EXPECT_THAT(words({"set", "k", "a value"}), ElementsAre("SET", "k", "a value"));
  EXPECT_THAT(words({"set", "k", ""}), ElementsAre("SET", "k", ""));
  EXPECT_THAT(words({"set", "k", "--", "-v"}), ElementsAre("SET", "k", "-v"));
  EXPECT_THAT(words({"del", "k"}), ElementsAre("DEL", "k"));
  EXPECT_THAT(words({"append", "k", "v"}), ElementsAre("APPEND", "k", "v"));
  EXPECT_THAT(words({"incr", "k"}), ElementsAre("INCRBY", "k", "1"));
  EXPECT_THAT(words({"incr", "k", "--by", "-5"}), ElementsAre("INCRBY", "k", "-5"));
  EXPECT_THAT(words({"cas", "k", "old", "new"}), ElementsAre("CAS", "k", "old", "new"));
  EXPECT_THAT(words({"ttl", "k"}), ElementsAre("TTL", "k"));
}

TEST(CommandLine, DataCommandsAskThePlaygroundUnlessToldOtherwise) {
  const CommandLine line = parse({"get", "k"});
  EXPECT_EQ(std::get<DataOptions>(line).nodes.size(), 3u);
  const CommandLine other = parse({"get", "k", "--node", "h:1,h:2", "--timeout-ms", "70"});
  EXPECT_EQ(std::get<DataOptions>(other).nodes, (std::vector<client::Endpoint>{{"h", 1}, {"h", 2}}));
  EXPECT_EQ(std::get<DataOptions>(other).timeout, 70ms);
}

TEST(CommandLine, MistakesAreNamed) {
  EXPECT_THAT(refusal({}), HasSubstr("subcommand is required"));
  EXPECT_THAT(refusal({"gte", "k"}), HasSubstr("no command \"gte\""));
  EXPECT_THAT(refusal({"get"}), HasSubstr("key is required"));
  EXPECT_THAT(refusal({"get", "k", "--node", "nowhere"}), HasSubstr("write host:port"));
  EXPECT_THAT(refusal({"get", "k", "--timeout-ms", "0"}), HasSubstr("--timeout-ms"));
  EXPECT_THAT(refusal({"playground", "--nodes", "8"}), HasSubstr("--nodes"));
  EXPECT_THAT(refusal({"playground", "--base-port", "55529"}), HasSubstr("--base-port"));
  EXPECT_EQ(refusal({"playground", "--nodes", "7", "--base-port", "55528"}), "accepted");
  EXPECT_THAT(refusal({"check"}), HasSubstr("history is required"));
}

TEST(CommandLine, HelpAndVersionAreNotErrors) {
  const CommandLine help = parse({"--help"});
  EXPECT_EQ(std::get<Printed>(help).exit_code, kExitOk);
  EXPECT_THAT(std::get<Printed>(help).text, HasSubstr("torc playground"));
  EXPECT_THAT(std::get<Printed>(help).text, HasSubstr("unknown outcome"));
  const CommandLine version = parse({"--version"});
  EXPECT_EQ(std::get<Printed>(version).text, std::string("torc ") + kVersion + "\n");
}

}  // namespace
}  // namespace torc::cli
