#include "node/forwarder.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "kv/limits.h"
#include "kv/sessions.h"
#include "node/forward_receiver.h"

namespace torc::node {
namespace {

/// A batch closes before a command that would pass this, so it holds this much or a single command
/// (rules.md#two-connections). footprint() is more than a command's encoding takes.
constexpr size_t kBatchBytesMax = 1u << 20;
static_assert(wire::kHeaderBytesMax + kv::kOperationBytesMax + (64u << 10) <= wire::kFrameBytesMax, "a single command");
static_assert(kBatchBytesMax / sizeof(std::string_view) + kv::kArgsMax <= wire::kForwardedArgsMax);
static_assert(Forwarder::kWindowMax <= kv::kSessionRecordsMax,
              "a session keeps no more, and would refuse what is on top");
/// Of answers, before the leader is told that they have arrived although nothing else is to be sent.
constexpr size_t kConfirmBytes = 4u << 20;
static_assert(kConfirmBytes <= ForwardReceiver::kRepliesBytesFree, "it waits for none that is not told of");
constexpr Duration kExpiryInterval = 100ms;
/// The oldest command has no answer for this long although others get theirs: its answer was dropped (env/network.h).
constexpr Duration kRepeatFrontAfter = 3s;
/// With disks that take longer than kRepeatAfter each repetition threw away the answer that was almost there, for ever.
constexpr int kPatienceFactorMax = 8;

}  // namespace

Forwarder::Forwarder(GroupId group, ForwarderHost& host, Clients& clients, ForwardBudget& budget, Prng prng)
    : group_(group),
      host_(host),
      clients_(clients),
      budget_(budget),
      prng_(prng),
      path_(group, host),
      epoch_(prng_.next() & 0xffff'ffff'0000'0000) {
  budget_.add_window();
}

Forwarder::~Forwarder() {
  budget_.give_back(window_bytes_);
  budget_.remove_window();
}

void Forwarder::submit(const Request& request) {
  Outstanding item{KeptRequest(request), footprint(request.command)};
  ++forwarded_count_;
  if (waiting_.empty() && has_room_for(item)) return enter(std::move(item));
  waiting_bytes_ += item.bytes;
  waiting_.push(request.waiter.client, std::move(item));
}

// ---- the window ----

bool Forwarder::has_room_for(const Outstanding& item) const {
  if (outstanding_.size() >= kWindowMax) return false;
  if (!budget_.has_room(window_bytes_, item.bytes)) return false;
  const auto found = shares_.find(item->waiter.client);
  if (found == shares_.end()) return true;
  const Share& share = found->second;
  if (share.commands >= share.commands_max) return false;
  return item.bytes < kLargeBytes || share.large_bytes == 0 || share.large_bytes + item.bytes <= kClientWindowBytesMax;
}

void Forwarder::enter(Outstanding item) {
  window_bytes_ += item.bytes;
  budget_.hold(item.bytes);
  Share& share = shares_[item->waiter.client];
  ++share.commands;
  if (item.bytes >= kLargeBytes) share.large_bytes += item.bytes;
  outstanding_.push_back(std::move(item));
}

void Forwarder::fill_window() {
  const auto fits = [this](const Outstanding& item) { return has_room_for(item); };
  while (auto item = waiting_.take(fits)) {
    waiting_bytes_ -= item->bytes;
    enter(*std::move(item));
  }
}

kv::ReplySink& Forwarder::finish(Outstanding& item) {
  leave(item);
  return clients_.begin(item->waiter);
}

void Forwarder::leave(Outstanding& item) {
  CHECK(!item.is_done && item.bytes <= window_bytes_);
  item.is_done = true;
  item.kept.drop_arguments();  // behind one without an answer it may stay here for long
  ++done_count_;
  give_back(item.bytes);
  Share& share = shares_[item->waiter.client];
  --share.commands;
  if (item.bytes >= kLargeBytes) share.large_bytes -= item.bytes;
}

void Forwarder::give_back(size_t bytes) {
  window_bytes_ -= bytes;
  budget_.give_back(bytes);
}

void Forwarder::add_gauges(std::vector<Gauge>& gauges) const {
  // Every one of them is counted by Clients, too.
  gauges.push_back({"forwards_waiting", waiting_bytes_, clients_.held_bytes_max()});
}

void Forwarder::pop_done() {
  for (; !outstanding_.empty() && outstanding_.front().is_done; ++first_sequence_) {
    outstanding_.pop_front();
    --done_count_;
  }
  next_unsent_ = std::max(next_unsent_, first_sequence_);
  while (batch_begins_.size() > 1 && batch_begins_[1] <= first_sequence_) batch_begins_.pop_front();
}

void Forwarder::restart_stream() {
  ++epoch_;
  next_batch_ = 0;
  batch_begins_.clear();
  next_unsent_ = first_sequence_;
  opening_ = {};
}

void Forwarder::note_copies_elsewhere() {
  for (Outstanding& item : outstanding_) item.went_elsewhere |= item.sends > 0;
}

void Forwarder::on_connection_changed(NodeId node) {
  path_.on_connection_changed(node);
  if (node != hop_.to) return;
  note_copies_elsewhere();
  restart_stream();
}

// ---- sending ----

void Forwarder::flush(NodeId leader, bool self_leads, Instant now) {
  if (self_leads) {
    execute_all_here();
    hop_ = {};
    return;
  }
  const ForwardPath::Hop hop =
      path_.choose(leader, {outstanding() > 0, is_waiting(), last_progress_, epoch_, first_sequence_}, now);
  // A relay that turns out to lead goes on with the stream; one that led refuses what it cannot go on with.
  if (hop.to != hop_.to) {
    resume_at_ = Instant{};
    restart_stream();
  }
  hop_ = hop;
  if (leader && leader != leader_) {
    leader_ = leader;
    note_copies_elsewhere();
  }
  fill_window();
  if (!hop_.to) return;
  if (now >= resume_at_) send_window(now);
  confirm_replies(now);
}

void Forwarder::send_window(Instant now) {
  const uint64_t end_sequence = first_sequence_ + outstanding_.size();
  const bool session_needed =
      std::ranges::any_of(outstanding_.begin() + static_cast<ptrdiff_t>(next_unsent_ - first_sequence_),
                          outstanding_.end(), [this](const Outstanding& item) { return needs_session(item); });
  if (session_needed && (!session_ || may_replace_session(now))) {
    session_ = kv::SessionId();
    if (!opening_) open_session(now);
    return;
  }
  while (next_unsent_ < end_sequence) send_batch(now);
}

void Forwarder::send_batch(Instant now) {
  const uint64_t end_sequence = first_sequence_ + outstanding_.size();
  const uint64_t first = next_unsent_;
  wire::ForwardRequest request = next_request();
  request.session = session_;
  for (size_t bytes = 0; next_unsent_ < end_sequence; ++next_unsent_) {
    Outstanding& item = outstanding_[next_unsent_ - first_sequence_];
    if (!item.is_done && !item->is_write && !clients_.is_open(item->waiter.client)) {
      // Nobody waits any more for what a closed client wanted to read.
      leave(item);
      clients_.end(item->waiter);
    }
    if (item.is_done) continue;
    if (bytes + item.bytes > kBatchBytesMax && !request.commands.empty()) break;
    bytes += item.bytes;
    const kv::CommandView& view = item->command;
    request.commands.push_back(
        {next_unsent_, item->is_write, view.id, {view.args.begin(), view.args.end()}, label_to_send(item)});
    ++item.sends;
    if (needs_session(item)) session_used_ = now;
  }
  if (first == first_sequence_) last_progress_ = front_since_ = now;
  if (request.commands.empty()) return;
  batch_begins_.push_back(first);
  send(request);
}

/// Of the copies that leave here one at most may open the client's session: only it was never sent before.
std::optional<kv::SessionCall> Forwarder::label_to_send(const Outstanding& item) const {
  std::optional<kv::SessionCall> label = item->label;
  if (label && item.sends > 0) label->is_first_send = false;
  return label;
}

void Forwarder::send(const wire::ForwardRequest& request) {
  host_.send_to(hop_.to, request);
  ++next_batch_;
  note_floor_sent();
}

/// Answers behind one that is still missing are not confirmed by it.
void Forwarder::note_floor_sent() {
  floor_sent_ = first_sequence_;
  if (done_count_ == 0) unconfirmed_reply_bytes_ = 0;
}

/// The leader holds commands back while it does not know that their predecessors' answers have arrived
/// (forward_receiver.h): a probe carries the floor as well.
void Forwarder::confirm_replies(Instant now) {
  if (unconfirmed_reply_bytes_ < kConfirmBytes || floor_sent_ == first_sequence_) return;
  wire::ForwardRequest probe = next_request();
  probe.batch = static_cast<uint64_t>(now.ns);
  host_.send_to(hop_.to, probe);
  note_floor_sent();
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

void Forwarder::open_session(Instant now) {
  opening_ = kv::draw_session_id(prng_);
  const kv::SessionCall label{.session = opening_, .sequence = kOpening, .is_first_send = true};
  wire::ForwardRequest request = next_request();
  request.commands.push_back({kOpening, true, kv::CommandId::kOpenSession, {}, label});
  batch_begins_.push_back(next_unsent_);
  send(request);
  last_progress_ = now;
}

void Forwarder::execute_all_here() {
  if (outstanding() == 0) return;
  const uint64_t floor = first_sequence_;
  uint64_t sequence = first_sequence_;
  std::deque<Outstanding> items = std::exchange(outstanding_, {});
  first_sequence_ += items.size();
  next_unsent_ = first_sequence_;
  give_back(window_bytes_);
  done_count_ = 0;
  waiting_bytes_ = 0;
  shares_.clear();
  batch_begins_.clear();
  while (auto item = waiting_.take([](const Outstanding&) { return true; })) items.push_back(*std::move(item));
  bool is_session_given_away = false;
  for (Outstanding& item : items) {
    const kv::SessionCall own{session_, sequence++, floor};
    if (item.is_done) continue;
    Request request = item.kept.request();
    request.label = label_to_send(item);
    // A write that never left needs no label; one that did keeps it, for it may already be in the log.
    if (needs_session(item) && item.sends > 0) {
      request.label = own;
      request.retry = Retry::kUnknown;
      is_session_given_away = true;
    }
    host_.execute_here(request);
  }
  // Some of these may come back with their labels if this leadership ends soon; floors of new calls must not pass them.
  if (is_session_given_away) session_ = kv::SessionId();
}

void Forwarder::expire(Instant now) {
  if (now - expiry_checked_at_ >= kExpiryInterval) {
    expiry_checked_at_ = now;
    refuse_overdue(now);
  }
  if (hop_.to && host_.is_sending_to(hop_.to)) sending_at_ = now;  // what is not there cannot be answered
  const bool was_sent = next_unsent_ > first_sequence_;
  const bool is_silent =
      (opening_ || was_sent) && now - std::max(last_progress_, sending_at_) > patience_ * kRepeatAfter;
  if (is_silent || (was_sent && now - std::max(front_since_, sending_at_) > patience_ * kRepeatFrontAfter)) {
    restart_stream();
    patience_ = std::min(2 * patience_, kPatienceFactorMax);
    last_progress_ = front_since_ = now;
  }
}

void Forwarder::refuse_overdue(Instant now) {
  const auto refuse = [this](const Outstanding& item) {
    const bool is_clients_label = item->retry == Retry::kSameLabel;
    clients_.refuse(item->waiter, !item.may_be_executed() ? kv::Refusal::kNoLeader
                                  : is_clients_label      ? kv::Refusal::kSendUnanswered
                                                          : kv::Refusal::kNoAnswer);
  };
  for (Outstanding& item : outstanding_) {
    if (item.is_done || item->deadline > now) continue;
    leave(item);
    refuse(item);
  }
  pop_done();
  const auto drop = [&](const Outstanding& item) {
    waiting_bytes_ -= item.bytes;
    refuse(item);
  };
  waiting_.take_while([now](const Outstanding& item) { return item->deadline <= now; }, drop);
  std::erase_if(shares_, [](const auto& entry) { return entry.second.commands == 0; });
}

}  // namespace torc::node
