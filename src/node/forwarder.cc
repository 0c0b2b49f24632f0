#include "node/forwarder.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "kv/recorded_reply.h"
#include "kv/sessions.h"

namespace torc::node {
namespace {

constexpr uint64_t kRegistration = 0;              // sequence of the session's own registration
constexpr size_t kBatchBytesMax = 1u << 20;        // soft: a batch closes at the command that reaches it (RULES 27)
constexpr size_t kUnansweredBytesMax = 64u << 20;  // beyond, nothing more is sent until answers come
/// As many as the session keeps answers to: it would refuse one more.
constexpr uint64_t kUnansweredMax = kv::kSessionRepliesMax;
constexpr Duration kRepeatAfter = 1s;            // no answer at all for this long: the stream starts again
constexpr Duration kPauseAfterRejection = 20ms;  // elections take longer than a round trip
/// Sessions expire at the state machine after an idle hour; one that rested for this long is replaced before it is
/// used.
constexpr Duration kSessionIdleMax = 10min;

constexpr std::string_view kUnknownOutcome =
    "UNKNOWN outcome: no answer from the leader in time; the command may or may not be executed";
constexpr std::string_view kSameCallAgain = "TRYAGAIN no answer from the leader in time, send the same call again";
constexpr std::string_view kNoLeader = "CLUSTERDOWN no leader could be reached in time, the command was not executed";

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
    : group_(group), host_(host), clients_(clients), command_timeout_(command_timeout), epoch_(process_seed << 32) {}

void Forwarder::submit(Waiter waiter, bool is_write, const kv::CommandView& command, const kv::SessionCall* call,
                       Instant now) {
  Outstanding item;
  item.waiter = waiter;
  item.command = CommandCopy(command);
  if (call != nullptr) item.call = *call;
  item.deadline = now + command_timeout_;
  item.is_write = is_write;
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
  if (node == target_) restart_stream();
}

void Forwarder::flush(NodeId leader, bool self_leads, Instant now) {
  if (self_leads) {
    execute_all_here();
    target_ = NodeId();
    return;
  }
  if (leader != target_) {
    target_ = leader;
    resume_at_ = Instant{};
    restart_stream();
  }
  const uint64_t end_sequence = first_sequence_ + outstanding_.size();
  if (!target_ || now < resume_at_ || next_unsent_ == end_sequence || !host_.can_send_to(target_)) return;

  const bool session_needed =
      std::ranges::any_of(outstanding_.begin() + static_cast<ptrdiff_t>(next_unsent_ - first_sequence_),
                          outstanding_.end(), [this](const Outstanding& item) { return needs_session(item); });
  if (session_needed && (!session_ || (now - session_used_ > kSessionIdleMax && next_unsent_ == first_sequence_))) {
    session_ = kv::SessionId();
    if (!is_registering_) register_session(now);
    return;
  }
  const uint64_t end_of_window = std::min(end_sequence, first_sequence_ + kUnansweredMax);
  while (next_unsent_ < end_of_window && unanswered_bytes_ < kUnansweredBytesMax) {
    wire::ForwardRequest request;
    request.group = group_;
    request.session = session_;
    request.floor = first_sequence_;
    request.epoch = epoch_;
    request.batch = next_batch_;
    const uint64_t first = next_unsent_;
    uint64_t next = first;
    for (size_t bytes = 0; next < end_of_window && bytes < kBatchBytesMax; ++next) {
      Outstanding& item = outstanding_[next - first_sequence_];
      // Nobody waits any more for what a closed client wanted to read.
      if (!item.is_write && !clients_.is_open(item.waiter.client)) item.is_done = true;
      if (item.is_done) continue;
      const kv::CommandView view = item.command.view();
      request.commands.push_back({next, item.is_write, view.id, {view.args.begin(), view.args.end()}, item.call});
      bytes += item.command.bytes() + 16 + 2 * view.args.size();
    }
    if (next_unsent_ == first_sequence_) last_progress_ = now;
    next_unsent_ = next;
    if (request.commands.empty()) continue;
    for (uint64_t sequence = first; sequence < next; ++sequence) {
      Outstanding& item = outstanding_[sequence - first_sequence_];
      if (item.is_done) continue;
      item.was_sent = true;
      unanswered_bytes_ += item.command.bytes();
    }
    host_.send_to(target_, request);
    ++next_batch_;
    session_used_ = now;
  }
}

void Forwarder::register_session(Instant now) {
  wire::ForwardRequest request;
  request.group = group_;
  request.floor = first_sequence_;
  request.epoch = epoch_;
  request.batch = next_batch_;
  request.commands.push_back({kRegistration, true, kv::CommandId::kRegisterSession, {}, std::nullopt});
  host_.send_to(target_, request);
  ++next_batch_;
  is_registering_ = true;
  last_progress_ = now;
}

void Forwarder::on_reply(NodeId from, const wire::ForwardReply& reply, Instant now) {
  if (reply.epoch >> 32 != epoch_ >> 32) return;  // of an earlier process
  last_progress_ = now;
  if (reply.is_rejected) {
    if (reply.epoch != epoch_ || from != target_) return;
    restart_stream();
    resume_at_ = now + kPauseAfterRejection;
    return;
  }
  for (const wire::ForwardedReply& one : reply.replies) {
    if (one.sequence == kRegistration) {
      IntegerSink sink;
      if (is_registering_ && kv::replay(one.reply, sink)) session_ = kv::SessionId(sink.value);
      is_registering_ = false;
      session_used_ = now;
      continue;
    }
    if (one.sequence < first_sequence_ || one.sequence >= first_sequence_ + outstanding_.size()) continue;
    Outstanding& item = outstanding_[one.sequence - first_sequence_];
    if (!item.is_done) answer(item, one.reply);
  }
  pop_done();
}

void Forwarder::answer(Outstanding& item, std::string_view recorded) {
  kv::ReplySink& sink = finish(item);
  if (!kv::replay(recorded, sink)) sink.error("UNKNOWN outcome: the leader's answer could not be read");
  clients_.end(item.waiter);
}

kv::ReplySink& Forwarder::finish(Outstanding& item) {
  item.is_done = true;
  if (item.was_sent) unanswered_bytes_ -= std::min(unanswered_bytes_, item.command.bytes());
  return clients_.begin(item.waiter);
}

void Forwarder::pop_done() {
  while (!outstanding_.empty() && outstanding_.front().is_done) {
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
  first_sequence_ += items.size();
  next_unsent_ = first_sequence_;
  unanswered_bytes_ = 0;
  for (Outstanding& item : items) {
    const kv::SessionCall own{session_, sequence++, floor};
    if (item.is_done) continue;
    // A write that never left needs no label; one that did keeps it, for it may already be in the log.
    const kv::SessionCall* call = item.call ? &*item.call : needs_session(item) && item.was_sent ? &own : nullptr;
    host_.execute_here(item.waiter, item.is_write, item.command.view(), call);
  }
}

void Forwarder::expire(Instant now) {
  for (Outstanding& item : outstanding_) {
    if (item.deadline > now) break;  // deadlines are in order of submission
    if (item.is_done) continue;
    const bool is_undecided = item.is_write && item.was_sent;
    finish(item).error(!is_undecided ? kNoLeader : item.call ? kSameCallAgain : kUnknownOutcome);
    clients_.end(item.waiter);
  }
  pop_done();
  const bool is_waiting = is_registering_ || next_unsent_ > first_sequence_;
  if (is_waiting && now - last_progress_ > kRepeatAfter) {
    restart_stream();
    last_progress_ = now;
  }
}

}  // namespace torc::node
