#include "consensus/membership.h"

#include <algorithm>

namespace torc::consensus {
namespace {

std::vector<ReplicaId> sorted(std::vector<ReplicaId> ids) {
  std::sort(ids.begin(), ids.end());
  return ids;
}

Error invalid(const char* what) { return {ErrorCode::kInvalid, std::string("configuration change: ") + what}; }

bool names_somebody_twice(const ConfigurationChange& change) {
  std::vector<ReplicaId> named = change.add_learners;
  named.insert(named.end(), change.promote.begin(), change.promote.end());
  named.insert(named.end(), change.remove.begin(), change.remove.end());
  named = sorted(std::move(named));
  return std::adjacent_find(named.begin(), named.end()) != named.end();
}

}  // namespace

Result<Configuration> changed_configuration(const Configuration& current, const ConfigurationChange& change) {
  if (current.is_joint()) return invalid("another one is under way");
  if (names_somebody_twice(change)) return invalid("a replica is named twice");
  Configuration next = current;
  for (const ReplicaId id : change.add_learners) {
    if (!id || current.contains(id)) return invalid("only who is not a member can be added");
    next.learners.push_back(id);
  }
  for (const ReplicaId id : change.promote) {
    if (std::erase(next.learners, id) == 0) return invalid("only a learner can be promoted");
    next.voters.push_back(id);
  }
  for (const ReplicaId id : change.remove) {
    if (std::erase(next.voters, id) + std::erase(next.learners, id) == 0)
      return invalid("only a member can be removed");
  }
  next.voters = sorted(std::move(next.voters));
  next.learners = sorted(std::move(next.learners));
  if (next == current) return invalid("nothing would change");
  if (next.voters.empty()) return invalid("no voter would remain");
  if (next.voters != current.voters) next.outgoing = current.voters;
  if (next.members().size() > kConfigurationMembersMax) return invalid("too many members");
  return next;
}

Configuration without_outgoing(const Configuration& joint) {
  CHECK(joint.is_joint());
  return {joint.voters, {}, joint.learners};
}

}  // namespace torc::consensus
