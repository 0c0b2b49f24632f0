// One group driven by hand over a simulated disk and store; its peers are played by the test. Only for tests.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/checkpoint_queue.h"
#include "node/group.h"
#include "node/test_world.h"
#include "sim/checkpoint_store.h"
#include "sim/disk.h"
#include "sim/sim_clock.h"

namespace torc::node {

using consensus::ReplicaId;

inline constexpr GroupId kGroup{1};
inline ReplicaId replica(uint64_t node) { return {NodeId(node), ReplicaNumber(node)}; }

class Port final : public ClientPort {
 public:
  std::map<Ticket, std::string> answers;
  kv::ReplySink& begin_reply(Ticket) override {
    sink_.text.clear();
    return sink_;
  }
  void end_reply(Ticket ticket) override {
    EXPECT_TRUE(answers.emplace(ticket, sink_.text).second) << "answered twice";
  }

 private:
  TextSink sink_;
};

struct GroupWorld final : Surroundings {
  sim::EventQueue queue;
  sim::Process process{queue, Prng(1), [] {}};
  sim::SimClock clock{queue, process, {}};
  sim::Disk disk;
  sim::CheckpointStore checkpoints;
  std::unique_ptr<storage::Log> log;
  Clients clients;
  Port port;
  ClientId client = clients.open(port);
  std::vector<consensus::Message> sent;
  std::vector<wire::SnapshotChunk> chunks;
  std::vector<wire::SnapshotReply> replies;
  std::vector<Ticket> rerouted;
  std::unique_ptr<Group> group;
  std::string open_error;
  uint64_t checkpoint_log_bytes = 1u << 20;  // of the next open()
  uint64_t log_tail_bytes = 1u << 20;
  std::optional<CheckpointQueue> checkpoint_queue;
  uint64_t memory_max = 0;
  Arc arc;
  size_t unsynced_bytes_max = 64u << 20;
  uint64_t memory_elsewhere = 0;
  uint64_t work_per_turn = 8u << 20;

  GroupWorld() { process.start(); }
  void open() {
    group.reset();
    log.reset();
    storage::LogOptions options;
    options.segment_bytes = 64u << 10;
    log = *storage::Log::open(disk, clock, options);
    GroupOptions group_options;
    group_options.log_bytes_max = checkpoint_log_bytes + log_tail_bytes;
    checkpoint_queue.emplace(checkpoint_log_bytes).resize(1);
    group_options.memory_max = memory_max;
    group_options.arc = arc;
    group_options.unsynced_bytes_max = unsynced_bytes_max;
    group_options.replica.group = kGroup;
    group_options.replica.self = replica(1);
    consensus::Configuration birth;
    birth.voters = {replica(1), replica(2), replica(3)};
    auto opened = Group::open(group_options, birth, *this, clients, clock, *log, checkpoints);
    if (opened.ok()) {
      group = *std::move(opened);
    } else {
      open_error = opened.error().message;
    }
  }

  bool is_reachable(NodeId) const override { return true; }
  bool is_sending_to(NodeId) const override { return false; }

