#include "node/replacement.h"

#include <algorithm>

namespace torc::node {
namespace {

using consensus::Configuration;
using consensus::ConfigurationChange;
using consensus::ReplicaId;

/// Members of `configuration` that are other replicas of its node.
std::vector<ReplicaId> others_of(const std::vector<ReplicaId>& members, ReplicaId newcomer) {
  std::vector<ReplicaId> others;
  std::ranges::copy_if(members, std::back_inserter(others),
                       [&](ReplicaId id) { return id.node == newcomer.node && id != newcomer; });
  return others;
}

}  // namespace

bool Replacement::has_caught_up(ReplicaId learner, const std::vector<consensus::PeerStatus>& peers, Instant now) const {
  if (!before_ || now - before_->at < kCaughtUpWithin) return false;
  return std::ranges::any_of(peers, [&](const consensus::PeerStatus& peer) {
    return peer.id == learner && peer.match_index >= before_->commit;
  });
}

std::optional<ConfigurationChange> Replacement::next(const Configuration& configuration,
                                                     const std::vector<consensus::PeerStatus>& peers, LogIndex commit,
                                                     Instant now) {
  if (!latest_ || now - latest_->at >= kCaughtUpWithin) {
    before_ = latest_;
    latest_ = Sample{now, commit};
  }
  std::erase_if(newcomers_, [&](const auto& newcomer) {
    return configuration.is_incoming_voter({newcomer.first, newcomer.second});
  });
  if (configuration.is_joint()) return std::nullopt;
  for (const auto& [node, number] : newcomers_) {
    const ReplicaId newcomer{node, number};
    if (!configuration.contains(newcomer)) {
      return ConfigurationChange{
          .add_learners = {newcomer}, .promote = {}, .remove = others_of(configuration.learners, newcomer)};
    }
    if (has_caught_up(newcomer, peers, now)) {
      return ConfigurationChange{
          .add_learners = {}, .promote = {newcomer}, .remove = others_of(configuration.members(), newcomer)};
    }
  }
  return std::nullopt;
}

}  // namespace torc::node
