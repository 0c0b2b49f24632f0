// Points in time as values. PURE and SEAM code never reads a clock: it is told.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <ostream>

namespace torc {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;  // NOLINT: 150ms reads better than any constructor

/// A point on this node's clock that counts suspended time (CLOCK_BOOTTIME); nanoseconds since an arbitrary start.
struct Instant {
  int64_t ns = 0;

  constexpr auto operator<=>(const Instant&) const = default;
  constexpr Instant operator+(Duration d) const { return Instant{ns + d.count()}; }
  constexpr Instant operator-(Duration d) const { return Instant{ns - d.count()}; }
  constexpr Duration operator-(Instant other) const { return Duration(ns - other.ns); }
  static constexpr Instant never() { return Instant{INT64_MAX}; }
  friend std::ostream& operator<<(std::ostream& os, Instant t) { return os << t.ns << "ns"; }
};

/// Milliseconds since the Unix epoch, for key deadlines. Compared only through the leader's stamp
/// (rules.md#leader-time).
struct WallMs {
  int64_t ms = 0;

  constexpr auto operator<=>(const WallMs&) const = default;
  friend std::ostream& operator<<(std::ostream& os, WallMs t) { return os << t.ms << "ms"; }
};

}  // namespace torc
