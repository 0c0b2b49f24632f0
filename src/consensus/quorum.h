// What a majority holds, for plain and joint configurations alike (Raft 5.3, 6).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>

#include "consensus/types.h"

namespace torc::consensus {

/// Largest v such that a majority of `values` is at least v; UINT64_MAX for no values (nobody to convince).
/// Reorders `values`.
uint64_t majority_value(std::span<uint64_t> values);

/// Largest v such that a majority of `ids` has value_of(id) >= v.
template <typename ValueOf>
uint64_t majority_of(std::span<const ReplicaId> ids, const ValueOf& value_of) {
  std::array<uint64_t, kConfigurationMembersMax> values;
  CHECK(ids.size() <= values.size());
  for (size_t i = 0; i < ids.size(); ++i) values[i] = value_of(ids[i]);
  return majority_value(std::span(values.data(), ids.size()));
}

/// Largest v that a quorum reaches: a majority of the voters and, while joint, a majority of the outgoing voters too.
template <typename ValueOf>
uint64_t quorum_value(const Configuration& configuration, const ValueOf& value_of) {
  return std::min(majority_of(configuration.voters, value_of), majority_of(configuration.outgoing, value_of));
}

enum class VoteResult : uint8_t { kPending, kWon, kLost };

/// Outcome of an election given the answers so far (true: granted). Answers of others than voters do not count.
VoteResult count_votes(const Configuration& configuration, const std::map<ReplicaId, bool>& answers);

}  // namespace torc::consensus
