#include "kv/recorded_reply.h"

#include <gtest/gtest.h>

#include "base/codec.h"
#include "base/prng.h"
#include "kv/command_script.h"

namespace torc::kv {
namespace {

void reply_everything(ReplySink& sink) {
  sink.map(2);
  sink.status("key");
  sink.array(5);
  sink.ok();
  sink.nil();
  sink.integer(INT64_MIN);
  sink.integer(INT64_MAX);
  sink.array(0);
  sink.bulk(std::string_view("\0\xff", 2));
  sink.error("ERR no");
}

TEST(RecordedReply, ReplaysEveryKindOfReply) {
  TextSink expected;
  reply_everything(expected);
  RecordingSink recording;
  reply_everything(recording);
  TextSink replayed;
  ASSERT_TRUE(replay(recording.view(), replayed));
  EXPECT_EQ(replayed.text(), expected.text());
}

TEST(RecordedReply, IsCompact) {
  RecordingSink sink;
  sink.ok();
  EXPECT_EQ(sink.take().size(), 1u);
  sink.integer(-1);
  EXPECT_EQ(sink.view().size(), 2u);
  sink.clear();
  EXPECT_EQ(sink.view(), "");
}

TEST(RecordedReply, RefusesAnythingButExactlyOneReplyAndThenCallsNothing) {
  RecordingSink recording;
  reply_everything(recording);
  const std::string good = recording.take();
  TextSink sink;
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(replay(std::string_view(good).substr(0, size), sink));
  EXPECT_FALSE(replay(good + good, sink));
  EXPECT_FALSE(replay("\x09", sink)) << "unknown tag";
  EXPECT_EQ(sink.text(), "");
}

TEST(RecordedReply, CarriesEveryRefusalAsItsNumber) {
  for (uint8_t number = 1; number <= static_cast<uint8_t>(kRefusalLast); ++number) {
    const Refusal refusal = *refusal_of(number);
    RecordingSink recording;
    recording.refusal(refusal);
    EXPECT_EQ(recording.view(), std::string("\x08") + static_cast<char>(number)) << "nodes of other versions read this";
    EXPECT_EQ(recorded_refusal(recording.view()), refusal);
    TextSink replayed;
    EXPECT_TRUE(replay(recording.view(), replayed));
    EXPECT_EQ(replayed.text(), "!" + std::string(name_of(refusal)) + "\n");
  }
}

TEST(RecordedReply, ARefusalOfALaterVersionIsNoReply) {
  TextSink sink;
  for (int number = 0; number < 256; ++number) {
    if (number >= 1 && number <= static_cast<int>(kRefusalLast)) continue;
    const std::string bytes = std::string("\x08") + static_cast<char>(number);
    EXPECT_FALSE(replay(bytes, sink)) << number;
    EXPECT_FALSE(recorded_refusal(bytes)) << number;
  }
  EXPECT_EQ(sink.text(), "");
}

TEST(RecordedReply, ARefusalStandsAlone) {
  TextSink sink;
  using namespace std::string_view_literals;
  for (const std::string_view bytes :
       {"\x08"sv, "\x08\x01\x00"sv, "\x08\x01\x08\x01"sv, "\x06\x01\x08\x01"sv, "\x00\x08\x01"sv}) {
    EXPECT_FALSE(replay(bytes, sink));
    EXPECT_FALSE(recorded_refusal(bytes));
  }
  EXPECT_EQ(sink.text(), "");
}

TEST(RecordedReply, AnErrorOfACommandIsNoRefusalWhateverItsWords) {
  RecordingSink recording;
  recording.error("TRYAGAIN MISCONF UNKNOWN");
  EXPECT_FALSE(recorded_refusal(recording.view()));
}

TEST(RecordedReply, LargeCountsAreRefusedAtOnce) {
  for (const uint8_t tag : {6, 7}) {
    for (const uint64_t count : {uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX}) {
      std::string bytes;
      put_u8(bytes, tag);
      put_varint(bytes, count);
      bytes.append(100, '\0');
      NullSink sink;
      EXPECT_FALSE(replay(bytes, sink));
    }
  }
}

TEST(RecordedReply, DeepNestingNeedsNoStack) {
  std::string bytes;
  for (int i = 0; i < 1'000'000; ++i) bytes += std::string_view("\x06\x01", 2);
  bytes += '\0';
  NullSink sink;
  EXPECT_TRUE(replay(bytes, sink));
}

TEST(RecordedReply, SurvivesRandomBytes) {
  Prng prng(1);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes;
    for (uint64_t n = prng.below(12); n > 0; --n) bytes += static_cast<char>(prng.below(prng.chance(1, 2) ? 10 : 256));
    TextSink sink;
    const bool is_good = replay(bytes, sink);
    EXPECT_EQ(is_good, !sink.text().empty());
  }
}

}  // namespace
}  // namespace torc::kv
