#include "node/held_messages.h"

#include <utility>
#include <variant>

#include "base/check.h"

namespace torc::node {
namespace {

const consensus::AppendReply* accepted(const consensus::Message& message) {
  const auto* reply = std::get_if<consensus::AppendReply>(&message.body);
  return reply != nullptr && reply->accepted ? reply : nullptr;
}

}  // namespace

void HeldMessages::hold(uint64_t sequence, std::vector<consensus::Message> messages) {
  CHECK(held_.empty() || held_.back().sequence <= sequence) << sequence << " after " << held_.back().sequence;
  for (consensus::Message& message : messages) {
    drop_predecessor(sequence, message);
    held_.push_back({sequence, std::move(message)});
    if (held_.size() > kCountMax) held_.pop_front();
  }
}

/// Within a term a member's log only grows towards its leader, so a later answer says all that an earlier one did.
void HeldMessages::drop_predecessor(uint64_t sequence, const consensus::Message& message) {
  const consensus::AppendReply* reply = accepted(message);
  if (reply == nullptr) return;
  for (auto held = held_.end(); held != held_.begin() && (--held)->sequence == sequence;) {
    const consensus::AppendReply* earlier = accepted(held->message);
    if (earlier == nullptr || held->message.to != message.to || earlier->term != reply->term) continue;
    if (earlier->match_index > reply->match_index || earlier->stamp > reply->stamp) continue;
    held_.erase(held);
    return;
  }
}

std::vector<consensus::Message> HeldMessages::take_until(uint64_t sequence) {
  std::vector<consensus::Message> taken;
  for (; !held_.empty() && held_.front().sequence <= sequence; held_.pop_front()) {
    taken.push_back(std::move(held_.front().message));
  }
  return taken;
}

}  // namespace torc::node
