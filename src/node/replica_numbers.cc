#include "node/replica_numbers.h"

#include <algorithm>

#include "node/identity.h"
#include "node/router.h"

namespace torc::node {

ReplicaNumbers::ReplicaNumbers(storage::Log& log, uint32_t arcs, LifeId life) : log_(log), life_(life), numbers_(arcs) {
  for (uint32_t arc = 0; arc < arcs; ++arc) {
    const auto found = log.recovered().find(group_of_arc(arc));
    if (found != log.recovered().end()) numbers_[arc] = found->second.replica;
  }
}

bool ReplicaNumbers::are_all_known() const {
  return std::ranges::all_of(numbers_, [](ReplicaNumber number) { return static_cast<bool>(number); });
}

bool ReplicaNumbers::has_later() const {
  const ReplicaNumber first = first_replica_of(life_).number;
  return std::ranges::any_of(numbers_, [first](ReplicaNumber number) { return number && number != first; });
}

void ReplicaNumbers::begin(uint32_t arc, ReplicaNumber number) {
  numbers_[arc] = number;
  log_.begin_replica(group_of_arc(arc), number);
}

void ReplicaNumbers::begin_first() {
  for (uint32_t arc = 0; arc < numbers_.size(); ++arc) {
    if (!numbers_[arc]) begin(arc, first_replica_of(life_).number);
  }
}

void ReplicaNumbers::begin_later(Prng prng) {
  for (uint32_t arc = 0; arc < numbers_.size(); ++arc) {
    const ReplicaNumber drawn(prng.next() | 1);
    if (!numbers_[arc]) begin(arc, drawn);
  }
}

}  // namespace torc::node
