#include "node/role_notice.h"

namespace torc::node {
namespace {

using consensus::ReplicaStatus;
using consensus::Role;
using consensus::RoleCause;

std::string term_text(Term term) { return "term " + std::to_string(term.value); }
std::string node_text(consensus::ReplicaId id) { return "node " + std::to_string(id.node.value); }

/// Why it does not lead `former` any more.
std::string reason_of_loss(const ReplicaStatus& now, Term former) {
  const std::string lost = "no longer leads " + term_text(former) + ": ";
  switch (now.role_cause) {
    case RoleCause::kLeaderHeard:
      return lost + node_text(now.leader) + " leads " + term_text(now.term);
    case RoleCause::kHigherTerm:
      return lost + "somebody is in " + term_text(now.term) + " already";
    case RoleCause::kNoQuorum:
      return lost + "no majority answered for two election timeouts";
    case RoleCause::kRemoved:
      return lost + "it is no voter any more";
    case RoleCause::kAskedByLeader:
    case RoleCause::kSilence:
    case RoleCause::kPreVotesWon:
    case RoleCause::kVotesWon:
    case RoleCause::kStart:
      return lost + "it is in " + term_text(now.term) + " now";  // several steps between two looks
  }
  return lost;
}

std::string reason_of_campaign(const ReplicaStatus& now) {
  const std::string campaign = "asks for votes in " + term_text(now.term) + ": ";
  if (now.role_cause == RoleCause::kAskedByLeader) return campaign + "the leader hands over to it";
  if (now.role_cause == RoleCause::kPreVotesWon) return campaign + "a majority said that it would vote for it";
  return campaign + "it heard no leader for an election timeout";
}

}  // namespace

std::optional<std::string> describe_change(const ReplicaStatus& before, const ReplicaStatus& now) {
  const bool is_same = before.role == now.role && before.term == now.term && before.leader == now.leader;
  if (is_same) return std::nullopt;
  if (now.role == Role::kLeader) return "leads " + term_text(now.term) + ", elected by a majority";
  if (before.role == Role::kLeader) return reason_of_loss(now, before.term);
  switch (now.role) {
    case Role::kPreCandidate:
      return "asks who would vote for it in " + term_text(now.term + 1) +
             ": it heard no leader for an election timeout";
    case Role::kCandidate:
      return reason_of_campaign(now);
    case Role::kFollower:
      if (now.leader) return "follows " + node_text(now.leader) + " in " + term_text(now.term);
      return std::nullopt;  // a higher term was seen; who leads it will be told
    case Role::kLeader:
      break;
  }
  return std::nullopt;
}

}  // namespace torc::node
