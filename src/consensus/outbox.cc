#include "consensus/outbox.h"

#include <algorithm>

namespace torc::consensus {

void Outbox::send_accepted(ReplicaId to, const AppendReply& reply) {
  if (accepted_at_) {
    Message& earlier = when_durable_[*accepted_at_];
    auto& pending = std::get<AppendReply>(earlier.body);
    if (earlier.to == to && pending.term == reply.term) {
      pending.match_index = std::max(pending.match_index, reply.match_index);
      pending.stamp = std::max(pending.stamp, reply.stamp);
      return;
    }
  }
  accepted_at_ = when_durable_.size();
  send_when_durable(to, reply);
}

}  // namespace torc::consensus
