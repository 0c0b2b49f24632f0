#include "check/state_space.h"

#include <charconv>

#include "base/check.h"
#include "check/filler.h"

namespace torc::check {
namespace {

constexpr uint64_t kModulus = (uint64_t{1} << 61) - 1;  // a Mersenne prime: cheap to reduce by
// Arbitrary points to evaluate the polynomials at; fixed, so that a verdict never depends on the run.
constexpr uint64_t kFirstBase = 0x1b873593cc9e2d51u % kModulus;
constexpr uint64_t kSecondBase = 0x0e6546b64e3779b9u % kModulus;
constexpr size_t kNumberLengthMax = 20;  // "-9223372036854775808"

__extension__ typedef unsigned __int128 Wide;

uint64_t multiply_add(uint64_t value, uint64_t base, uint64_t addend) {
  const Wide product = static_cast<Wide>(value) * base + addend;
  uint64_t reduced = static_cast<uint64_t>(product & kModulus) + static_cast<uint64_t>(product >> 61);
  return reduced >= kModulus ? reduced - kModulus : reduced;
}

}  // namespace

Fingerprint Fingerprint::then(std::string_view text) const {
  Fingerprint result = *this;
  for (const char c : text) {
    const uint64_t symbol = static_cast<unsigned char>(c) + uint64_t{1};
    result.first = multiply_add(result.first, kFirstBase, symbol);
    result.second = multiply_add(result.second, kSecondBase, symbol);
  }
  result.length += expanded_bytes(text);
  result.written += text.size();
  return result;
}

StateSpace::StateSpace() { nodes_.emplace_back(); }

StateId StateSpace::appended(StateId state, std::string_view piece) {
  const Fingerprint fingerprint = nodes_[state].fingerprint.then(piece);
  const auto [entry, is_new] = ids_.try_emplace(fingerprint, static_cast<StateId>(nodes_.size()));
  if (is_new) {
    CHECK(nodes_.size() < UINT32_MAX);
    nodes_.push_back(Node{state, piece, fingerprint});
  }
  return entry->second;
}

StateId StateSpace::of_number(int64_t number) {
  std::string text = std::to_string(number);
  const auto known = ids_.find(Fingerprint::of(text));
  if (known != ids_.end()) return known->second;
  numbers_.push_back(std::move(text));
  return of_text(numbers_.back());
}

std::optional<int64_t> StateSpace::number(StateId state) const {
  if (state == kNilState) return 0;
  if (nodes_[state].fingerprint.length > kNumberLengthMax) return std::nullopt;
  return parse_number(text(state));
}

std::string StateSpace::text(StateId state) const {
  CHECK(state != kNilState);
  std::vector<std::string_view> pieces;
  for (StateId at = state; at != kNilState; at = nodes_[at].parent) pieces.push_back(nodes_[at].piece);
  std::string text;
  text.reserve(nodes_[state].fingerprint.written);
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) text += *piece;
  return text;
}

std::optional<int64_t> parse_number(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  const bool has_leading_zero = text.size() > 1 && (text[0] == '0' || (text[0] == '-' && text[1] == '0'));
  if (has_leading_zero) return std::nullopt;
  return number;
}

}  // namespace torc::check
