// The two ends of a forwarding stream without nodes around them. Only for tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kv/sessions.h"
#include "node/forward_receiver.h"
#include "node/forwarder.h"

namespace torc::node {

constexpr GroupId kGroup{1};
constexpr NodeId kFollower{1};
constexpr NodeId kLeader{2};

class RecordingPort final : public ClientPort {
 public:
  std::map<Ticket, std::string> answers;
  kv::ReplySink& begin_reply(Ticket) override {
    recorder_.clear();
    return recorder_;
  }
  void end_reply(Ticket ticket) override {
    EXPECT_TRUE(answers.emplace(ticket, recorder_.take()).second) << "answered twice: " << ticket;
  }

 private:
  kv::RecordingSink recorder_;
};

inline std::string recorded_integer(int64_t value) {
  kv::RecordingSink sink;
  sink.integer(value);
  return sink.take();
}

inline std::string recorded(kv::Refusal refusal) {
  kv::RecordingSink sink;
  sink.refusal(refusal);
  return sink.take();
}

/// The leader's side: a state machine that appends arguments to a list, with sessions as rules.md#exactly-once wants
/// them.
struct Leader final : ForwardReceiverHost {
  Clients clients;
  ForwardReceiver receiver{kGroup, *this, clients};
  bool is_leader = true;
  bool holds_answers = false;
  std::optional<kv::Refusal> refusal;  // instead of executing writes
  size_t value_bytes = 0;              // answers are bulks of this size instead of integers
  std::vector<std::string> executed;
  std::map<std::pair<kv::SessionId, uint64_t>, int64_t> answered;
  std::vector<kv::SessionId> opened;  // by kOpenSession
  std::set<kv::SessionId> known;      // sessions that are not forgotten
  std::vector<bool> first_sends;      // of the clients' labels, as they came
  size_t answers_kept_max = 0;        // most answers a session had to keep
  std::deque<std::pair<Waiter, int64_t>> held;
  std::deque<wire::ForwardReply> out;
  std::deque<NodeId> out_to;
  std::deque<std::string> out_buffers;

  bool leads() const override { return is_leader; }
  void execute_forwarded(const Request& request) override {
    const Waiter waiter = request.waiter;
    const kv::CommandView& command = request.command;
    const kv::SessionCall* call = request.call();
    clients.start(waiter, GroupId(1), request.is_write);
    if (refusal && request.is_write) return clients.refuse(waiter, *refusal);
    int64_t value = static_cast<int64_t>(executed.size());
    if (command.id == kv::CommandId::kOpenSession) {
      EXPECT_TRUE(call != nullptr && call->is_first_send);
      EXPECT_EQ(std::ranges::count(opened, call->session), 0) << "each attempt has an id of its own";
      opened.push_back(call->session);
      known.insert(call->session);
    } else if (call != nullptr && !known.contains(call->session) && !call->is_first_send) {
      return clients.refuse(waiter, kv::Refusal::kUnknownSession);
    } else if (call != nullptr) {
      known.insert(call->session);
      if (std::ranges::count(opened, call->session) == 0) first_sends.push_back(call->is_first_send);
      std::erase_if(answered, [call](const auto& entry) { return entry.first.second < call->floor; });
      const auto [entry, is_new] = answered.emplace(std::pair(call->session, call->sequence), value);
      if (is_new) executed.emplace_back(command.args[0]);
      value = entry->second;
      answers_kept_max = std::max(answers_kept_max, answered.size());
    }
    if (holds_answers) {
      held.emplace_back(waiter, value);
    } else {
      answer(waiter, value);
    }
  }
  /// As after an idle hour.
  void forget_sessions() { known.clear(); }
  void answer(Waiter waiter, int64_t value) {
    kv::ReplySink& sink = clients.begin(waiter);
    value_bytes == 0 ? sink.integer(value) : sink.bulk(std::string(value_bytes, 'v'));
    if (clients.is_open(waiter.client)) clients.end(waiter);
  }
  void release_one() {
    if (held.empty()) return;
    answer(held.front().first, held.front().second);
    held.pop_front();
  }
  void release() {
    for (const auto& [waiter, value] : held) answer(waiter, value);
    held.clear();
  }
  size_t expected_reply_bytes(const kv::CommandView&) const override { return value_bytes; }
  void send_to(NodeId node, const wire::ForwardReply& reply) override {
    wire::ForwardReply copy = reply;
    for (wire::ForwardedReply& one : copy.replies) one.reply = out_buffers.emplace_back(one.reply);
    out.push_back(std::move(copy));
    out_to.push_back(node);
  }
  consensus::ReplicaId known_leader() const override { return {}; }
};

struct Follower final : ForwarderHost {
  explicit Follower(ForwardBudget* shared = nullptr) : budget(shared == nullptr ? own_budget : *shared) {}

  Clients clients;
  ForwardBudget own_budget;
  ForwardBudget& budget;
  Forwarder forwarder{kGroup, *this, clients, budget, Prng(1)};
  RecordingPort port;
  ClientId client = clients.open(port);
  bool is_connected = true;
  bool is_sending = false;
  uint64_t last_epoch = 0;
  std::vector<NodeId> members{kLeader};
  std::deque<wire::ForwardRequest> out;
  std::deque<NodeId> out_to;
  std::vector<std::pair<Ticket, bool>> executed_here;  // ticket, labelled

  std::vector<NodeId> neighbours() const override { return members; }
  bool can_send_to(NodeId) const override { return is_connected; }
  bool is_sending_to(NodeId) const override { return is_sending; }
  void send_to(NodeId node, const wire::ForwardRequest& request) override {
    last_epoch = request.epoch;
    out.push_back(request);
    out_to.push_back(node);
  }
  void execute_here(const Request& request) override {
    executed_here.emplace_back(request.waiter.ticket, request.label.has_value());
    clients.begin(request.waiter).ok();
    clients.end(request.waiter);
  }
  /// What follows is from a client that was not heard of before.
  void as_another() { client = clients.open(port); }
  void write(Ticket ticket, const std::string& value, Instant now) {
    const std::vector<std::string_view> args{value};
    submit(client, ticket, true, {kv::CommandId::kAppend, args}, now);
  }
  /// Under a label of the client's own.
  void call(Ticket ticket, const kv::SessionCall& label, const std::string& value, Instant now) {
    const std::vector<std::string_view> args{value};
    clients.start({client, ticket}, GroupId(1), true);
    forwarder.submit({.waiter = {client, ticket},
                      .command = {kv::CommandId::kAppend, args},
                      .is_write = true,
                      .label = label,
                      .retry = Retry::kSameLabel,
                      .deadline = now + 10s});
  }
  void read(Ticket ticket, Instant now) {
    const std::vector<std::string_view> args{"key"};
    submit(client, ticket, false, {kv::CommandId::kGet, args}, now);
  }
  void read_of(Ticket ticket, const std::string& key, Instant now) {
    const std::vector<std::string_view> args{key};
    submit(client, ticket, false, {kv::CommandId::kGet, args}, now);
  }
  void submit(ClientId from, Ticket ticket, bool is_write, const kv::CommandView& command, Instant now) {
    clients.start({from, ticket}, GroupId(1), is_write);
    forwarder.submit({.waiter = {from, ticket}, .command = command, .is_write = is_write, .deadline = now + 10s});
  }
};

}  // namespace torc::node
