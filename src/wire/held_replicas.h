// Which replicas a node holds, as it tells others.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "base/strong_id.h"

namespace torc::wire {

/// A node's first replicas all have the number of its life, and replicas that began later are rare: what is alike
/// everywhere is said once, so that a greeting about 1,024 arcs stays short.
struct HeldReplicas {
  std::vector<ReplicaNumber> numbers;  // by arc; a single one: of every arc. Empty: it holds none yet

  static HeldReplicas by_arc(std::vector<ReplicaNumber> all) {
    const bool are_alike = std::ranges::adjacent_find(all, std::not_equal_to()) == all.end();
    if (are_alike && all.size() > 1) all.resize(1);
    return {std::move(all)};
  }
  /// None if the node holds none there.
  ReplicaNumber of(size_t arc) const {
    if (numbers.size() == 1) return numbers.front();
    return arc < numbers.size() ? numbers[arc] : ReplicaNumber();
  }
  friend bool operator==(const HeldReplicas&, const HeldReplicas&) = default;
};

}  // namespace torc::wire
