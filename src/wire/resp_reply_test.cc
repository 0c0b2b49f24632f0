// What the encoder writes is what the reply parser reads, in both versions; and bytes nobody wrote are refused.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/prng.h"
#include "wire/resp_encoder.h"
#include "wire/resp_reply_parser.h"

namespace torc::wire {
namespace {

using Kind = RespValue::Kind;

class Encoder final : public RespEncoder {
 public:
  using RespEncoder::RespEncoder;
  void refusal(kv::Refusal) override {}
};

std::string encode_with(RespVersion version, const auto& write) {
  std::string out;
  Encoder encoder(out, version);
  write(encoder);
  return out;
}

/// All replies in `bytes`; an error ends the list as a value of kind kError with code "PARSER".
std::vector<RespValue> parse_in_pieces(std::string_view bytes, const auto& next_piece) {
  std::vector<RespValue> values;
  RespReplyParser parser;
  while (!bytes.empty()) {
    const size_t piece = std::min<size_t>(next_piece(), bytes.size());
    parser.feed(bytes.substr(0, piece));
    bytes.remove_prefix(piece);
    for (;;) {
      Result<std::optional<RespValue>> value = parser.next();
      if (!value.ok()) {
        values.push_back({.kind = Kind::kError, .text = "PARSER " + value.error().message});
        return values;
      }
      if (!value->has_value()) break;
      values.push_back(**std::move(value));
    }
  }
  return values;
}

std::vector<RespValue> parse(std::string_view bytes) {
  return parse_in_pieces(bytes, [&] { return bytes.size(); });
}

bool is_refused(std::string_view bytes) {
  const std::vector<RespValue> values = parse(bytes);
  return !values.empty() && values.back().text.starts_with("PARSER");
}

RespValue bulk(std::string text) { return {.kind = Kind::kBulk, .text = std::move(text)}; }
RespValue number(int64_t value) { return {.kind = Kind::kInteger, .integer = value}; }

void write_one_of_each(RespEncoder& out) {
  out.ok();
  out.status("PONG");
  out.error("ERR no");
  for (int64_t value : {int64_t{0}, int64_t{9}, int64_t{10}, int64_t{-1}, INT64_MAX, INT64_MIN}) out.integer(value);
  for (size_t size : {0, 1, 9, 10, 96, 97, 5000}) out.bulk(std::string(size, 'v'));
  out.nil();
  out.array(2);
  out.integer(1);
  out.array(0);
  out.map(1);
  out.bulk("proto");
  out.integer(3);
  out.set(1);
  out.status("fast");
  out.verbatim("# Server");
}

TEST(RespEncoder, WritesTheBytesOfRedis) {
  const auto resp2 = encode_with(RespVersion::kResp2, [](RespEncoder& out) {
    out.ok();
    out.bulk("hello");
    out.nil();
    out.map(1);
    out.integer(-12);
    out.verbatim("t");
  });
  EXPECT_EQ(resp2, "+OK\r\n$5\r\nhello\r\n$-1\r\n*2\r\n:-12\r\n$1\r\nt\r\n");
  const auto resp3 = encode_with(RespVersion::kResp3, [](RespEncoder& out) {
    out.nil();
    out.map(1);
    out.set(2);
    out.verbatim("t");
  });
  EXPECT_EQ(resp3, "_\r\n%1\r\n~2\r\n=5\r\ntxt:t\r\n");
}

TEST(RespEncoder, AnErrorCannotForgeASecondReply) {
  const auto bytes =
      encode_with(RespVersion::kResp2, [](RespEncoder& out) { out.error("ERR unknown command 'a\r\n+OK\r\n'"); });
  EXPECT_EQ(bytes, "-ERR unknown command 'a  +OK  '\r\n");
}

TEST(RespReply, RoundTripsInBothVersionsHoweverItIsSplit) {
  for (RespVersion version : {RespVersion::kResp2, RespVersion::kResp3}) {
    const std::string bytes = encode_with(version, write_one_of_each);
    const std::vector<RespValue> whole = parse(bytes);
    ASSERT_EQ(whole.size(), 21u);
    EXPECT_EQ(whole[2], (RespValue{.kind = Kind::kError, .text = "ERR no"}));
    EXPECT_EQ(whole[8], number(INT64_MIN));
    EXPECT_EQ(whole[13], bulk(std::string(96, 'v')));
    EXPECT_TRUE(whole[16].is_nil());
    EXPECT_EQ(whole[17].elements.size(), 2u);
    EXPECT_EQ(*whole[18].find("proto"), number(3));
    EXPECT_EQ(whole[18].kind, version == RespVersion::kResp3 ? Kind::kMap : Kind::kArray);
    EXPECT_EQ(whole[20].text, "# Server");
    EXPECT_EQ(parse_in_pieces(bytes, [] { return 1; }), whole);
    Prng prng(2);
    for (int round = 0; round < 50; ++round) {
      EXPECT_EQ(parse_in_pieces(bytes, [&] { return prng.between(1, 300); }), whole);
    }
  }
}

TEST(RespReplyParser, ReadsTypesThatOnlyServersOfRedisSend) {
  const std::vector<RespValue> values = parse(",3.25\r\n#t\r\n(123456789012345678901\r\n!5\r\nERR x\r\n>1\r\n+p\r\n");
  ASSERT_EQ(values.size(), 5u);
  EXPECT_EQ(values[0], (RespValue{.kind = Kind::kDouble, .text = "3.25"}));
  EXPECT_EQ(values[1], (RespValue{.kind = Kind::kBoolean, .integer = 1}));
  EXPECT_EQ(values[2].kind, Kind::kBigNumber);
  EXPECT_EQ(values[3], (RespValue{.kind = Kind::kError, .text = "ERR x"}));
  EXPECT_EQ(values[4].kind, Kind::kPush);
}

TEST(RespReplyParser, NestsUpToTheLimit) {
  std::string nested;
  for (size_t i = 0; i < kReplyDepthMax; ++i) nested += "*1\r\n";
  EXPECT_FALSE(is_refused(nested + ":1\r\n"));
  EXPECT_EQ(parse(nested + ":1\r\n").size(), 1u);
  EXPECT_TRUE(is_refused(nested + "*1\r\n:1\r\n"));
}

TEST(RespReplyParser, AnnouncedSizesAreBounded) {
  EXPECT_FALSE(is_refused("*" + std::to_string(kReplyElementsMax) + "\r\n"));
  EXPECT_TRUE(is_refused("*" + std::to_string(kReplyElementsMax + 1) + "\r\n"));
  EXPECT_TRUE(is_refused("*2\r\n*" + std::to_string(kReplyElementsMax) + "\r\n")) << "all levels count together";
  EXPECT_TRUE(is_refused("%" + std::to_string(kReplyElementsMax) + "\r\n"));
  EXPECT_FALSE(is_refused("$" + std::to_string(kReplyBulkBytesMax) + "\r\n"));
  EXPECT_TRUE(is_refused("$" + std::to_string(kReplyBulkBytesMax + 1) + "\r\n"));
  EXPECT_FALSE(is_refused("+" + std::string(kReplyLineBytesMax, 'x') + "\r\n"));
  EXPECT_TRUE(is_refused("+" + std::string(kReplyLineBytesMax + 1, 'x') + "\r\n"));
  EXPECT_TRUE(is_refused("+" + std::string(kReplyLineBytesMax + 2, 'x')));
}

TEST(RespReplyParser, MalformedBytesAreRefused) {
  for (const char* bytes :
       {"\r\n", "hello\r\n", "+OK\n", ":\r\n", ":1x\r\n", ":99999999999999999999\r\n", "$-2\r\n", "$1\r\nab\r\n",
        "*-2\r\n", "%-1\r\n", "#x\r\n", "_x\r\n", "=3\r\ntxt\r\n", "=-1\r\n", "$?\r\n", "*?\r\n", "|1\r\n"}) {
    EXPECT_TRUE(is_refused(bytes)) << bytes;
  }
}

TEST(RespReplyParser, ACutReplyIsNoticedAtTheEndOfTheStream) {
  RespReplyParser parser;
  parser.feed("*2\r\n:1\r\n");
  EXPECT_FALSE(parser.next()->has_value());
  EXPECT_GT(parser.bytes_pending(), 0u);
  parser.feed(":2\r\n");
  EXPECT_TRUE(parser.next()->has_value());
  EXPECT_EQ(parser.bytes_pending(), 0u);
}

}  // namespace
}  // namespace torc::wire
