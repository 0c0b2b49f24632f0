#include "node/forwarder.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "kv/recorded_reply.h"
#include "kv/sessions.h"

namespace torc::node {
namespace {

constexpr uint64_t kRegistration = 0;  // sequence of the session's own registration
constexpr size_t kBatchBytesMax =
    1u << 20;  // soft: a batch closes at the command that reaches it (rules.md#two-connections)
constexpr size_t kUnansweredBytesMax = 64u << 20;  // beyond, nothing more is sent until answers come
/// Commands from the oldest unanswered one on: a session keeps no more answers, and would refuse what comes on top.
constexpr uint64_t kUnansweredMax = kv::kSessionRepliesMax;
constexpr Duration kRepeatAfter = 1s;  // no answer at all for this long: the stream starts again
/// The oldest command has no answer for this long although others get theirs: its answer was dropped (env/network.h).
constexpr Duration kRepeatFrontAfter = 3s;
constexpr Duration kPauseAfterRejection = 20ms;  // elections take longer than a round trip
/// Sessions expire at the state machine after an idle hour; one that rested for this long is replaced before it is
/// used.
constexpr Duration kSessionIdleMax = 10min;

constexpr std::string_view kUnknownOutcome =
    "UNKNOWN outcome: no answer from the leader in time; the command may or may not be executed";
constexpr std::string_view kSameCallAgain = "TRYAGAIN no answer from the leader in time, send the same call again";
constexpr std::string_view kNoLeader = "CLUSTERDOWN no leader could be reached in time, the command was not executed";

/// What a leader answers when too many writes wait (node/group.cc).
constexpr std::string_view kOverloadedPrefix = "ERR too many writes";
constexpr std::string_view kTooManyWait = "ERR too many writes (or reads) are waiting for the leader, try later";

bool is_refusal(std::string_view error) { return error.starts_with("MISCONF") || error.starts_with(kOverloadedPrefix); }

/// Picks the session id out of a recorded reply.
class IntegerSink final : public kv::ReplySink {
 public:
  uint64_t value = 0;
  void ok() override {}
  void status(std::string_view) override {}
  void error(std::string_view) override {}
  void integer(int64_t v) override { value = static_cast<uint64_t>(v); }
  void bulk(std::string_view) override {}
  void nil() override {}
  void array(size_t) override {}
  void map(size_t) override {}
};

}  // namespace

Forwarder::Forwarder(GroupId group, ForwarderHost& host, Clients& clients, Duration command_timeout,
                     uint64_t process_seed)
    : group_(group),
      host_(host),
      clients_(clients),
      command_timeout_(command_timeout),
      path_(group, host),
      epoch_(process_seed << 32) {}

void Forwarder::submit(Waiter waiter, bool is_write, const kv::CommandView& command, const kv::SessionCall* call,
                       Retry retry, Instant now) {
  if (outstanding_bytes_ >= kOutstandingBytesMax) {
    clients_.begin(waiter).error(retry == Retry::kUnknown ? kUnknownOutcome : kTooManyWait);
    clients_.end(waiter);
    return;
  }
  Outstanding item;
  item.waiter = waiter;
  item.command = CommandCopy(command);
  if (call != nullptr) item.label = *call;
  item.retry = retry;
  item.deadline = now + command_timeout_;
  item.is_write = is_write;
  outstanding_bytes_ += item.command.bytes();
  outstanding_.push_back(std::move(item));
  ++forwarded_count_;
}

void Forwarder::restart_stream() {
  ++epoch_;
  next_batch_ = 0;
  next_unsent_ = first_sequence_;
  unanswered_bytes_ = 0;
  is_registering_ = false;
}

void Forwarder::on_connection_changed(NodeId node) {
  path_.on_connection_changed(node);
  if (node == hop_.to) restart_stream();
}

void Forwarder::flush(NodeId leader, bool self_leads, Instant now) {
  if (self_leads) {
    execute_all_here();
    hop_ = {};
    return;
  }
  const ForwardPath::Hop hop = path_.choose(leader, {!outstanding_.empty(), is_waiting(), last_progress_, epoch_}, now);
  // A relay that turns out to lead goes on with the stream; one that led refuses what it cannot go on with.
  if (hop.to != hop_.to) {
    resume_at_ = Instant{};
    restart_stream();
  }
  hop_ = hop;
  const uint64_t end_sequence = first_sequence_ + outstanding_.size();
  if (!hop_.to || now < resume_at_ || next_unsent_ == end_sequence) return;

  const bool session_needed =
      std::ranges::any_of(outstanding_.begin() + static_cast<ptrdiff_t>(next_unsent_ - first_sequence_),
                          outstanding_.end(), [this](const Outstanding& item) { return needs_session(item); });
  if (session_needed && (!session_ || may_replace_session(now))) {
    session_ = kv::SessionId();
    if (!is_registering_) register_session(now);
    return;
  }
  const uint64_t window_end = std::min(end_sequence, first_sequence_ + kUnansweredMax);
  while (next_unsent_ < window_end && unanswered_bytes_ < kUnansweredBytesMax) {
    wire::ForwardRequest request = next_request();
    request.session = session_;
    const uint64_t first = next_unsent_;
    uint64_t next = first;
    for (size_t bytes = 0; next < window_end && bytes < kBatchBytesMax; ++next) {
      Outstanding& item = outstanding_[next - first_sequence_];
      // Nobody waits any more for what a closed client wanted to read.
      if (!item.is_write && !clients_.is_open(item.waiter.client)) item.is_done = true;
      if (item.is_done) continue;
      const kv::CommandView view = item.command.view();
      request.commands.push_back({next, item.is_write, view.id, {view.args.begin(), view.args.end()}, item.label});
      bytes += item.command.bytes() + 16 + 2 * view.args.size();
    }
    if (next_unsent_ == first_sequence_) last_progress_ = front_since_ = now;
    next_unsent_ = next;
    if (request.commands.empty()) continue;
    for (uint64_t sequence = first; sequence < next; ++sequence) {
      Outstanding& item = outstanding_[sequence - first_sequence_];
      if (item.is_done) continue;
      ++item.sends;
      unanswered_bytes_ += item.command.bytes();
      if (needs_session(item)) session_used_ = now;
    }
    host_.send_to(hop_.to, request);
    ++next_batch_;
  }
}

wire::ForwardRequest Forwarder::next_request() {
  wire::ForwardRequest request;
  request.group = group_;
  request.floor = first_sequence_;
  request.epoch = epoch_;
  request.batch = next_batch_;
  request.wants_relay = hop_.is_relayed;
  return request;
}

void Forwarder::register_session(Instant now) {
  wire::ForwardRequest request = next_request();
  request.commands.push_back({kRegistration, true, kv::CommandId::kRegisterSession, {}, std::nullopt});
  host_.send_to(hop_.to, request);
  ++next_batch_;
  is_registering_ = true;
  last_progress_ = now;
}

void Forwarder::on_reply(NodeId from, const wire::ForwardReply& reply, Instant now) {
  if (reply.epoch >> 32 != epoch_ >> 32) return;  // of an earlier process
  if (reply.is_probe) return path_.on_answer(from, reply, now);
  last_progress_ = now;
  if (reply.is_rejected) {
    if (reply.epoch != epoch_ || from != hop_.to) return;
    path_.on_rejection(from);
    restart_stream();
    resume_at_ = now + kPauseAfterRejection;
    return;
  }
  bool must_repeat = false;
  for (const wire::ForwardedReply& one : reply.replies) {
    if (one.sequence == kRegistration) {
      if (is_registering_) on_registration(one.reply, now);
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
  if (first_sequence_ != front) front_since_ = now;
  if (must_repeat) {
    restart_stream();
    resume_at_ = now + kPauseAfterRejection;
  }
}

void Forwarder::on_registration(std::string_view recorded, Instant now) {
  is_registering_ = false;
  IntegerSink sink;
  if (kv::replay(recorded, sink)) session_ = kv::SessionId(sink.value);
  session_epoch_ = epoch_;
  session_used_ = now;
  const std::optional<std::string_view> error = kv::recorded_error(recorded);
  if (!error) return;
  if (!is_refusal(*error)) {
    resume_at_ = now + kPauseAfterRejection;
    return;
  }
  // What waited for the session would be refused as well; reads behind it must not wait for the disk to have space.
  for (Outstanding& item : outstanding_) {
    if (item.is_done || !needs_session(item) || item.sends > 0) continue;
    finish(item).error(*error);
    clients_.end(item.waiter);
  }
}

bool Forwarder::is_about_lost_session(const Outstanding& item, std::string_view recorded) const {
  return needs_session(item) && kv::recorded_error(recorded) == kv::kUnknownSession;
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
    finish(item).error(kv::kUnknownSession);
    clients_.end(item.waiter);
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
  if (item.retry != Retry::kSameLabel && !is_final(item, recorded)) return false;
  kv::ReplySink& sink = finish(item);
  if (!kv::replay(recorded, sink)) sink.error("UNKNOWN outcome: the leader's answer could not be read");
  clients_.end(item.waiter);
  return true;
}

// A leader's refusal is true of the send it answers. An earlier send may have come through, so the client, who knows
// nothing of the label, is not told: sending again finds out.
bool Forwarder::is_final(const Outstanding& item, std::string_view recorded) const {
  const std::optional<std::string_view> error = kv::recorded_error(recorded);
  if (!error || !item.may_be_executed()) return true;
  if (error->starts_with("TRYAGAIN")) return false;
  return !is_refusal(*error) || (item.sends == 1 && item.retry == Retry::kNone);
}

kv::ReplySink& Forwarder::finish(Outstanding& item) {
  item.is_done = true;
  if (item.sends > 0) unanswered_bytes_ -= std::min(unanswered_bytes_, item.command.bytes());
  return clients_.begin(item.waiter);
}

void Forwarder::pop_done() {
  while (!outstanding_.empty() && outstanding_.front().is_done) {
    outstanding_bytes_ -= outstanding_.front().command.bytes();
    outstanding_.pop_front();
    ++first_sequence_;
  }
  next_unsent_ = std::max(next_unsent_, first_sequence_);
}

void Forwarder::execute_all_here() {
  if (outstanding_.empty()) return;
  const uint64_t floor = first_sequence_;
  uint64_t sequence = first_sequence_;
  std::deque<Outstanding> items = std::exchange(outstanding_, {});
  outstanding_bytes_ = 0;
  first_sequence_ += items.size();
  next_unsent_ = first_sequence_;
  unanswered_bytes_ = 0;
  bool is_session_given_away = false;
  for (Outstanding& item : items) {
    const kv::SessionCall own{session_, sequence++, floor};
    if (item.is_done) continue;
    // A write that never left needs no label; one that did keeps it, for it may already be in the log.
    const bool keeps_own = needs_session(item) && item.sends > 0;
    const kv::SessionCall* call = item.label ? &*item.label : keeps_own ? &own : nullptr;
    is_session_given_away |= keeps_own;
    host_.execute_here(item.waiter, item.is_write, item.command.view(), call, keeps_own ? Retry::kUnknown : item.retry);
  }
  // Some of these may come back with their labels if this leadership ends soon; floors of new calls must not pass them.
  if (is_session_given_away) session_ = kv::SessionId();
}

void Forwarder::expire(Instant now) {
  for (Outstanding& item : outstanding_) {
    if (item.deadline > now) break;  // deadlines are in order of submission
    if (item.is_done) continue;
    const bool is_clients_label = item.retry == Retry::kSameLabel;
    finish(item).error(!item.may_be_executed() ? kNoLeader : is_clients_label ? kSameCallAgain : kUnknownOutcome);
    clients_.end(item.waiter);
  }
  pop_done();
  const bool was_sent = next_unsent_ > first_sequence_;
  const bool is_silent = (is_registering_ || was_sent) && now - last_progress_ > kRepeatAfter;
  if (is_silent || (was_sent && now - front_since_ > kRepeatFrontAfter)) {
    restart_stream();
    last_progress_ = front_since_ = now;
  }
}

}  // namespace torc::node
