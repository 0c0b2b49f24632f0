// Large appends go by the bulk connection and small ones by the other; what belongs behind a large one has to follow
// it.
#pragma once

#include "consensus/message.h"
#include "env/network.h"

namespace torc::node {

/// Of the appends of one group to one member. Over a thin link a large append takes seconds. A small one sent after it
/// arrived first and was refused for the gap; an empty one, sent to ask what the member has, was answered before the
/// large one had arrived. Both times the leader took it for lost and sent it again, as often as there was time, until
/// the link carried nothing but copies. On one connection the answer to what comes later tells of what came before.
class AppendOrder {
 public:
  env::Channel channel_of(const consensus::AppendRequest& request, bool is_large) {
    if (request.term != term_) *this = {};
    if (is_large) {
      term_ = request.term;
      bulk_through_ = request.prev_index + request.entries.size();
    }
    return is_large || bulk_through_ ? env::Channel::kBulk : env::Channel::kControl;
  }
  void on_reply(const consensus::AppendReply& reply) {
    if (reply.accepted && reply.term == term_ && reply.match_index >= bulk_through_) *this = {};
  }
  /// What was sent by the bulk connection is lost, or has arrived.
  void on_bulk_changed() { *this = {}; }
  /// Everything that went by the bulk connection is acknowledged.
  bool is_idle() const { return !bulk_through_; }

 private:
  Term term_;
  LogIndex bulk_through_;  // the last entry that went by the bulk connection and is not acknowledged; 0: none is
};

}  // namespace torc::node
