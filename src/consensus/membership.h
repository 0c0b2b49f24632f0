// Who the members are to become: change sets and the joint configurations they lead through (Raft 6;
// rules.md#membership-change).
#pragma once

#include <vector>

#include "base/result.h"
#include "consensus/types.h"

namespace torc::consensus {

/// One step of membership, made as a whole. A group of two voters stops when either fails, so going from one voter to
/// three is one change of two promotions.
struct ConfigurationChange {
  std::vector<ReplicaId> add_learners;  // no members yet
  std::vector<ReplicaId> promote;       // learners that become voters; that they have caught up is up to the caller
  std::vector<ReplicaId> remove;        // voters or learners
};

/// What `change` makes of `current`: joint if voters change, else in force as it is.
/// Errors: kInvalid if `current` is joint, if somebody is named twice, or in a role it does not have; if nothing would
/// change, no voter would remain, or there would be more than kConfigurationMembersMax members.
Result<Configuration> changed_configuration(const Configuration& current, const ConfigurationChange& change);

/// What follows a joint configuration once that is committed. Requires: joint.is_joint().
Configuration without_outgoing(const Configuration& joint);

}  // namespace torc::consensus
