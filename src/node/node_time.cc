// What a node does by the clock beside its groups (node/groups_time.cc).
#include <algorithm>

#include "node/node.h"

namespace torc::node {
namespace {

/// Of what the node looks after when all is quiet.
constexpr Duration kQuietInterval = 500ms;

}  // namespace

void Node::maintain() {
  if (is_dead()) return;
  if (is_born()) {
    groups_.maintain();
    if (clock_.now() - balanced_at_ >= LeadershipBalance::kInterval) balance_leadership();
    has_returned_ = has_returned_ || (holds_newcomers() && std::ranges::all_of(groups_, [](const auto& group) {
                                        return group->group().is_established();
                                      }));
  }
  maintain_chapters();
  if (clock_.now() - clocks_compared_at_ >= ClockWatch::kInterval) compare_clocks();
  arm_maintenance();
}

void Node::arm_maintenance() {
  clock_.cancel(maintain_timer_);
  maintain_at_ = clock_.now() + (wants_maintenance_soon() ? Groups::kMaintainInterval : kQuietInterval);
  maintain_timer_ = clock_.call_at(maintain_at_, [this] { maintain(); });
}

bool Node::wants_maintenance_soon() const {
  return !is_born() || groups_.wants_maintenance() || !is_settled() || !chapters_->is_settled() ||
         chapters_->durable().own != chapter_told_;
}

void Node::balance_leadership() {
  balanced_at_ = clock_.now();
  if (groups_.size() == 1) return;
  std::vector<NodeId> leaders;
  for (const auto& group : groups_) leaders.push_back(group->known_leader().node);
  const auto may_lead = [this](NodeId node) { return links_.is_reachable(node); };
  for (const auto& move : balance_.next(leaders, options_.id, options_.initial_cluster, may_lead, clock_.now())) {
    groups_.wake(groups_[move.group]);
    groups_[move.group].group().hand_over_to(move.target);
  }
}

}  // namespace torc::node
