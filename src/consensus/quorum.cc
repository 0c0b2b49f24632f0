#include "consensus/quorum.h"

#include <algorithm>
#include <functional>

namespace torc::consensus {
namespace {

VoteResult count_majority(const std::vector<ReplicaId>& voters, const std::map<ReplicaId, bool>& answers) {
  size_t granted = 0;
  size_t refused = 0;
  for (const ReplicaId id : voters) {
    const auto answer = answers.find(id);
    if (answer == answers.end()) continue;
    ++(answer->second ? granted : refused);
  }
  const size_t needed = voters.size() / 2 + 1;
  if (voters.empty() || granted >= needed) return VoteResult::kWon;
  return voters.size() - refused < needed ? VoteResult::kLost : VoteResult::kPending;
}

}  // namespace

uint64_t majority_value(std::span<uint64_t> values) {
  if (values.empty()) return UINT64_MAX;
  // Descending, the value at position n / 2 is reached by n / 2 + 1 members: the smallest majority.
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end(), std::greater<>());
  return *middle;
}

VoteResult count_votes(const Configuration& configuration, const std::map<ReplicaId, bool>& answers) {
  const VoteResult incoming = count_majority(configuration.voters, answers);
  const VoteResult outgoing = count_majority(configuration.outgoing, answers);
  if (incoming == VoteResult::kLost || outgoing == VoteResult::kLost) return VoteResult::kLost;
  return incoming == VoteResult::kWon && outgoing == VoteResult::kWon ? VoteResult::kWon : VoteResult::kPending;
}

}  // namespace torc::consensus
