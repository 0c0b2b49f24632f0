#include "net/refusal_words.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "net/answer_encoder.h"

namespace torc::net {
namespace {

using kv::Refusal;

std::vector<Refusal> all_refusals() {
  std::vector<Refusal> all;
  for (uint8_t number = 1; number <= static_cast<uint8_t>(kv::kRefusalLast); ++number) {
    all.push_back(*kv::refusal_of(number));
  }
  return all;
}

std::string code_of(Refusal refusal) {
  const std::string_view words = words_of(refusal);
  return std::string(words.substr(0, words.find(' ')));
}

TEST(RefusalWords, EveryRefusalHasWordsOfItsOwn) {
  std::set<std::string_view> words;
  for (const Refusal refusal : all_refusals()) words.insert(words_of(refusal));
  EXPECT_EQ(words.size(), all_refusals().size());
}

// All that a client of another language knows is the code.
TEST(RefusalWords, TheCodeSaysWhetherTheCommandMayBeExecuted) {
  for (const Refusal refusal : all_refusals()) {
    const std::string code = code_of(refusal);
    const bool says_perhaps = code == "UNKNOWN" || code == "EXECUTED";
    if (says_perhaps) {
      EXPECT_FALSE(is_definite(refusal)) << words_of(refusal);
    }
    // Who holds a label is asked to send the same call again, and finds out.
    if (!says_perhaps && !asks_to_repeat(refusal)) {
      EXPECT_TRUE(is_definite(refusal)) << words_of(refusal);
    }
    EXPECT_EQ(code == "TRYAGAIN", asks_to_repeat(refusal)) << words_of(refusal);
  }
}

TEST(RefusalWords, ClientsKnowTheseCodes) {
  EXPECT_EQ(code_of(Refusal::kUnknownOutcome), "UNKNOWN");
  EXPECT_EQ(code_of(Refusal::kReplyNotKept), "EXECUTED");
  EXPECT_EQ(code_of(Refusal::kNoLeader), "CLUSTERDOWN");
  EXPECT_EQ(code_of(Refusal::kDiskFull), "MISCONF");
  EXPECT_EQ(code_of(Refusal::kOutOfMemory), "OOM");
  EXPECT_EQ(words_of(Refusal::kOutOfMemory), "OOM command not allowed when used memory > 'maxmemory'.");
}

TEST(RefusalWords, AnUnbornNodeSaysWhy) {
  class Unborn final : public node::Service {
   public:
    node::ClientId open_client(node::ClientPort&, node::Door) override { return {}; }
    void close_client(node::ClientId) override {}
    void submit(node::ClientId, node::Ticket, const kv::CommandView&, const kv::SessionCall*) override {}
    kv::SessionId draw_session() override { return {}; }
    size_t pending(node::ClientId) const override { return 0; }
    node::NodeStatus status() const override { return {}; }
    std::string explanation() const override { return "waiting to meet node 2"; }
  };
  const Unborn node;
  std::string out;
  AnswerEncoder encoder(out, node);
  encoder.refusal(Refusal::kNotBorn);
  encoder.refusal(Refusal::kNotExecuted);
  EXPECT_EQ(out,
            "-CLUSTERDOWN waiting to meet node 2\r\n"
            "-TRYAGAIN leadership changed, the command was not executed\r\n");
}

}  // namespace
}  // namespace torc::net
