#include "wire/command_table.h"

#include <gtest/gtest.h>

#include "wire/command_description.h"
#include "wire/resp_reply_parser.h"

namespace torc::wire {
namespace {

class Encoder final : public RespEncoder {
 public:
  using RespEncoder::RespEncoder;
  void refusal(kv::Refusal) override {}
};

RespValue describe(std::vector<std::string_view> args, RespVersion version = RespVersion::kResp2) {
  std::string bytes;
  Encoder encoder(bytes, version);
  describe_commands(args, encoder);
  RespReplyParser parser;
  parser.feed(bytes);
  Result<std::optional<RespValue>> value = parser.next();
  EXPECT_TRUE(value.ok() && value->has_value());
  EXPECT_EQ(parser.bytes_pending(), 0u) << "more than one reply";
  return **std::move(value);
}

TEST(CommandTable, FindsEveryRowInAnyCase) {
  ASSERT_FALSE(command_rows().empty());
  for (const CommandRow& row : command_rows()) {
    EXPECT_EQ(find_command(row.traits.name), &row);
    std::string mixed = to_lower(row.traits.name);
    EXPECT_EQ(find_command(mixed), &row);
    mixed[0] = row.traits.name[0];
    EXPECT_EQ(find_command(mixed), &row);
  }
  EXPECT_EQ(find_command("get")->traits.id, kv::CommandId::kGet);
  EXPECT_EQ(find_command("Ping")->connection, ConnectionCommand::kPing);
}

TEST(CommandTable, NamesThatOnlyLookAlikeAreUnknown) {
  for (std::string_view name :
       {std::string_view(""), std::string_view("GETT"), std::string_view("GE"), std::string_view("GET\0", 4),
        std::string_view("TORC\x0e"
                         "CALL"),
        std::string_view("A NAME THAT IS MUCH TOO LONG FOR ANY COMMAND")}) {
    EXPECT_EQ(find_command(name), nullptr) << name;
  }
}

TEST(CommandTable, ArityCountsTheName) {
  EXPECT_TRUE(find_command("GET")->accepts(2));
  EXPECT_FALSE(find_command("GET")->accepts(1));
  EXPECT_FALSE(find_command("GET")->accepts(3));
  EXPECT_TRUE(find_command("PING")->accepts(1));
  EXPECT_FALSE(find_command("DEL")->accepts(1));
  EXPECT_TRUE(find_command("DEL")->accepts(9));
}

TEST(CommandTable, ErrorsAreInTheWordsOfRedis) {
  const std::string_view command[] = {"foo", "bar", "baz"};
  EXPECT_EQ(unknown_command_error(command), "ERR unknown command 'foo', with args beginning with: 'bar' 'baz' ");
  EXPECT_EQ(wrong_arity_error("GET"), "ERR wrong number of arguments for 'get' command");
  const std::string huge(100000, 'x');
  const std::string_view long_command[] = {huge, huge, huge};
  EXPECT_LT(unknown_command_error(long_command).size(), 400u);
}

TEST(CommandDescription, GivesTheKeysOfACommand) {
  EXPECT_EQ(describe({"GETKEYS", "mset", "a", "1", "b", "2"}).elements.size(), 2u);
  EXPECT_EQ(describe({"GETKEYS", "mset", "a", "1", "b", "2"}).elements[1].text, "b");
  EXPECT_EQ(describe({"GETKEYS", "get", "k"}).elements.size(), 1u);
  EXPECT_EQ(describe({"GETKEYS", "ping", "k"}).text, "ERR The command has no key arguments");
  EXPECT_EQ(describe({"GETKEYS", "get"}).text, "ERR wrong number of arguments for 'command|getkeys' command");
  EXPECT_EQ(describe({"GETKEYS", "get", "a", "b"}).text, "ERR Invalid number of arguments specified for command");
  EXPECT_EQ(describe({"GETKEYS", "nope", "a"}).text, "ERR Invalid command specified");
}

TEST(CommandDescription, CountsListsAndDescribes) {
  const auto rows = command_rows().size();
  EXPECT_EQ(describe({"COUNT"}).integer, static_cast<int64_t>(rows));
  EXPECT_EQ(describe({"LIST"}).elements.size(), rows);
  EXPECT_EQ(describe({}).elements.size(), rows);
  EXPECT_EQ(describe({"DOCS"}).elements.size(), 2 * rows);
  const RespValue info = describe({"INFO", "set", "nope"});
  ASSERT_EQ(info.elements.size(), 2u);
  EXPECT_EQ(info.elements[0].elements[0].text, "set");
  EXPECT_EQ(info.elements[0].elements[1].integer, -3);
  EXPECT_EQ(info.elements[0].elements[3].integer, 1);
  EXPECT_TRUE(info.elements[1].is_nil());
  const RespValue docs = describe({"DOCS", "get", "nope"}, RespVersion::kResp3);
  ASSERT_EQ(docs.elements.size(), 2u);
  EXPECT_FALSE(docs.elements[1].find("summary")->text.empty());
  EXPECT_EQ(describe({"NOPE"}).text, "ERR unknown subcommand 'NOPE'. Try COMMAND HELP.");
  EXPECT_EQ(describe({"HELP"}).elements[0].text, "COMMAND <subcommand> [<arg> ...]. Subcommands are:");
  EXPECT_EQ(describe({"COUNT", "x"}).text, "ERR wrong number of arguments for 'command|count' command");
}

}  // namespace
}  // namespace torc::wire
