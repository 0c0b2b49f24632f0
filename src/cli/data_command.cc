#include "cli/data_command.h"

#include <cstdio>
#include <string_view>
#include <vector>

namespace torc::cli {

std::string format_reply(const wire::RespValue& reply) {
  using Kind = wire::RespValue::Kind;
  switch (reply.kind) {
    case Kind::kNil:
      return "\n";
    case Kind::kInteger:
    case Kind::kBoolean:
      return std::to_string(reply.integer) + "\n";
    case Kind::kStatus:
    case Kind::kError:
    case Kind::kBulk:
    case Kind::kVerbatim:
    case Kind::kDouble:
    case Kind::kBigNumber:
      return reply.text + "\n";
    case Kind::kArray:
    case Kind::kSet:
    case Kind::kPush:
    case Kind::kMap: {
      std::string text;
      for (const wire::RespValue& element : reply.elements) text += format_reply(element);
      return text;
    }
  }
  return "\n";
}

std::string format_trouble(const client::Answer& answer) {
  switch (answer.kind) {
    case client::Answer::Kind::kReply:
      break;
    case client::Answer::Kind::kRefused:
      return "torc: " + answer.message + "\n";
    case client::Answer::Kind::kUnreachable:
      return "torc: " + answer.message +
             "\ntorc: no node took the command in time; nothing was changed. Is a cluster running? `torc status` shows "
             "it, `torc playground` starts one, --node host:port names another.\n";
    case client::Answer::Kind::kUnknown:
      return "torc: " + answer.message +
             "\ntorc: unknown outcome: the change may have been made, or not. Read the key before you try again.\n";
  }
  return {};
}

ExitCode run_data_command(const DataOptions& options) {
  client::ClientOptions client_options;
  client_options.nodes = options.nodes;
  client_options.timeout = options.timeout;
  client::Client client(std::move(client_options));
  const std::vector<std::string_view> words(options.command.begin(), options.command.end());
  const client::Answer answer = client.command(words);
  if (answer.is_reply()) {
    const std::string text = format_reply(answer.reply);
    std::fwrite(text.data(), 1, text.size(), stdout);
  } else {
    std::fputs(format_trouble(answer).c_str(), stderr);
  }
  return exit_code_of(options.command[0], answer);
}

}  // namespace torc::cli
