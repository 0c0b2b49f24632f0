// Any bytes from a client, in any pieces: the same commands come out however the stream was cut, and nothing crashes.
// The first input byte chooses the cuts; the rest is the stream, for the server's parser and for the client's.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "wire/resp_parser.h"
#include "wire/resp_reply_parser.h"

namespace torc::wire {
namespace {

using Commands = std::vector<std::vector<std::string>>;

struct Parsed {
  Commands commands;
  bool has_failed = false;
  bool operator==(const Parsed&) const = default;
};

/// Shows the parser a growing prefix of the stream, `step` bytes more each time.
Parsed parse(std::string_view stream, size_t step) {
  Parsed parsed;
  RespParser parser;
  size_t begin = 0;
  size_t end = 0;
  while (end < stream.size()) {
    end = std::min(end + step, stream.size());
    for (;;) {
      // A copy of its own, exactly as long as what arrived: a read past the end is a heap overflow, not luck.
      const std::string unread(stream.substr(begin, end - begin));
      const RespParser::Outcome outcome = parser.next(unread);
      if (outcome == RespParser::Outcome::kNeedMore) break;
      if (outcome == RespParser::Outcome::kError) {
        CHECK(parser.error().starts_with("ERR ")) << parser.error();
        parsed.has_failed = true;
        return parsed;
      }
      CHECK(parser.consumed() > 0 && parser.consumed() <= unread.size()) << parser.consumed();
      parsed.commands.emplace_back(parser.args().begin(), parser.args().end());
      begin += parser.consumed();
      if (begin == end) break;
    }
  }
  return parsed;
}

void feed_replies(std::string_view stream, size_t step) {
  RespReplyParser parser;
  for (size_t begin = 0; begin < stream.size(); begin += step) {
    parser.feed(stream.substr(begin, step));
    for (;;) {
      const auto reply = parser.next();
      if (!reply.ok()) return;
      if (!reply.value().has_value()) break;
    }
  }
}

}  // namespace
}  // namespace torc::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t step = data[0] % 17 + 1;
  const auto whole = torc::wire::parse(stream, stream.size());
  CHECK(torc::wire::parse(stream, step) == whole) << "cut every " << step << " bytes";
  torc::wire::feed_replies(stream, step);
  return 0;
}
