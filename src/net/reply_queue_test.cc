#include "net/reply_queue.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "net/resp_test_server.h"

namespace torc::net {
namespace {

void answer(ReplyQueue& queue, node::Ticket ticket) {
  queue.begin(ticket).integer(static_cast<int64_t>(ticket));
  queue.end(ticket);
}

TEST(ReplyQueue, AnswersLeaveInTheOrderOfTheTickets) {
  const FakeNode node;
  std::string output;
  ReplyQueue queue(output, node);
  for (int i = 0; i < 4; ++i) queue.issue();
  answer(queue, 3);
  answer(queue, 2);
  EXPECT_EQ(output, "");
  EXPECT_GT(queue.early_bytes(), 8u);
  answer(queue, 1);
  EXPECT_EQ(output, ":1\r\n:2\r\n:3\r\n");
  EXPECT_EQ(queue.unanswered(), 1u);
  EXPECT_EQ(queue.early_bytes(), 0u);
  answer(queue, 4);
  EXPECT_EQ(queue.unanswered(), 0u);
}

TEST(ReplyQueue, AnyOrderOfAnswersGivesTheSameOutput) {
  Prng prng(11);
  for (int round = 0; round < 200; ++round) {
    const FakeNode node;
    std::string output;
    std::string expected;
    ReplyQueue queue(output, node);
    std::vector<node::Ticket> open;
    for (node::Ticket ticket = 1; ticket <= 40; ++ticket) {
      ASSERT_EQ(queue.issue(), ticket);
      open.push_back(ticket);
      expected += ":" + std::to_string(ticket) + "\r\n";
    }
    while (!open.empty()) {
      const size_t at = prng.below(open.size());
      answer(queue, open[at]);
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(at));
    }
    EXPECT_EQ(output, expected);
  }
}

TEST(ReplyQueueDeathTest, ASecondAnswerIsABug) {
  const FakeNode node;
  std::string output;
  ReplyQueue queue(output, node);
  queue.issue();
  queue.issue();
  answer(queue, 2);
  EXPECT_DEATH(answer(queue, 2), "answered twice");
  EXPECT_DEATH(answer(queue, 3), "ticket 3");
}

}  // namespace
}  // namespace torc::net
