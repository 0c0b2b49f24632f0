// The name of a session: 128 random bits, chosen once by whoever uses it, and valid in every group.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "base/codec.h"
#include "base/prng.h"

namespace torc::kv {

/// Zero means "none". Nobody gives these out: an id that a group counted up was given to a client of another group as
/// well, and a call answered with a stranger's reply.
struct SessionId {
  uint64_t high = 0;
  uint64_t low = 0;

  constexpr SessionId() = default;
  constexpr SessionId(uint64_t high_bits, uint64_t low_bits) : high(high_bits), low(low_bits) {}
  constexpr auto operator<=>(const SessionId&) const = default;
  constexpr explicit operator bool() const { return high != 0 || low != 0; }
};

constexpr size_t kSessionIdBytes = 16;
constexpr size_t kSessionIdDigits = 32;

/// Never none.
SessionId draw_session_id(Prng& prng);

/// 32 lower-case hexadecimal digits.
std::string text_of(SessionId id);
/// 32 hexadecimal digits of either case, not all zero.
std::optional<SessionId> parse_session_id(std::string_view text);
std::ostream& operator<<(std::ostream& out, SessionId id);

/// kSessionIdBytes: u64 high, u64 low.
void put_session_id(std::string& out, SessionId id);
SessionId take_session_id(Reader& reader);

}  // namespace torc::kv
