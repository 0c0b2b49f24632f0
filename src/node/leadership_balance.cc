#include "node/leadership_balance.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace torc::node {

std::optional<LeadershipBalance::Move> LeadershipBalance::next(const std::vector<NodeId>& leaders, NodeId self,
                                                               const std::vector<NodeId>& nodes,
                                                               const std::function<bool(NodeId)>& may_lead,
                                                               Instant now) {
  look_after_given(leaders, now);
  const bool is_still = leaders == std::exchange(seen_, leaders);
  if (!is_still || std::ranges::count(leaders, NodeId()) > 0) return std::nullopt;
  const auto led_by = [&](NodeId node) { return std::ranges::count(leaders, node); };
  std::vector<NodeId> targets;
  std::ranges::copy_if(nodes, std::back_inserter(targets), [&](NodeId node) {
    const auto shunned = shunned_until_.find(node);
    return node != self && may_lead(node) && (shunned == shunned_until_.end() || shunned->second <= now);
  });
  const auto lightest = std::ranges::min_element(targets, {}, led_by);
  if (lightest == targets.end() || led_by(self) < led_by(*lightest) + 2) return std::nullopt;
  const auto group = static_cast<size_t>(std::ranges::find(leaders, self) - leaders.begin());
  given_[group] = {*lightest, now};
  return Move{group, *lightest};
}

void LeadershipBalance::look_after_given(const std::vector<NodeId>& leaders, Instant now) {
  for (auto& [group, given] : given_) {
    if (group >= leaders.size()) continue;
    if (leaders[group] == given.target) {
      given.has_arrived = true;
    } else if (given.has_arrived) {
      shunned_until_[given.target] = now + kShunnedFor;
    }
  }
  std::erase_if(given_, [&](const auto& entry) { return now - entry.second.at > kStaysFor; });
}

}  // namespace torc::node
