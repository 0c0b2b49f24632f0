#include "node/leadership_balance.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace torc::node {

std::vector<LeadershipBalance::Move> LeadershipBalance::next(const std::vector<NodeId>& leaders, NodeId self,
                                                             const std::vector<NodeId>& nodes,
                                                             const std::function<bool(NodeId)>& may_lead, Instant now) {
  look_after_given(leaders, nodes, now);
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

void LeadershipBalance::on_lost(NodeId node) {
  std::erase_if(given_, [node](const auto& entry) { return entry.second.target == node; });
}

void LeadershipBalance::look_after_given(const std::vector<NodeId>& leaders, const std::vector<NodeId>& nodes,
                                         Instant now) {
  const auto led_before = [this](NodeId node) { return std::ranges::count(seen_, node); };
  const auto fewest = std::ranges::min(nodes, {}, led_before);
  for (auto entry = given_.begin(); entry != given_.end();) {
    auto& [group, given] = *entry;
    const bool is_there = group < leaders.size() && leaders[group] == given.target;
    const bool has_left = given.has_arrived && !is_there;
    if (has_left && led_before(given.target) < led_before(fewest) + 2) shunned_until_[given.target] = now + kShunnedFor;
    given.has_arrived = is_there;
    entry = has_left || now - given.at > kStaysFor ? given_.erase(entry) : std::next(entry);
  }
}

}  // namespace torc::node