  void turn() {
    group->begin_turn(memory_elsewhere, work_per_turn);
    do {
      advance();
      disk.run_all();
      checkpoints.run_all();
    } while (group->has_work());
    advance();  // what the last completions left to be said
  }
  /// The disk completes nothing.
  void turn_while_the_disk_hangs() {
    group->begin_turn(memory_elsewhere, work_per_turn);
    do {
      advance();
    } while (group->has_work());
  }
  void advance() {
    if (!gather()) return;
    log->flush([this, sequence = group->appended_sequence()](const Status& status) {
      EXPECT_TRUE(status.ok());
      on_durable(sequence);
    });
  }
  /// Lets the group advance. Returns whether the log was appended to, which is not flushed.
  bool gather() {
    const GroupOutput output = group->advance();
    if (output.fatal) ADD_FAILURE() << output.fatal->message;
    sent.insert(sent.end(), output.messages.begin(), output.messages.end());
    chunks.insert(chunks.end(), output.chunks.begin(), output.chunks.end());
    replies.insert(replies.end(), output.snapshot_replies.begin(), output.snapshot_replies.end());
    for (const KeptRequest& request : output.homeless) rerouted.push_back(request->waiter.ticket);
    return output.has_appended;
  }
  void on_durable(uint64_t sequence) {
    const std::vector<consensus::Message> waited = group->on_durable(sequence);
    sent.insert(sent.end(), waited.begin(), waited.end());
  }
  uint64_t gauge(std::string_view name) const {
    std::vector<Gauge> gauges;
    group->add_gauges(gauges);
    for (const Gauge& one : gauges) {
      if (one.name == name) return one.bytes;
    }
    ADD_FAILURE() << "no gauge " << name;
    return 0;
  }
  void wait(Duration length) { queue.run_until(queue.now() + length); }
  template <typename Body>
  void receive(uint64_t from, const Body& body) {
    group->receive({kGroup, replica(from), replica(1), body});
  }
  /// The last message of its kind to node 2.
  template <typename Body>
  Body last() const {
    for (auto message = sent.rbegin(); message != sent.rend(); ++message) {
      const Body* body = std::get_if<Body>(&message->body);
      if (body != nullptr && message->to == replica(2)) return *body;
    }
    ADD_FAILURE() << "no such message";
    return {};
  }
  void win_election() {
    wait(2s);
    group->tick();
    turn();
    const auto asked = last<consensus::PreVoteRequest>();
    consensus::PreVoteReply willing;
    willing.term = asked.term;
    willing.granted = true;
    receive(2, willing);
    turn();
    consensus::VoteReply vote;
    vote.term = last<consensus::VoteRequest>().term;
    vote.granted = true;
    receive(2, vote);
    turn();
    ASSERT_TRUE(group->is_leader());
  }
  /// Node 2 has everything that was sent to it. The turn in which this arrives goes on.
  void receive_acknowledgement() {
    const auto request = last<consensus::AppendRequest>();
    consensus::AppendReply reply;
    reply.term = request.term;
    reply.accepted = true;
    reply.match_index = request.prev_index + request.entries.size();
    reply.stamp = request.stamp;
    receive(2, reply);
  }
  void acknowledge() {
    receive_acknowledgement();
    turn();
  }
  consensus::HeartbeatReply heartbeat_reply() const {
    const auto request = last<consensus::HeartbeatRequest>();
    return {request.term, request.stamp, LogIndex(0)};
  }
  /// Longer than a command may take; heartbeats are answered.
  void pass_without_acknowledgements() {
    for (int i = 0; i < 230; ++i) {
      turn();
      wait(50ms);
      group->tick();
      receive(2, heartbeat_reply());
      maintain();
    }
    ASSERT_TRUE(group->is_leader());
  }
  /// As a node of this one group does.
  void maintain() {
    group->maintain();
    checkpoint_queue->note(0, group->log_growth(), group->is_checkpoint_under_way());
    if (!checkpoint_queue->take_due().empty()) group->take_checkpoint();
  }
  void write(Ticket ticket, kv::CommandId id, std::vector<std::string_view> args,
             const kv::SessionCall* call = nullptr) {
    clients.start({client, ticket}, GroupId(1), true);
    Request request{.waiter = {client, ticket}, .command = {id, args}, .is_write = true};
    if (call != nullptr) request.label = *call;
    request.deadline = clock.now() + 10s;
    group->write(request);
  }
  void read(Ticket ticket, std::vector<std::string_view> args) {
    clients.start({client, ticket}, GroupId(1), false);
    group->read_later({.waiter = {client, ticket}, .command = {kv::CommandId::kGet, args}});
  }
  /// A checkpoint of an empty state as of (index, term).
  void store_checkpoint(LogIndex index, Term term) {
    kv::StateMachine state({0, arc});
    state.skip(index);
    store_checkpoint(kGroup, state, term);
  }
  /// Of whatever group.
  void store_checkpoint(GroupId id, kv::StateMachine& state, Term term) {
    consensus::Configuration configuration;
    configuration.voters = {replica(1), replica(2), replica(3)};
    storage::Checkpointer checkpointer(checkpoints, id, state, [](const auto&) {});
    checkpointer.start(term, configuration);
    while (checkpointer.step(1u << 20)) {
    }
    checkpoints.run_all();
  }
};

}  // namespace torc::node
