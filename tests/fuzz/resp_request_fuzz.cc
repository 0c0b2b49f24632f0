// Requests: no bytes crash the parser; splitting them differently gives the same commands and the same error; and what
// was parsed can be written and parsed again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/prng.h"
#include "wire/command_table.h"
#include "wire/resp_parser.h"
#include "wire/resp_reply_parser.h"

namespace {

using torc::wire::RespParser;
using Command = std::vector<std::string>;

struct Parsed {
  std::vector<Command> commands;
  std::string error;
  friend bool operator==(const Parsed&, const Parsed&) = default;
};

Parsed parse(std::string_view bytes, torc::Prng* prng) {
  Parsed parsed;
  RespParser parser;
  std::string unread;
  while (!bytes.empty()) {
    const size_t piece = prng == nullptr ? bytes.size() : std::min<size_t>(prng->between(1, 9), bytes.size());
    unread = unread + std::string(bytes.substr(0, piece));  // at another address each time
    bytes.remove_prefix(piece);
    for (;;) {
      const RespParser::Outcome outcome = parser.next(unread);
      if (outcome == RespParser::Outcome::kNeedMore) break;
      if (outcome == RespParser::Outcome::kError) {
        parsed.error = parser.error();
        return parsed;
      }
      CHECK(parser.consumed() > 0 && parser.consumed() <= unread.size());
      parsed.commands.emplace_back(parser.args().begin(), parser.args().end());
      if (!parser.args().empty()) torc::wire::find_command(parser.args()[0]);
      unread.erase(0, parser.consumed());
    }
  }
  return parsed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Parsed whole = parse(bytes, nullptr);
  torc::Prng prng(size);
  CHECK(parse(bytes, &prng) == whole);

  std::string written;
  for (const Command& command : whole.commands) {
    torc::wire::append_request(written, std::vector<std::string_view>(command.begin(), command.end()));
  }
  const Parsed again = parse(written, nullptr);
  CHECK(again.error.empty() && again.commands == whole.commands);
  return 0;
}
