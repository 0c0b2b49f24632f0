#include "wire/resp_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/prng.h"
#include "wire/resp_reply_parser.h"

namespace torc::wire {
namespace {

using Outcome = RespParser::Outcome;
using Command = std::vector<std::string>;

/// What a stream of bytes was cut into.
struct Parsed {
  std::vector<Command> commands;
  std::string error;
  friend bool operator==(const Parsed&, const Parsed&) = default;
};

/// Feeds `bytes` in pieces that `next_piece` sizes; every call sees the bytes at another address.
template <typename NextPiece>
Parsed parse_in_pieces(std::string_view bytes, NextPiece next_piece) {
  Parsed parsed;
  RespParser parser;
  std::string unread;
  while (!bytes.empty()) {
    const size_t piece = std::min<size_t>(next_piece(), bytes.size());
    unread = unread + std::string(bytes.substr(0, piece));
    bytes.remove_prefix(piece);
    for (;;) {
      const Outcome outcome = parser.next(unread);
      if (outcome == Outcome::kNeedMore) break;
      if (outcome == Outcome::kError) {
        parsed.error = parser.error();
        return parsed;
      }
      if (!parser.args().empty()) parsed.commands.emplace_back(parser.args().begin(), parser.args().end());
      unread.erase(0, parser.consumed());
    }
  }
  return parsed;
}

Parsed parse(std::string_view bytes) {
  return parse_in_pieces(bytes, [&] { return bytes.size(); });
}

std::string error_of(std::string_view bytes) { return parse(bytes).error; }

TEST(RespParser, CutsAPipelineIntoCommands) {
  EXPECT_EQ(parse("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\n").commands,
            (std::vector<Command>{{"GET", "a"}, {"SET", "a", ""}}));
}

TEST(RespParser, BulksMayHoldAnyBytes) {
  EXPECT_EQ(parse(std::string("*1\r\n$6\r\n\r\n\0*1$\r\n", 16)).commands,
            (std::vector<Command>{{std::string("\r\n\0*1$", 6)}}));
}

TEST(RespParser, EmptyAndNullArraysAndBlankLinesAreSkipped) {
  EXPECT_EQ(parse("*0\r\n*-1\r\n\r\n\nPING\r\n").commands, (std::vector<Command>{{"PING"}}));
}

TEST(RespParser, AnySplitGivesTheSameCommands) {
  const std::string bytes =
      "*2\r\n$3\r\nGET\r\n$12\r\nkey of bytes\r\nSET a \"x\\x41\\n\" "
      "'it\\'s'\r\n*0\r\n*3\r\n$4\r\nMSET\r\n$1\r\nk\r\n$3"
      "\r\n\r\n*\r\nPING\n*1\r\n$4\r\nQUIT\r\n";
  const Parsed whole = parse(bytes);
  ASSERT_EQ(whole.error, "");
  ASSERT_EQ(whole.commands.size(), 5u);
  EXPECT_EQ(whole.commands[1], (Command{"SET", "a", "xA\n", "it's"}));
  EXPECT_EQ(parse_in_pieces(bytes, [] { return 1; }), whole);
  Prng prng(1);
  for (int round = 0; round < 200; ++round) {
    EXPECT_EQ(parse_in_pieces(bytes, [&] { return prng.between(1, 20); }), whole);
  }
}

TEST(RespParser, InlineQuotingIsThatOfRedis) {
  EXPECT_EQ(parse("set  k\t\"a b\\\"c\\\\\\q\\xzz\" 'd\\n'\r\n").commands,
            (std::vector<Command>{{"set", "k", "a b\"c\\qxzz", "d\\n"}}));
  EXPECT_EQ(parse("echo \"\"\r\n").commands, (std::vector<Command>{{"echo", ""}}));
  EXPECT_EQ(parse("echo a\"b\"\r\n").commands, (std::vector<Command>{{"echo", "ab"}}));
}

TEST(RespParser, UnbalancedQuotesAreAnError) {
  const std::string expected = "ERR Protocol error: unbalanced quotes in request";
  EXPECT_EQ(error_of("set k \"v\r\n"), expected);
  EXPECT_EQ(error_of("set k 'v\r\n"), expected);
  EXPECT_EQ(error_of("set k \"v\"x\r\n"), expected);
  EXPECT_EQ(error_of("set k \"v\\\r\n"), expected);
}

TEST(RespParser, InlineLinesEndAtTheLimit) {
  const std::string at_limit(kInlineBytesMax, 'x');
  EXPECT_EQ(parse(at_limit + "\n").commands, (std::vector<Command>{{at_limit}}));
  EXPECT_EQ(error_of(at_limit + "x\n"), "ERR Protocol error: too big inline request");
  EXPECT_EQ(error_of(at_limit + "x"), "ERR Protocol error: too big inline request");
  EXPECT_EQ(error_of(at_limit), "");
}

TEST(RespParser, MultibulkCountsAreCheckedBeforeAnythingElse) {
  const std::string expected = "ERR Protocol error: invalid multibulk length";
  for (const char* count : {"", "x", "1x", " 1", "+1", "01", "-", "1048577", "99999999999999999999", "2147483648",
                            "18446744073709551617", "-99999999999999999999"}) {
    EXPECT_EQ(error_of("*" + std::string(count) + "\r\n"), expected) << count;
  }
  EXPECT_EQ(error_of("*1\rx"), expected);
  EXPECT_EQ(error_of("*" + std::string(64, '1')), expected) << "a head without an end is not waited for";
  EXPECT_EQ(error_of("*1048576\r\n"), "");
}

TEST(RespParser, BulkLengthsAreCheckedBeforeTheirBytesArrive) {
  const std::string expected = "ERR Protocol error: invalid bulk length";
  for (const char* bytes : {"", "x", "-1", "-9", "007", "33554433", "99999999999999999999"}) {
    EXPECT_EQ(error_of("*1\r\n$" + std::string(bytes) + "\r\n"), expected) << bytes;
  }
  EXPECT_EQ(error_of("*1\r\n$33554432\r\n"), "");
}

TEST(RespParser, AnArgumentOfTheLargestSizeIsTaken) {
  std::string bytes = "*1\r\n$" + std::to_string(kBulkBytesMax) + "\r\n" + std::string(kBulkBytesMax, 'v') + "\r\n";
  RespParser parser;
  ASSERT_EQ(parser.next(bytes), Outcome::kCommand);
  EXPECT_EQ(parser.args()[0].size(), kBulkBytesMax);
  EXPECT_EQ(parser.args()[0].data(), bytes.data() + bytes.find('v')) << "copied";
}

TEST(RespParser, ACommandThatCouldNotBecomeAnEntryIsRefused) {
  const std::string big = "$" + std::to_string(kBulkBytesMax) + "\r\n" + std::string(kBulkBytesMax, 'v') + "\r\n";
  EXPECT_EQ(error_of("*3\r\n$4\r\nMSET\r\n" + big + "$9000000\r\n"), "ERR Protocol error: too big request");
}

TEST(RespParser, WhatIsNotABulkIsNamed) {
  EXPECT_EQ(error_of("*1\r\n:1\r\n"), "ERR Protocol error: expected '$', got ':'");
  EXPECT_EQ(error_of("*1\r\n*1\r\n"), "ERR Protocol error: expected '$', got '*'") << "nested arrays";
  EXPECT_EQ(error_of("*1\r\n$1\r\nab\r\n"), "ERR Protocol error: bulk longer than announced");
}

TEST(RespParser, ArgumentCountsUpToTheLimitAreTaken) {
  std::string bytes = "*" + std::to_string(kArgumentsMax) + "\r\n";
  for (size_t i = 0; i < kArgumentsMax; ++i) bytes += "$1\r\nx\r\n";
  RespParser parser;
  ASSERT_EQ(parser.next(bytes), Outcome::kCommand);
  EXPECT_EQ(parser.args().size(), kArgumentsMax);
  EXPECT_EQ(parser.next({}), Outcome::kNeedMore);
}

TEST(RespParser, ABigValueInSmallPiecesIsNotScannedAgainAndAgain) {
  // One byte at a time over 32 MiB: quadratic work would take hours, not seconds.
  std::string bytes = "*1\r\n$" + std::to_string(kBulkBytesMax) + "\r\n" + std::string(kBulkBytesMax, '\n') + "\r\n";
  RespParser parser;
  for (size_t have = 1; have < bytes.size(); ++have) {
    ASSERT_EQ(parser.next(std::string_view(bytes).substr(0, have)), Outcome::kNeedMore);
  }
  EXPECT_EQ(parser.bytes_expected(), bytes.size());
  EXPECT_EQ(parser.next(bytes), Outcome::kCommand);
}

TEST(RespParser, ReadsWhatClientsWrite) {
  std::string bytes;
  const std::string_view args[] = {"SET", "key", "value \r\n"};
  append_request(bytes, args);
  EXPECT_EQ(parse(bytes).commands, (std::vector<Command>{{"SET", "key", "value \r\n"}}));
}

}  // namespace
}  // namespace torc::wire
