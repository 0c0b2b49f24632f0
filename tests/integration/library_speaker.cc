#include "library_speaker.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace torc::integration {
namespace {

using check::Outcome;

client::ClientOptions options_for(const std::vector<Address>& nodes, size_t first_node) {
  client::ClientOptions options;
  for (size_t i = 0; i < nodes.size(); ++i) {
    options.nodes.push_back(client::parse_endpoint(nodes[(first_node + i) % nodes.size()].text()).value());
  }
  return options;
}

Outcome outcome_of(const wire::RespValue& reply) {
  using Kind = wire::RespValue::Kind;
  if (reply.is_nil()) return Outcome::nil();
  if (reply.kind == Kind::kInteger) return Outcome::of_integer(reply.integer);
  CHECK(reply.kind == Kind::kStatus || reply.kind == Kind::kBulk) << "no answer to a command of this workload";
  return Outcome::of_text(reply.text);
}

}  // namespace

LibrarySpeaker::LibrarySpeaker(const std::vector<Address>& nodes, size_t first_node)
    : client_(options_for(nodes, first_node)) {}

Outcome LibrarySpeaker::execute(const check::Operation& operation) {
  const std::vector<std::string> words = words_of(operation);
  const std::vector<std::string_view> views(words.begin(), words.end());
  client::Answer answer = client_.command(views);
  switch (answer.kind) {
    case client::Answer::Kind::kReply:
      return outcome_of(answer.reply);
    case client::Answer::Kind::kRefused:
    case client::Answer::Kind::kUnreachable:
      return Outcome::error(std::move(answer.message));
    case client::Answer::Kind::kUnknown:
      break;
  }
  return Outcome::unknown();
}

}  // namespace torc::integration
