#include "node/leadership_balance.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace torc::node {

std::vector<LeadershipBalance::Move> LeadershipBalance::next(const std::vector<NodeId>& leaders, NodeId self,
                                                             const std::vector<NodeId>& nodes,
                                                             const std::function<bool(NodeId)>& may_lead, Instant now) {
  look_after_given(leaders, now);
  const bool is_still = leaders == std::exchange(seen_, leaders);
  if (!is_still || std::ranges::count(leaders, NodeId()) > 0) return {};
  std::vector<NodeId> targets;
  std::ranges::copy_if(nodes, std::back_inserter(targets), [&](NodeId node) {
    const auto shunned = shunned_until_.find(node);
    return node == self || (may_lead(node) && (shunned == shunned_until_.end() || shunned->second <= now));
  });
  std::vector<Move> moves = work_out(leaders, self, nodes, targets);
  for (const Move& move : moves) given_[move.group] = {move.target, now};
  return moves;
}

/// Plays everybody's hand-overs through, and returns the first of this node's own.
std::vector<LeadershipBalance::Move> LeadershipBalance::work_out(std::vector<NodeId> leaders, NodeId self,
                                                                 const std::vector<NodeId>& nodes,
                                                                 const std::vector<NodeId>& targets) const {
  std::map<NodeId, size_t> led;
  for (const NodeId node : nodes) led[node] = 0;
  for (const NodeId leader : leaders) ++led[leader];
  const auto led_by = [&led](NodeId node) { return led[node]; };
  std::vector<Move> own;
  while (own.size() < kMovesMax) {
    const NodeId heaviest = *std::ranges::max_element(nodes, {}, led_by);
    const NodeId lightest = *std::ranges::min_element(targets, {}, led_by);
    if (led[heaviest] < led[lightest] + 2) break;
    const auto group = std::ranges::find(leaders, heaviest);
    *group = lightest;
    --led[heaviest];
    ++led[lightest];
    if (heaviest == self) own.push_back({static_cast<size_t>(group - leaders.begin()), lightest});
  }
  return own;
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
