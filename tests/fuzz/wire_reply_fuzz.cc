// Replies: no bytes crash the client's parser, and splitting them differently gives the same values.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/prng.h"
#include "wire/resp_reply_parser.h"

namespace {

using torc::Result;
using torc::wire::RespReplyParser;
using torc::wire::RespValue;

struct Parsed {
  std::vector<RespValue> values;
  bool is_refused = false;
  friend bool operator==(const Parsed&, const Parsed&) = default;
};

Parsed parse(std::string_view bytes, torc::Prng* prng) {
  Parsed parsed;
  RespReplyParser parser;
  while (!bytes.empty()) {
    const size_t piece = prng == nullptr ? bytes.size() : std::min<size_t>(prng->between(1, 9), bytes.size());
    parser.feed(bytes.substr(0, piece));
    bytes.remove_prefix(piece);
    for (;;) {
      Result<std::optional<RespValue>> value = parser.next();
      parsed.is_refused = !value.ok();
      if (parsed.is_refused) return parsed;
      if (!value->has_value()) break;
      parsed.values.push_back(**std::move(value));
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
  return 0;
}
