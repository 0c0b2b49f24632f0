// A wall clock that is wrong by years, for some seconds (docs/protocol.md, wrong wall clocks).
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "cluster.h"

namespace torc::integration {
namespace {

constexpr int64_t kHundredYears = int64_t{100} * 365 * 24 * 3600;  // seconds

struct ClockCluster : Cluster {
  ClockCluster()
      : Cluster({.environment = {{"LD_PRELOAD", built_program("torc_wrong_clock_preload.so")},
                                 {"TORC_WRONG_CLOCK", std::string(kClusterDirectory) + "/clock"}}}) {}

  void set_ahead(NodeNumber node, int64_t seconds) { std::ofstream(clock_file(node)) << seconds; }
  void set_right(NodeNumber node) { std::filesystem::remove(clock_file(node)); }
  std::string clock_file(NodeNumber node) { return directory() + "/clock." + std::to_string(process(node).pid()); }

  std::optional<Reply> ask(const std::vector<std::string>& words) {
    return connect(wait_for_leader(), Millis(10000)).call(words);
  }
  int64_t ttl(const std::string& key) {
    const auto reply = ask({"TTL", key});
    return reply ? reply->integer : -3;
  }
  void work_for(Millis time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
      for (NodeNumber node = 1; node <= size(); ++node) connect(node, Millis(10000)).call({"INCR", "count"});
      sleep_for(Millis(50));
    }
  }
  void expect_right_times() {
    ASSERT_TRUE(ask({"SET", "short", "v", "EX", "2"})->is_ok());
    EXPECT_EQ(ask({"GET", "short"})->text, "v");
    EXPECT_TRUE(holds_within(Millis(20000), [&] { return ask({"GET", "short"})->is_nil(); }));
    ASSERT_TRUE(ask({"SET", "dated", "v"})->is_ok());
    EXPECT_EQ(ask({"EXPIREAT", "dated", std::to_string(std::time(nullptr) + 3600)})->integer, 1);
    EXPECT_GT(ttl("dated"), 3000);
  }
};

// Every key with a deadline and every session was gone, and "EX 2" lasted a hundred years.
TEST(WrongClock, ALeaderAHundredYearsAheadForSixSecondsEndsNothing) {
  ClockCluster cluster;
  ASSERT_TRUE(cluster.ask({"SET", "hour", "v", "EX", "3600"})->is_ok());
  const auto session = cluster.ask({"TORC.SESSION", "NEW"});
  ASSERT_TRUE(session && session->text.size() == 32) << session;
  const std::string id = session->text;
  ASSERT_TRUE(cluster.ask({"TORC.CALL", id, "1", "1", "1", "SET", "labelled", "v"})->is_ok());
  const NodeNumber wrong = cluster.wait_for_leader();
  cluster.set_ahead(wrong, kHundredYears);
  cluster.work_for(Millis(6000));
  cluster.set_right(wrong);
  EXPECT_EQ(cluster.ask({"GET", "hour"})->text, "v");
  EXPECT_GT(cluster.ttl("hour"), 3000);
  EXPECT_LT(cluster.ttl("hour"), 3601);
  // Sent again, as far as the cluster can tell: executed only by who knows the session.
  const auto called = cluster.ask({"TORC.CALL", id, "2", "2", "2", "SET", "labelled", "v"});
  EXPECT_TRUE(called && called->is_ok()) << called;
  cluster.expect_right_times();
}

TEST(WrongClock, StampsOfAMajorityThatWasWrongAreSetBackAndEveryNodeSaysSo) {
  ClockCluster cluster;
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.set_ahead(node, kHundredYears);
  cluster.work_for(Millis(3000));
  ASSERT_TRUE(cluster.ask({"SET", "meanwhile", "v", "EX", "3600"})->is_ok());
  for (NodeNumber node = 1; node <= cluster.size(); ++node) cluster.set_right(node);
  for (NodeNumber node = 1; node <= cluster.size(); ++node) {
    const auto is_set_back = [&] {
      const auto fields = cluster.info(node);
      return fields && fields->at("raft_stamps_set_back") != "0";
    };
    EXPECT_TRUE(holds_within(Millis(20000), is_set_back)) << "node " << node;
    const auto says_so = [&] {
      return cluster.log(node).find("the time by which keys expire was") != std::string::npos;
    };
    EXPECT_TRUE(holds_within(Millis(10000), says_so)) << "node " << node;
  }
  EXPECT_GT(cluster.ttl("meanwhile"), 3000);
  EXPECT_LT(cluster.ttl("meanwhile"), 3601);
  cluster.expect_right_times();
}

}  // namespace
}  // namespace torc::integration
