// Integers that do not mix: a Term is not a LogIndex, and neither is a bare number.
#pragma once

#include <compare>
#include <cstdint>
#include <ostream>

namespace torc {

/// A 64-bit identifier with a type of its own. Zero means "none" for every id of the project.
template <typename Tag>
struct StrongId {
  uint64_t value = 0;

  constexpr StrongId() = default;
  constexpr explicit StrongId(uint64_t v) : value(v) {}
  constexpr auto operator<=>(const StrongId&) const = default;
  constexpr explicit operator bool() const { return value != 0; }
  friend std::ostream& operator<<(std::ostream& os, StrongId id) { return os << id.value; }
};

/// A StrongId that counts something, so that stepping and distances make sense.
template <typename Tag>
struct StrongCounter {
  uint64_t value = 0;

  constexpr StrongCounter() = default;
  constexpr explicit StrongCounter(uint64_t v) : value(v) {}
  constexpr auto operator<=>(const StrongCounter&) const = default;
  constexpr explicit operator bool() const { return value != 0; }
  constexpr StrongCounter operator+(uint64_t n) const { return StrongCounter(value + n); }
  constexpr StrongCounter operator-(uint64_t n) const { return StrongCounter(value - n); }
  constexpr uint64_t operator-(StrongCounter other) const { return value - other.value; }
  constexpr StrongCounter& operator++() {
    ++value;
    return *this;
  }
  friend std::ostream& operator<<(std::ostream& os, StrongCounter c) { return os << c.value; }
};

using NodeId = StrongId<struct NodeIdTag>;                // a process, chosen by the operator (--id)
using Incarnation = StrongId<struct IncarnationTag>;      // random, drawn when a data directory is first used
using ReplicaNumber = StrongId<struct ReplicaNumberTag>;  // random, drawn by its node for one replica of one group
using GroupId = StrongId<struct GroupIdTag>;              // a consensus group
using ClusterId = StrongId<struct ClusterIdTag>;          // derived from the roster at birth
using Term = StrongCounter<struct TermTag>;               // Raft term; 0 before the first election
using LogIndex = StrongCounter<struct LogIndexTag>;       // 1-based; 0 means "nothing yet"

}  // namespace torc
