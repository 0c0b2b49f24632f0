// How a static cluster comes into being exactly once (rules.md#new-life-new-id).
//
//   meeting ──all listed nodes met──▶ roster written ──all listed nodes wrote the same──▶ born (member)
//      └── a peer that is born names another incarnation of this node ──▶ returning (joins as a learner)
//
// Nobody votes before it is born, and being born proves that every listed node has durably written the roster. So a
// node that lost its directory meets somebody who wrote its former incarnation down, and can never pass for a first
// boot: with A and B having acknowledged a write while C was away, a wiped B and C cannot form a cluster of their own.
// It takes the roster over, begins with no configuration and votes for nobody until the others have made it a voter
// again (node/replacement.h).
#pragma once

#include <map>
#include <set>
#include <string>

#include "node/identity.h"
#include "node/service.h"
#include "wire/peer_message.h"

namespace torc::node {

class Birth {
 public:
  /// `may_found`: a new identity may take part in a birth. False once the node is known to have had data: then the
  /// cluster exists, and founding another one with nodes that lost theirs too would look like an empty database.
  explicit Birth(Identity identity, bool may_found = true);

  Membership membership() const;
  /// The cluster was born with another incarnation of this node.
  bool is_returning() const;
  /// Why the node is not a member, and what a person can do; empty for a member.
  std::string explanation() const;
  const Identity& identity() const { return identity_; }
  /// The cluster was born with it, in each of its groups.
  bool is_founder(consensus::ReplicaId replica) const;

  /// Takes in a greeting. Returns true if the identity changed: make it durable before the next greeting() leaves.
  bool on_meet(const wire::Meet& meet);
  /// The roster is written everywhere (or taken over from a born node), this node is not born yet: write the group's
  /// first log record durably, then call born() and make the identity durable.
  bool can_be_born() const;
  void born();
  wire::Meet greeting() const;

 private:
  bool adopt(const std::vector<LifeId>& roster);

  Identity identity_;
  bool may_found_;
  std::map<NodeId, Incarnation> met_;  // latest incarnation heard of each listed node
  std::set<NodeId> wrote_;             // nodes known to have written our roster
  bool is_stranger_ = false;
  std::string trouble_;
};

}  // namespace torc::node
