// One column per node, so that five replicas can be followed down the page.
#include "sim/trace.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace torc::sim {
namespace {

TEST(Trace, EachLineShowsEveryNodeAndMarksTheOneItIsAbout) {
  std::vector<std::string> lines;
  Trace trace([&](const std::string& line) { lines.push_back(line); });
  trace.show(NodeId(1), "F  1:7");
  trace.show(NodeId(2), "L* 1:7+1");
  trace.note(Instant{1'500'000}, NodeId(2), TraceKind::kSend, 1, [] { return std::string("to n1"); });
  trace.show(NodeId(2), "down");
  trace.note(Instant{2'000'000'000}, NodeId(), TraceKind::kPhase, 2, [] { return std::string("healed"); });
  ASSERT_EQ(lines.size(), 4u) << "a legend, the columns' names, two events";
  EXPECT_EQ(lines[1], "        time |n1              |n2              | what");
  EXPECT_EQ(lines[2], "    0.001500 | F  1:7         |>L* 1:7+1       | n2 send      to n1");
  EXPECT_EQ(lines[3], "    2.000000 | F  1:7         | down           | -- phase     healed");
}

TEST(Trace, TheHashDoesNotDependOnWhetherSomeoneReads) {
  Trace read([](const std::string&) {});
  Trace unread;
  for (Trace* trace : {&read, &unread}) {
    trace->show(NodeId(1), "down");
    trace->note(Instant{1}, NodeId(1), TraceKind::kCrash, 3, [] { return std::string("x"); });
  }
  EXPECT_EQ(read.hash(), unread.hash());
  EXPECT_NE(read.hash(), Trace().hash());
}

}  // namespace
}  // namespace torc::sim
