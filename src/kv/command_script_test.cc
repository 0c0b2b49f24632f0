#include "kv/command_script.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace torc::kv {

void TextSink::bulk(std::string_view value) {
  text_ += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (c >= ' ' && c <= '~') {
      text_ += c;
    } else {
      char escaped[5];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      text_ += escaped;
    }
  }
  text_ += "\"\n";
}

std::vector<std::string> split_words(std::string_view line) {
  std::vector<std::string> words;
  size_t i = 0;
  while (i < line.size()) {
    if (line[i] == ' ') {
      ++i;
      continue;
    }
    std::string word;
    if (line[i] != '"') {
      while (i < line.size() && line[i] != ' ') word += line[i++];
    } else {
      for (++i; i < line.size() && line[i] != '"'; ++i) {
        if (line[i] != '\\') {
          word += line[i];
        } else if (line[++i] == 'x') {
          word += static_cast<char>(std::stoi(std::string(line.substr(i + 1, 2)), nullptr, 16));
          i += 2;
        } else {
          word += line[i] == 'n' ? '\n' : line[i] == 'r' ? '\r' : line[i];
        }
      }
      ++i;
    }
    words.push_back(std::move(word));
  }
  return words;
}

CommandId command_named(std::string_view name) {
  if (name == "OPENSESSION") return CommandId::kOpenSession;
  if (name == "PURGE") return CommandId::kPurge;
  if (name == "SETBACK") return CommandId::kSetBack;
  for (const CommandTraits& row : command_traits()) {
    if (row.name == name) return row.id;
  }
  ADD_FAILURE() << "no command " << name;
  return CommandId::kNone;
}

OwnedCommand::OwnedCommand(std::string_view line) : words(split_words(line)) {
  id = command_named(words.at(0));
  words.erase(words.begin());
}

CommandView OwnedCommand::view() {
  views.assign(words.begin(), words.end());
  return {id, views};
}

std::string ScriptMachine::run(std::string_view line) {
  OwnedCommand command(line);
  TextSink sink;
  if (!StateMachine::check_syntax(command.view(), sink)) return sink.text();
  if (traits_of(command.id)->is_write) return apply(command.view());
  if (machine.read(command.view(), now, sink) == ReadResult::kAnswered) return sink.text();
  EXPECT_EQ(sink.text(), "") << "a read that needs a commit must not have answered";
  return apply(command.view());
}

std::string ScriptMachine::propose(std::string_view line, const SessionCall* call) {
  return apply(OwnedCommand(line).view(), call);
}

std::string ScriptMachine::apply(CommandView command, const SessionCall* call) {
  BatchBuilder batch(0);
  batch.add(command, call);
  TextSink sink;
  OneSinkRouter router(sink);
  const Status status = machine.apply(LogIndex(++index), batch.take(now), router);
  EXPECT_TRUE(status.ok());
  return sink.text();
}

std::string replies_to(std::string_view script) {
  ScriptMachine served(1);
  ScriptMachine logged(2);
  std::string out;
  for (size_t i = 0; i < script.size();) {
    const size_t end = std::min(script.find('\n', i), script.size());
    const std::string_view line = script.substr(i, end - i);
    i = end + 1;
    if (line.starts_with("> ")) {
      const std::string reply = served.run(line.substr(2));
      EXPECT_EQ(logged.propose(line.substr(2)), reply) << "through the log: " << line;
      out.append(line).append("\n").append(reply);
    } else if (line.empty() || line.starts_with("#")) {
      out.append(line).append("\n");
    }
  }
  return out;
}

TEST(CommandScript, ShowsEachKindOfReplyOnALineOfItsOwn) {
  TextSink sink;
  sink.status("none");
  sink.error("ERR x");
  sink.integer(-3);
  sink.array(2);
  sink.nil();
  sink.bulk(std::string_view("a\"\0\n", 4));
  EXPECT_EQ(sink.text(), "+none\n-ERR x\n:-3\n*2\n(nil)\n\"a\\\"\\x00\\x0a\"\n");
}

TEST(CommandScript, SplitsQuotedWords) {
  EXPECT_EQ(split_words("SET  a \"b c\\x01\\\"\" \"\""), (std::vector<std::string>{"SET", "a", "b c\x01\"", ""}));
}

}  // namespace torc::kv
