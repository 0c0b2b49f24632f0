#include "scenarios/kv_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "check/checker.h"
#include "check/drawing.h"
#include "kv/position.h"

namespace torc::scenarios {
namespace {

constexpr Duration kClientOneWay = 500us;  // 1 ms per round trip
constexpr Duration kUnreliableDelayMax = 26ms;
constexpr uint32_t kUnreliableLossPercent = 10;

sim::NetworkOptions network_options(bool is_unreliable) {
  sim::NetworkOptions network;
  network.delay_min = is_unreliable ? 0ms : 100us;
  network.delay_max = is_unreliable ? kUnreliableDelayMax : 500us;
  network.slow_per_million = 0;
  network.loss_per_million = is_unreliable ? kUnreliableLossPercent * 10'000 : 0;
  return network;
}

sim::ClientOptions client_options(bool is_unreliable, const std::vector<size_t>& servers) {
  sim::ClientOptions client;
  client.delay_min = is_unreliable ? 0ms : kClientOneWay;
  client.delay_max = is_unreliable ? kUnreliableDelayMax : kClientOneWay;
  client.timeout = 300ms;  // then it asks another server
  client.uses_session = true;
  client.attempts_max = std::numeric_limits<size_t>::max();
  client.loss_percent = is_unreliable ? kUnreliableLossPercent : 0;
  for (const size_t server : servers) client.servers.push_back(KvCluster::id_of(server));
  return client;
}

bool is_clear(const check::Outcome& outcome) {
  return outcome.kind != check::Outcome::Kind::kUnknown && outcome.kind != check::Outcome::Kind::kError;
}

}  // namespace

KvClient::KvClient(sim::World& world, Prng prng, uint32_t number, const sim::ClientOptions& options,
                   check::History& history)
    : world_(world), client_(world, prng, number, options), history_(history) {}

void KvClient::put(const std::string& key, const std::string& value, Done done) {
  check::Operation operation;
  operation.kind = check::OperationKind::kSet;
  operation.key = key;
  operation.value = value;
  run(std::move(operation), std::move(done));
}

void KvClient::append(const std::string& key, const std::string& value, Done done) {
  check::Operation operation;
  operation.kind = check::OperationKind::kAppend;
  operation.key = key;
  operation.value = value;
  run(std::move(operation), std::move(done));
}

void KvClient::get(const std::string& key, Done done) {
  check::Operation operation;
  operation.kind = check::OperationKind::kGet;
  operation.key = key;
  run(std::move(operation), std::move(done));
}

void KvClient::run(check::Operation operation, Done done) {
  CHECK(is_idle());
  operation_ = std::move(operation);
  done_ = std::move(done);
  attempt();
}

// A write is repeated by the client below under its label; a read simply runs again.
void KvClient::attempt() {
  client_.run(operation_, [this](const check::Operation& finished, auto) {
    history_.push_back(finished);
    if (!is_clear(finished.outcome)) {
      world_.queue().schedule(1ms, [this] { attempt(); });
      return;
    }
    std::exchange(done_, nullptr)(finished.outcome);
  });
}

KvCluster::KvCluster(uint64_t seed, const KvOptions& options)
    : options_(options), prng_(seed), world_(world_options(options), prng_.fork(), trace_), observer_(world_) {
  world_.set_observer([this](NodeId id) { observer_.after_turn(id); });
  world_.set_death_listener([this](NodeId id) {
    for (const auto& client : clients_) client->on_node_died(id);
  });
  start_all();
  leader();
}

sim::WorldOptions KvCluster::world_options(const KvOptions& options) {
  sim::WorldOptions world;
  for (size_t i = 0; i < options.servers; ++i) {
    sim::ClockOptions clock;
    clock.start = Instant{static_cast<int64_t>(prng_.between(1, 1'000'000)) * 1'000'000'000};
    clock.drift_ppm = static_cast<int64_t>(prng_.below(2'001)) - 1'000;
    world.clocks.push_back(clock);
  }
  world.network = network_options(options.is_unreliable);
  world.disk.delay_min = 5ms;  // of a disk that spins
  world.disk.delay_max = 20ms;
  world.node.arcs = options.arcs;
  world.node.log.segment_bytes = 64 << 10;
  world.node.command_timeout = 2s;
  if (options.checkpoint_log_bytes) {
    world.node.checkpoint_log_bytes = *options.checkpoint_log_bytes;
    world.node.log_tail_bytes = 0;
  }
  world.open_node = [this](node::NodeOptions node, env::Clock& clock, env::Disk& disk, env::Network& network,
                           env::CheckpointStore& checkpoints) {
    checkpoints_[node.id] = &checkpoints;
    return sim::open_node(std::move(node), clock, disk, network, checkpoints);
  };
  return world;
}

bool KvCluster::is_fine() {
  EXPECT_FALSE(world_.failure().has_value()) << world_.failure()->message;
  return !testing::Test::HasFailure();
}

bool KvCluster::run_until(const std::function<bool()>& holds, Duration bound) {
  const Instant end = world_.queue().now() + bound;
  while (is_fine() && !holds() && world_.queue().now() < end) run_for(1ms);
  return is_fine() && holds();
}

KvClient& KvCluster::client(const std::vector<size_t>& servers) {
  const auto number = static_cast<uint32_t>(clients_.size() + 1);
  clients_.push_back(std::make_unique<KvClient>(world_, prng_.fork(), number,
                                                client_options(options_.is_unreliable, servers), history_));
  return *clients_.back();
}

void KvCluster::wait_for(KvClient& client) {
  EXPECT_TRUE(run_until([&] { return client.is_idle(); }, kAnswerBound)) << "no answer within 30 s";
}

void KvCluster::put(KvClient& client, const std::string& key, const std::string& value) {
  if (!is_fine()) return;
  client.put(key, value, [](const check::Outcome&) {});
  wait_for(client);
}

void KvCluster::append(KvClient& client, const std::string& key, const std::string& value) {
  if (!is_fine()) return;
  client.append(key, value, [](const check::Outcome&) {});
  wait_for(client);
}

std::string KvCluster::get(KvClient& client, const std::string& key) {
  auto value = std::make_shared<std::string>();
  if (!is_fine()) return *value;
  client.get(key, [value](const check::Outcome& outcome) { *value = outcome.text; });
  wait_for(client);
  return *value;
}

void KvCluster::partition(const std::vector<size_t>& side) {
  connect_all();
  const auto is_in = [&](size_t server) { return std::ranges::find(side, server) != side.end(); };
  for (size_t a = 0; a < size(); ++a) {
    for (size_t b = 0; b < size(); ++b) {
      if (is_in(a) != is_in(b)) world_.network().cut(id_of(a), id_of(b), sim::CutMode::kLose);
    }
  }
}

void KvCluster::partition_at_random() {
  std::vector<size_t> side;
  for (size_t i = 0; i < size(); ++i) {
    if (prng_.chance(1, 2)) side.push_back(i);
  }
  partition(side);
}

void KvCluster::kill_all() {
  const sim::Death death = prng_.chance(1, 2) ? sim::Death::kKill : sim::Death::kPowerLoss;
  for (const NodeId id : world_.nodes()) world_.kill(id, death);
}

void KvCluster::start_all() {
  for (const NodeId id : world_.nodes()) world_.start(id);
}

std::vector<node::GroupStatus> KvCluster::groups_of(size_t server) {
  if (!world_.is_alive(id_of(server))) return {};
  return world_.node(id_of(server))->status().groups;
}

std::optional<node::GroupStatus> KvCluster::group_of(size_t server, const std::string& key) {
  for (node::GroupStatus& group : groups_of(server)) {
    if (group.arc.contains(kv::slot_of(key))) return std::move(group);
  }
  return std::nullopt;
}

size_t KvCluster::leader(const std::string& key) {
  std::optional<size_t> found;
  const bool is_there = run_until(
      [&] {
        Term term;
        found.reset();
        for (size_t i = 0; i < size(); ++i) {
          const std::optional<node::GroupStatus> group = group_of(i, key);
          if (!group || group->replica.role != consensus::Role::kLeader) continue;
          if (group->replica.term > term) found = i;
          term = std::max(term, group->replica.term);
        }
        return found.has_value();
      },
      10s);
  EXPECT_TRUE(is_there) << "no leader within 10 s";
  return found.value_or(0);
}

uint64_t KvCluster::largest_log() {
  uint64_t largest = 0;
  for (size_t i = 0; i < size(); ++i) {
    for (const node::GroupStatus& group : groups_of(i)) largest = std::max(largest, group.log_bytes);
  }
  return largest;
}

LogIndex KvCluster::checkpoint_index(size_t server, const std::string& key) {
  const std::optional<node::GroupStatus> group = group_of(server, key);
  return group ? group->checkpoint_index : LogIndex();
}

uint64_t KvCluster::snapshots_installed(size_t server) {
  uint64_t installed = 0;
  for (const node::GroupStatus& group : groups_of(server)) installed += group.snapshots_installed;
  return installed;
}

uint64_t KvCluster::checkpoint_bytes(size_t server) {
  uint64_t bytes = 0;
  const auto reader = checkpoints_.at(id_of(server))->read();
  for (reader->seek(""); reader->valid(); reader->next()) bytes += reader->key().size() + reader->value().size();
  return bytes;
}

void KvCluster::wait_for_agreement() {
  EXPECT_TRUE(run_until([&] { return observer_.difference().empty(); }, kAnswerBound)) << observer_.difference();
}

void KvCluster::judge() {
  if (!is_fine()) return;
  connect_all();
  wait_for_agreement();
  const Result<check::Report> report = check::check_history(history_);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_TRUE(report->undecided_keys.empty());
  if (report->verdict == check::Verdict::kNotLinearizable) {
    ADD_FAILURE() << check::draw(history_, *report->violation);
  }
}

}  // namespace torc::scenarios
