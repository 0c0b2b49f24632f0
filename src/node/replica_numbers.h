// Which replica of each group this node holds: the number that its log names (rules.md#new-life-new-id).
#pragma once

#include <cstdint>
#include <vector>

#include "base/life_id.h"
#include "base/prng.h"
#include "storage/log.h"
#include "wire/held_replicas.h"

namespace torc::node {

/// A replica that was removed, deleted and begun again remembers neither its vote nor what it acknowledged. With its
/// former number its group would go on counting on both: entries that only it and the leader held would be lost. So:
///
///   the node's first replica of a group     the number of the node's life
///   any later one                           a number drawn for it
///
/// Either is durable in the log before the replica says anything, and goes when the log is told that the group is gone.
/// A node that was born and finds no number in its log has had a replica, and it is not this one.
class ReplicaNumbers {
 public:
  /// As `log` was found: it outlives this.
  ReplicaNumbers(storage::Log& log, uint32_t arcs, LifeId life);

  /// None: the node holds no replica of the arc's group.
  ReplicaNumber of(uint32_t arc) const { return numbers_[arc]; }
  bool are_all_known() const;
  /// Some replica is not the first one of its group in this life.
  bool has_later() const;
  wire::HeldReplicas held() const { return wire::HeldReplicas::by_arc(numbers_); }

  /// At the birth: the missing ones are the first of this life. Both are durable with the next flush of the log.
  void begin_first();
  /// At any other time: the missing ones are new. `prng`: fresh randomness of this start.
  void begin_later(Prng prng);

 private:
  void begin(uint32_t arc, ReplicaNumber number);

  storage::Log& log_;
  LifeId life_;
  std::vector<ReplicaNumber> numbers_;
};

}  // namespace torc::node
