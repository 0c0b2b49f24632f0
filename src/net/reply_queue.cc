#include "net/reply_queue.h"

#include "base/check.h"

namespace torc::net {
namespace {

constexpr size_t kEarlyOverheadBytes = 96;  // a node of the map, and the text's own block

}  // namespace

AnswerEncoder& ReplyQueue::begin(node::Ticket ticket) {
  CHECK(ticket >= oldest_ && ticket < next_) << "ticket " << ticket << " of [" << oldest_ << ", " << next_ << ")";
  if (ticket == oldest_) [[likely]] {
    encoder_.retarget(output_);
  } else {
    const auto [place, is_new] = early_.try_emplace(ticket);
    CHECK(is_new) << "ticket " << ticket << " answered twice";
    encoder_.retarget(place->second);
  }
  return encoder_;
}

void ReplyQueue::end(node::Ticket ticket) {
  if (ticket != oldest_) {
    early_bytes_ += kEarlyOverheadBytes + early_.at(ticket).size();
    return;
  }
  ++oldest_;
  while (!early_.empty() && early_.begin()->first == oldest_) {
    const std::string& reply = early_.begin()->second;
    output_ += reply;
    early_bytes_ -= kEarlyOverheadBytes + reply.size();
    early_.erase(early_.begin());
    ++oldest_;
  }
}

}  // namespace torc::net
