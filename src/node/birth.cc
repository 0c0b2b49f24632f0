#include "node/birth.h"

#include <algorithm>

namespace torc::node {
namespace {

std::string joined(const std::vector<NodeId>& nodes) {
  std::string text;
  for (const NodeId node : nodes) text += (text.empty() ? "" : ", ") + std::to_string(node.value);
  return text;
}

}  // namespace

Birth::Birth(Identity identity, bool may_found) : identity_(std::move(identity)), may_found_(may_found) {
  met_[identity_.node] = identity_.incarnation;
  if (!identity_.roster.empty()) {
    wrote_.insert(identity_.node);
  } else if (identity_.listed.size() == 1 && may_found_) {
    adopt({identity_.self()});
  }
}

Membership Birth::membership() const {
  if (is_stranger_) return Membership::kStranger;
  if (!identity_.is_born) return Membership::kMeeting;
  return is_returning() ? Membership::kReturning : Membership::kMember;
}

bool Birth::is_returning() const {
  return !identity_.roster.empty() && !std::ranges::binary_search(identity_.roster, identity_.self());
}

bool Birth::is_founder(consensus::ReplicaId replica) const {
  return std::ranges::any_of(identity_.roster, [&](LifeId life) { return first_replica_of(life) == replica; });
}

std::string Birth::explanation() const {
  if (membership() == Membership::kMember) return "";
  if (is_returning()) {
    return "the data directory of this node is new to the cluster: the others bring it up to date, then it votes again";
  }
  if (!trouble_.empty()) return trouble_;
  if (!may_found_) return "the data of this node was damaged: waiting for a node that still has the cluster's data";
  std::vector<NodeId> missing;
  for (const NodeId node : identity_.listed) {
    const bool is_there = identity_.roster.empty() ? met_.contains(node) : wrote_.contains(node);
    if (!is_there) missing.push_back(node);
  }
  return "waiting to meet node " + joined(missing) + " of --initial-cluster for the first time";
}

bool Birth::adopt(const std::vector<LifeId>& roster) {
  identity_.roster = roster;
  wrote_.insert(identity_.node);
  return true;
}

bool Birth::on_meet(const wire::Meet& meet) {
  if (!std::ranges::binary_search(identity_.listed, meet.node)) return false;
  if (meet.listed != identity_.listed) {
    trouble_ = "node " + std::to_string(meet.node.value) + " was started with another --initial-cluster (" +
               joined(meet.listed) + " instead of " + joined(identity_.listed) + ")";
    return false;
  }
  const bool may_found_together = may_found_ && !meet.may_only_return;
  if (meet.roster.empty() && !may_found_together) return false;
  met_[meet.node] = meet.incarnation;

  if (meet.roster.empty()) {
    if (!identity_.roster.empty() || met_.size() < identity_.listed.size()) return false;
    std::vector<LifeId> roster;
    for (const auto& [node, incarnation] : met_) roster.push_back({node, incarnation});
    return adopt(roster);
  }
  const bool is_listed_there = std::ranges::binary_search(meet.roster, identity_.self());
  if (identity_.roster.empty() && (!is_listed_there || !may_found_)) {
    if (meet.is_born && !is_listed_there) {
      is_stranger_ = false;
      trouble_.clear();
      return adopt(meet.roster);
    }
    is_stranger_ = true;
    trouble_ = "a cluster was about to be born with another data directory of node " +
               std::to_string(identity_.node.value) + ": this one is new or was replaced, so it takes no part";
    return false;
  }
  bool changed = false;
  if (identity_.roster.empty()) changed = adopt(meet.roster);
  if (meet.roster != identity_.roster) {
    trouble_ = "node " + std::to_string(meet.node.value) +
               " wrote down another roster: a data directory was lost before the cluster was born; "
               "remove all data directories of this cluster and start again";
    return changed;
  }
  wrote_.insert(meet.node);
  if (meet.is_born) wrote_.insert(identity_.listed.begin(), identity_.listed.end());
  return changed;
}

bool Birth::can_be_born() const {
  if (is_stranger_ || identity_.is_born || identity_.roster.empty()) return false;
  return is_returning() || wrote_.size() == identity_.listed.size();
}

void Birth::born() {
  CHECK(can_be_born());
  identity_.is_born = true;
  trouble_.clear();
}

wire::Meet Birth::greeting() const {
  wire::Meet meet;
  meet.node = identity_.node;
  meet.incarnation = identity_.incarnation;
  meet.listed = identity_.listed;
  meet.roster = identity_.roster;
  meet.is_born = identity_.is_born;
  meet.may_only_return = !may_found_;
  return meet;
}

}  // namespace torc::node
