// Whole nodes in a simulated world, and clients that speak to them. Only for tests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/world.h"

namespace torc::node {

/// One reply as text: "OK", ":1", "-ERR ...", "!disk full", "nil", or the value.
class TextSink final : public kv::ReplySink {
 public:
  std::string text;
  void ok() override { text += "OK"; }
  void status(std::string_view value) override { text += value; }
  void error(std::string_view value) override { text += "-" + std::string(value); }
  void integer(int64_t value) override { text += ":" + std::to_string(value); }
  void bulk(std::string_view value) override { text += value; }
  void nil() override { text += "nil"; }
  void array(size_t) override {}
  void map(size_t) override {}
  void refusal(kv::Refusal refusal) override { text += "!" + std::string(kv::name_of(refusal)); }
};

/// A client of one node. It pipelines: answers are kept by the order of the commands.
class Terminal final : public ClientPort {
 public:
  Terminal(sim::World& world, NodeId at, Door door = Door::kAny) : world_(world), at_(at), door_(door) {}

  /// Requires: the node runs, or is stopped and will run.
  void send(kv::CommandId id, std::vector<std::string> args) {
    const Ticket ticket = answers.size();
    answers.emplace_back();
    world_.post_from_client(at_, [this, ticket, id, args = std::move(args)] {
      Service& node = *world_.node(at_);
      if (!client_) client_ = node.open_client(*this, door_);
      node.submit(client_, ticket, {id, std::vector<std::string_view>(args.begin(), args.end())});
    });
  }
  void set(const std::string& key, const std::string& value) { send(kv::CommandId::kSet, {key, value}); }
  void append(const std::string& key, const std::string& value) { send(kv::CommandId::kAppend, {key, value}); }
  void get(const std::string& key) { send(kv::CommandId::kGet, {key}); }

  kv::ReplySink& begin_reply(Ticket ticket) override {
    EXPECT_TRUE(answers[ticket].empty()) << "answered twice: " << answers[ticket];
    sink_.text.clear();
    return sink_;
  }
  void end_reply(Ticket ticket) override { answers[ticket] = sink_.text; }

  bool is_idle() const { return std::ranges::none_of(answers, &std::string::empty); }
  std::vector<std::string> answers;  // empty: none yet

 private:
  sim::World& world_;
  NodeId at_;
  Door door_;
  ClientId client_;
  TextSink sink_;
};

/// The world with its nodes started; directories can be looked into through what the nodes were opened with.
struct TestWorld {
  struct Opened {
    env::Disk* disk = nullptr;
    env::CheckpointStore* checkpoints = nullptr;
  };
  sim::Trace trace;
  std::map<NodeId, Opened> opened;
  std::map<NodeId, Node*> running;  // as each was started last; gone while it is dead
  std::unique_ptr<sim::World> world;
  std::vector<std::unique_ptr<Terminal>> terminals;
  std::function<void(NodeOptions&)> adjust_node;  // at each start, for what is not alike on all nodes

  explicit TestWorld(size_t nodes, const std::function<void(sim::WorldOptions&)>& adjust = {}) {
    sim::WorldOptions options;
    options.clocks.resize(nodes);
    options.node.log.segment_bytes = 256u << 10;
    if (adjust) adjust(options);
    options.open_node = [this](NodeOptions node, env::Clock& clock, env::Disk& disk, env::Network& network,
                               env::CheckpointStore& checkpoints) {
      opened[node.id] = {&disk, &checkpoints};
      if (adjust_node) adjust_node(node);
      const NodeId id = node.id;
      auto started = Node::open(std::move(node), clock, disk, network, checkpoints);
      running[id] = started.ok() ? started->get() : nullptr;
      return sim::hosted(std::move(started));
    };
    world = std::make_unique<sim::World>(std::move(options), Prng(7), trace);
    for (const NodeId id : world->nodes()) world->start(id);
  }

  bool run_until(const std::function<bool()>& holds, Duration bound = 20s) {
    for (const Instant end = world->queue().now() + bound; world->queue().now() < end && !world->failure();) {
      if (holds()) return true;
      world->run_for(1ms);
    }
    return holds();
  }
  NodeId leader() const {
    for (const NodeId id : world->nodes()) {
      if (Service* node = world->is_paused(id) ? nullptr : world->node(id)) {
        const NodeStatus status = node->status();
        if (!status.groups.empty() && status.groups[0].replica.has_lease) return id;
      }
    }
    return NodeId();
  }
  NodeId await_leader() {
    EXPECT_TRUE(run_until([&] { return static_cast<bool>(leader()); })) << "no leader";
    return leader();
  }
  NodeId follower() {
    const NodeId leading = await_leader();
    return leading == NodeId(1) ? NodeId(2) : NodeId(1);
  }
  Terminal& connect(NodeId at, Door door = Door::kAny) {
    return *terminals.emplace_back(std::make_unique<Terminal>(*world, at, door));
  }
  /// Sends one command and waits for its answer.
  std::string ask(Terminal& terminal, kv::CommandId id, std::vector<std::string> args) {
    terminal.send(id, std::move(args));
    EXPECT_TRUE(run_until([&] { return terminal.is_idle(); })) << "no answer";
    return terminal.answers.back();
  }
  GroupStatus group(NodeId id) { return world->node(id)->status().groups.at(0); }
  std::string failure() const { return world->failure() ? world->failure()->message : ""; }
};

}  // namespace torc::node
