// Messages on their way into a Ready, in the two boxes that tell what must be durable before they leave.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "consensus/message.h"

namespace torc::consensus {

class Outbox {
 public:
  Outbox(GroupId group, ReplicaId self) : group_(group), self_(self) {}

  void send_now(ReplicaId to, MessageBody body) { now_.push_back({group_, self_, to, std::move(body)}); }
  void send_when_durable(ReplicaId to, MessageBody body) {
    when_durable_.push_back({group_, self_, to, std::move(body)});
  }
  /// An accepted AppendReply. Those of one Ready become true at the same moment, so only the newest to a leader is
  /// sent.
  void send_accepted(ReplicaId to, const AppendReply& reply);

  bool is_empty() const { return now_.empty() && when_durable_.empty(); }
  bool has_some_when_durable() const { return !when_durable_.empty(); }
  void move_now_to(std::vector<Message>& messages) {
    for (Message& message : now_) messages.push_back(std::move(message));
    now_.clear();
  }
  std::vector<Message> take_now() { return std::exchange(now_, {}); }
  std::vector<Message> take_when_durable() {
    accepted_at_.reset();
    return std::exchange(when_durable_, {});
  }

 private:
  GroupId group_;
  ReplicaId self_;
  std::vector<Message> now_;
  std::vector<Message> when_durable_;
  std::optional<size_t> accepted_at_;  // of the last accepted AppendReply in when_durable_
};

}  // namespace torc::consensus
