// What a forwarder makes of the leader's answers: which are final, and which only say "send it again".
#include <algorithm>
#include <utility>

#include "kv/recorded_reply.h"
#include "kv/sessions.h"
#include "node/forwarder.h"

namespace torc::node {
void Forwarder::on_reply(NodeId from, const wire::ForwardReply& reply, Instant now) {
  if (reply.epoch >> 32 != epoch_ >> 32) return;  // of an earlier process
  if (reply.is_probe) {
    // All that was sent is there: asking again would only throw away the answers under way.
    const bool has_all = !reply.is_rejected && reply.epoch == epoch_ && reply.batches_taken == next_batch_;
    if (has_all && from == hop_.to) last_progress_ = now;
    return path_.on_answer(from, reply, now);
  }
  last_progress_ = now;
  if (reply.is_rejected) {
    if (reply.epoch != epoch_ || from != hop_.to) return;
    path_.on_rejection(from);
    take_back(reply.batch);
    restart_stream();
    resume_at_ = now + kPauseAfterRejection;
    return;
  }
  bool must_repeat = false;
  for (const wire::ForwardedReply& one : reply.replies) {
    unconfirmed_reply_bytes_ += one.reply.size();
    if (one.sequence == kOpening) {
      // Of an earlier epoch it is about another session.
      if (opening_ && reply.epoch == epoch_) on_session_opened(one.reply, now);
      continue;
    }
    if (one.sequence < first_sequence_ || one.sequence >= first_sequence_ + outstanding_.size()) continue;
    Outstanding& item = outstanding_[one.sequence - first_sequence_];
    if (item.is_done) continue;
    if (is_about_lost_session(item, one.reply)) {
      // Of an earlier session it says what was concluded already when that was lost.
      if (session_ && reply.epoch >= session_epoch_) lose_session(one.sequence);
    } else if (!answer(item, one.reply)) {
      must_repeat = true;
    }
  }
  const uint64_t front = first_sequence_;
  pop_done();
  if (first_sequence_ != front) {
    if (now - front_since_ < kRepeatAfter) patience_ = 1;
    front_since_ = now;
  }
  if (must_repeat) {
    restart_stream();
    resume_at_ = now + kPauseAfterRejection;
  }
}

/// Neither this batch nor a later one of the epoch was or will be executed: whatever they are refused with next time is
/// true of them.
void Forwarder::take_back(uint64_t rejected_batch) {
  const uint64_t first_known = next_batch_ - batch_begins_.size();
  if (rejected_batch < first_known || rejected_batch >= next_batch_) return;
  const uint64_t begin = std::max(batch_begins_[rejected_batch - first_known], first_sequence_);
  for (uint64_t sequence = begin; sequence < next_unsent_; ++sequence) {
    Outstanding& item = outstanding_[sequence - first_sequence_];
    if (!item.is_done && item.sends > 0) --item.sends;
  }
}

void Forwarder::on_session_opened(std::string_view recorded, Instant now) {
  const kv::SessionId opened = std::exchange(opening_, {});
  const std::optional<kv::Refusal> refusal = kv::recorded_refusal(recorded);
  if (!refusal) {
    session_ = opened;
    session_epoch_ = epoch_;
    session_used_ = now;
    return;
  }
  if (asks_to_repeat(*refusal) || !is_definite(*refusal)) {
    resume_at_ = now + kPauseAfterRejection;
    return;
  }
  // What waited for the session would be refused as well; reads behind it must not wait for the disk to have space.
  for (Outstanding& item : outstanding_) {
    if (item.is_done || !needs_session(item) || item.sends > 0) continue;
    refuse(item, *refusal);
  }
}

void Forwarder::refuse(Outstanding& item, kv::Refusal refusal) {
  leave(item);
  clients_.refuse(item->waiter, refusal);
}

bool Forwarder::is_about_lost_session(const Outstanding& item, std::string_view recorded) const {
  return needs_session(item) && kv::recorded_refusal(recorded) == kv::Refusal::kUnknownSession;
}

// The session expired at the state machine (idle by a leader's clock that jumped, or evicted) before the write with
// this sequence was reached, and never comes back. This write and later ones that were sent once were therefore not
// executed and take the next session. Of those sent more often one copy may have been; earlier ones may have been
// executed when the session was alive; the record of that is gone with the session.
void Forwarder::lose_session(uint64_t sequence) {
  session_ = kv::SessionId();
  for (uint64_t at = first_sequence_; Outstanding & item : outstanding_) {
    const bool is_before = at++ < sequence;
    if (item.is_done || !needs_session(item) || item.sends == 0) continue;
    if (!is_before && item.sends == 1) {
      item.sends = 0;
      continue;
    }
    refuse(item, kv::Refusal::kUnknownSession);
  }
  restart_stream();
}

// A session that rested may have expired. It is replaced before its use unless an unanswered write carries it.
bool Forwarder::may_replace_session(Instant now) const {
  return now - session_used_ > kSessionIdleMax && std::ranges::none_of(outstanding_, [this](const Outstanding& item) {
           return needs_session(item) && item.sends > 0 && !item.is_done;
         });
}

bool Forwarder::answer(Outstanding& item, std::string_view recorded) {
  const bool is_clients_label = item->retry == Retry::kSameLabel;
  if (!is_clients_label && !is_final(item, recorded)) return false;
  learn(shares_[item->waiter.client], recorded.size());
  const std::optional<kv::Refusal> refusal = kv::recorded_refusal(recorded);
  // A client that holds the label counts its own copies, and knows nothing of those that were made here.
  const bool is_news =
      refusal && is_clients_label && is_definite(*refusal) && !is_about_everything_sent(item, *refusal);
  kv::ReplySink& sink = finish(item);
  if (is_news) {
    sink.refusal(kv::Refusal::kSendSameCallAgain);
  } else if (!kv::replay(recorded, sink))
    sink.refusal(kv::Refusal::kAnswerUnreadable);
  clients_.end(item->waiter);
  return true;
}

/// A client's share of the window grows by the answers that are small, and holds few commands whose answers are not:
/// what these cost is not known before.
void Forwarder::learn(Share& share, size_t answer_bytes) {
  if (answer_bytes < kLargeBytes) {
    share.commands_max = std::min(share.commands_max + 1, kWindowMax);
  } else {
    share.commands_max = std::clamp(kClientWindowBytesMax / answer_bytes, size_t{1}, share.commands_max);
  }
}

// A leader's refusal is true of all copies that came to it before (Group::write), and it takes none of an earlier epoch
// any more. A copy that another leader was sent may have come through, so the client, who knows nothing of the label,
// is not told: sending again finds out.
bool Forwarder::is_final(const Outstanding& item, std::string_view recorded) const {
  const std::optional<kv::Refusal> refusal = kv::recorded_refusal(recorded);
  if (!refusal || !item.may_be_executed()) return true;
  if (asks_to_repeat(*refusal)) return false;
  if (!is_definite(*refusal)) return true;
  return is_about_everything_sent(item, *refusal) && item->retry == Retry::kNone;
}

bool Forwarder::is_about_everything_sent(const Outstanding& item, kv::Refusal refusal) const {
  return !item.went_elsewhere && (item.sends == 1 || is_about_all_copies(refusal));
}

}  // namespace torc::node
