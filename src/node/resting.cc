#include "node/resting.h"

#include <algorithm>

namespace torc::node {

std::optional<LogIndex> Resting::follow(NodeId self, NodeId peer, const wire::Heartbeat& one, Instant now) {
  consensus::Replica* replica = find(one.group);
  if (replica == nullptr) return std::nullopt;
  const auto answer = replica->follow({peer, one.from}, {self, one.to}, one.request, now);
  if (!answer) return std::nullopt;
  return answer->last_index;
}

bool Resting::hear(NodeId self, NodeId peer, const wire::Heartbeat& asked, LogIndex last_index, Instant now) {
  consensus::Replica* replica = find(asked.group);
  if (replica == nullptr) return false;
  const consensus::HeartbeatReply reply{asked.request.term, asked.request.stamp, last_index};
  return replica->hear({peer, asked.to}, {self, asked.from}, reply, now);
}

std::optional<Instant> Resting::on_due(GroupId group, Instant now, std::vector<consensus::SentHeartbeat>& said) {
  consensus::Replica* replica = find(group);
  if (replica == nullptr) return std::nullopt;
  const Instant until = places_[group.value].until;
  if (until <= now) return std::nullopt;
  if (replica->next_deadline() <= now && !replica->beat(now, said)) return std::nullopt;
  return std::min(replica->next_deadline(), until);
}

}  // namespace torc::node
