// 128 bits that stand for a value: with 10^9 values the chance that any two collide is below 10^-20.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

namespace torc::explore {

struct Fingerprint {
  uint64_t low = 0;
  uint64_t high = 0;

  auto operator<=>(const Fingerprint&) const = default;
  /// Sums do not depend on order: fingerprints of sets.
  Fingerprint& operator+=(Fingerprint other) {
    low += other.low;
    high += other.high;
    return *this;
  }
};

Fingerprint fingerprint(std::string_view bytes);

struct FingerprintHash {
  using is_avalanching = void;
  size_t operator()(const Fingerprint& f) const { return f.low; }
};

}  // namespace torc::explore
