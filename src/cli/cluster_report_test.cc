#include "cli/cluster_report.h"

#include <gtest/gtest.h>

namespace torc::cli {
namespace {

constexpr const char* kGroups =
    "# Groups\r\n"
    "group1:slots=0-8191,role=leader,term=3,leader=1,commit=10,applied=10,checkpoint=0,keys=7,voters=3\r\n"
    "group18446744073709551615:slots=8192-16383,role=follower,term=4,leader=0,commit=12,keys=0,voters=3\r\n";

constexpr const char* kNodes =
    "00000000000000010000000000abcdef00000000 10.0.0.1:7101@0 myself,master - 0 0 1 connected 0-8190 8192\n"
    "000000000000000b0000000000abcdef00000000 :0@0 master,fail?,noaddr - 0 0 11 disconnected\n";

TEST(ClusterReport, ArcsAreALineEach) {
  EXPECT_EQ(format_arcs(read_arcs(kGroups), false),
            "slots                      group  leader  term  commit  keys\n"
            "0-8191                         1       1     3      10     7\n"
            "8192-16383  18446744073709551615       -     4      12     0\n");
}

TEST(ClusterReport, ArcsAsJson) {
  EXPECT_EQ(format_arcs(read_arcs(kGroups), true),
            "[\n"
            "  {\"first_slot\": 0, \"last_slot\": 8191, \"group\": \"1\", \"leader\": 1, \"term\": 3, \"commit\": 10, "
            "\"keys\": 7},\n"
            "  {\"first_slot\": 8192, \"last_slot\": 16383, \"group\": \"18446744073709551615\", \"leader\": null, "
            "\"term\": 4, \"commit\": 12, \"keys\": 0}\n"
            "]\n");
}

TEST(ClusterReport, NodesAreALineEachAlsoThoseThatLeadNothing) {
  EXPECT_EQ(format_members(read_members(kNodes), false),
            "id  address        state          slots led  ranges\n"
            " 1  10.0.0.1:7101  connected           8192       2\n"
            "11  :0             not connected          0       0\n");
}

TEST(ClusterReport, NodesAsJson) {
  EXPECT_EQ(
      format_members(read_members(kNodes), true),
      "[\n"
      "  {\"node\": 1, \"address\": \"10.0.0.1:7101\", \"connected\": true, \"asked\": true, \"slot_count\": 8192, "
      "\"slots\": [\"0-8190\", \"8192\"]},\n"
      "  {\"node\": 11, \"address\": \":0\", \"connected\": false, \"asked\": false, \"slot_count\": 0, \"slots\": "
      "[]}\n"
      "]\n");
}

TEST(ClusterReport, OfAServerThatIsNoTorcIsEmpty) {
  EXPECT_TRUE(read_arcs("garbage\ngroup\n:::\n").empty());
  EXPECT_TRUE(read_members("garbage\na b c d e f g h\n").empty());
}

}  // namespace
}  // namespace torc::cli
