// One client's answers, put back in the order of its commands.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "net/answer_encoder.h"
#include "node/service.h"

namespace torc::net {

/// Tickets are issued in the order of the commands. The answer to the oldest one is encoded straight into the output;
/// only answers that come too early are kept aside.
class ReplyQueue {
 public:
  /// `output` stays the caller's. `service` gives the answers.
  ReplyQueue(std::string& output, const node::Service& service) : output_(output), encoder_(output, service) {}

  node::Ticket issue() { return next_++; }
  /// Where the answer to `ticket` goes; exactly one reply, then end(ticket) at once.
  /// Requires: issued and not answered.
  AnswerEncoder& begin(node::Ticket ticket);
  void end(node::Ticket ticket);

  size_t unanswered() const { return next_ - oldest_; }
  /// What the answers kept aside take.
  size_t early_bytes() const { return early_bytes_; }
  wire::RespVersion version() const { return encoder_.version(); }

 private:
  std::string& output_;
  AnswerEncoder encoder_;
  node::Ticket oldest_ = 1;  // first unanswered
  node::Ticket next_ = 1;
  std::map<node::Ticket, std::string> early_;
  size_t early_bytes_ = 0;
};

}  // namespace torc::net
