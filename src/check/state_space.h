// The values one key goes through, interned: equal values have equal ids, and appending costs the piece, not the value.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace torc::check {

/// Stands for a text: two polynomial hashes modulo 2^61 - 1 and the length. Two texts of a history that differ have
/// equal fingerprints with a probability below 2^-80 (a million values), which the checker accepts. Long values are
/// hashed as they are written short: equal exactly if they are equal in full.
struct Fingerprint {
  uint64_t first = 0;
  uint64_t second = 0;
  uint64_t length = 0;   // of the text in full
  uint64_t written = 0;  // of its short form (check/filler.h)

  bool operator==(const Fingerprint&) const = default;
  static Fingerprint of(std::string_view text) { return Fingerprint{}.then(text); }
  /// Of this text followed by `text`.
  Fingerprint then(std::string_view text) const;
};

/// An id of a StateSpace: dense, from 0; equal exactly if the values are equal.
using StateId = uint32_t;
constexpr StateId kNilState = 0;  // the key is absent

class StateSpace {
 public:
  StateSpace();

  /// The views given to these two must outlive the space.
  StateId of_text(std::string_view text) { return appended(kNilState, text); }
  /// The value after appending `piece`; an absent key counts as empty.
  StateId appended(StateId state, std::string_view piece);
  StateId of_number(int64_t number);

  const Fingerprint& fingerprint(StateId state) const { return nodes_[state].fingerprint; }
  /// The value as Redis' INCR would read it, if it would. Absent: 0.
  std::optional<int64_t> number(StateId state) const;
  /// The value's text. Requires: state != kNilState.
  std::string text(StateId state) const;

 private:
  struct Node {
    StateId parent = kNilState;
    std::string_view piece;
    Fingerprint fingerprint;
  };
  struct Hash {
    size_t operator()(const Fingerprint& f) const { return static_cast<size_t>(f.first ^ (f.second << 3) ^ f.length); }
  };

  std::vector<Node> nodes_;
  std::deque<std::string> numbers_;                     // texts made here
  std::unordered_map<Fingerprint, StateId, Hash> ids_;  // looked up only, never iterated
};

/// `text` as Redis' INCR reads it: no sign but '-', no leading zeros, no spaces.
std::optional<int64_t> parse_number(std::string_view text);

}  // namespace torc::check
