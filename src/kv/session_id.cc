#include "kv/session_id.h"

namespace torc::kv {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

std::optional<uint64_t> digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

}  // namespace

SessionId draw_session_id(Prng& prng) {
  SessionId id;
  while (!id) id = {prng.next(), prng.next()};
  return id;
}

std::string text_of(SessionId id) {
  std::string text;
  for (const uint64_t half : {id.high, id.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(half >> shift) & 0xf];
  }
  return text;
}

std::optional<SessionId> parse_session_id(std::string_view text) {
  if (text.size() != kSessionIdDigits) return std::nullopt;
  SessionId id;
  for (const char c : text) {
    const std::optional<uint64_t> digit = digit_of(c);
    if (!digit) return std::nullopt;
    id.high = id.high << 4 | id.low >> 60;
    id.low = id.low << 4 | *digit;
  }
  if (!id) return std::nullopt;
  return id;
}

std::ostream& operator<<(std::ostream& out, SessionId id) { return out << text_of(id); }

void put_session_id(std::string& out, SessionId id) {
  put_u64(out, id.high);
  put_u64(out, id.low);
}

SessionId take_session_id(Reader& reader) {
  const uint64_t high = reader.u64();
  return {high, reader.u64()};
}

}  // namespace torc::kv
