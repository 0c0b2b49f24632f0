// A node in one of its lives: from the first use of a data directory until that is lost or given up.
#pragma once

#include <compare>
#include <ostream>

#include "base/strong_id.h"

namespace torc {

/// A node whose data was lost comes back with another incarnation, so that it is never taken for the one whose promises
/// it forgot (rules.md#new-life-new-id). Groups know replicas instead (consensus::ReplicaId): a node may give one up
/// and begin another in the same life.
struct LifeId {
  NodeId node;
  Incarnation incarnation;

  constexpr auto operator<=>(const LifeId&) const = default;
  constexpr explicit operator bool() const { return static_cast<bool>(node); }
  friend std::ostream& operator<<(std::ostream& os, LifeId id) { return os << id.node << "/" << id.incarnation; }
};

}  // namespace torc
