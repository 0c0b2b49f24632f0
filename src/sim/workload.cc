#include "sim/workload.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.h"

namespace torc::sim {
namespace {

using check::OperationKind;

struct Weight {
  OperationKind kind;
  uint64_t weight;
};
constexpr Weight kTextWrites[] = {
    {OperationKind::kSet, 30},   {OperationKind::kAppend, 25}, {OperationKind::kCas, 20},  {OperationKind::kGetSet, 10},
    {OperationKind::kGetDel, 3}, {OperationKind::kDel, 5},     {OperationKind::kSetNx, 7},
};
constexpr Weight kCounterWrites[] = {{OperationKind::kIncr, 92}, {OperationKind::kDel, 8}};

template <size_t kCount>
OperationKind draw(Prng& prng, const Weight (&weights)[kCount]) {
  uint64_t sum = 0;
  for (const Weight& row : weights) sum += row.weight;
  uint64_t drawn = prng.below(sum);
  for (const Weight& row : weights) {
    if (drawn < row.weight) return row.kind;
    drawn -= row.weight;
  }
  CHECK(false);
  return OperationKind::kGet;
}

}  // namespace

Workload::Workload(World& world, Prng prng, const WorkloadOptions& options)
    : world_(world), prng_(prng), options_(options), counted_(options.clients), thinking_(options.clients) {
  for (size_t i = 0; i < options_.clients; ++i) {
    ClientOptions client = options_.client;
    client.uses_session = i < options_.session_clients;
    clients_.push_back(std::make_unique<Client>(world_, prng_.fork(), static_cast<uint32_t>(i + 1), client));
  }
  for (size_t i = 0; i < options_.keys; ++i) keys_.push_back(fresh_key(i));
}

Workload::Key Workload::fresh_key(size_t position) {
  Key key;
  key.is_counter = position % 5 == 4;
  key.name = (key.is_counter ? "n" : "k") + std::to_string(++keys_made_);
  return key;
}

void Workload::start() {
  for (size_t i = 0; i < clients_.size(); ++i) think(i);
}

bool Workload::is_idle() const {
  return std::all_of(clients_.begin(), clients_.end(), [](const auto& client) { return client->is_idle(); });
}

void Workload::think(size_t client) {
  const auto length = prng_.between(options_.think_min.count(), options_.think_max.count());
  world_.queue().cancel(thinking_[client]);
  thinking_[client] = world_.queue().schedule(Duration(length), [this, client] { next_operation(client); });
}

void Workload::next_operation(size_t client) {
  check::Operation operation;
  if (sweep_next_ < sweep_.size()) {
    operation.kind = OperationKind::kGet;
    operation.key = sweep_[sweep_next_++];
  } else if (is_stopped_) {
    return;
  } else {
    operation = draw_operation(client);
  }
  clients_[client]->run(std::move(operation),
                        [this, client](const check::Operation& finished) { on_finished(client, finished); });
}

check::Operation Workload::draw_operation(size_t client) {
  const size_t position = prng_.below(keys_.size());
  Key& key = keys_[position];
  if (key.operations >= options_.operations_per_key || key.unknowns >= options_.unknowns_per_key) {
    key = fresh_key(position);
  }
  ++key.operations;
  check::Operation operation;
  operation.key = key.name;
  operation.kind = prng_.chance(options_.reads_per_mille, 1000) ? OperationKind::kGet : draw_write(key.is_counter);
  if (operation.kind == OperationKind::kIncr) {
    operation.delta = static_cast<int64_t>(prng_.between(1, 1000)) - 300;
  } else {
    operation.value = "c" + std::to_string(client + 1) + "." + std::to_string(++values_made_) + ";";
  }
  if (operation.kind == OperationKind::kCas) operation.expected = key.last_value;
  const bool has_value = operation.kind != OperationKind::kGet && operation.kind != OperationKind::kDel &&
                         operation.kind != OperationKind::kGetDel && operation.kind != OperationKind::kIncr;
  if (!has_value) operation.value.clear();
  return operation;
}

OperationKind Workload::draw_write(bool is_counter) {
  return is_counter ? draw(prng_, kCounterWrites) : draw(prng_, kTextWrites);
}

void Workload::on_finished(size_t client, const check::Operation& operation) {
  history_.push_back(operation);
  const auto key = std::find_if(keys_.begin(), keys_.end(), [&](const Key& one) { return one.name == operation.key; });
  switch (operation.outcome.kind) {
    case check::Outcome::Kind::kUnknown:
      ++unknown_;
      if (key != keys_.end() && operation.kind != OperationKind::kGet) ++key->unknowns;
      if (sweep_next_ > 0 && operation.kind == OperationKind::kGet) sweep_.push_back(operation.key);  // once more
      break;
    case check::Outcome::Kind::kError:
      ++refused_;
      if (sweep_next_ > 0) sweep_.push_back(operation.key);
      break;
    case check::Outcome::Kind::kNil:
    case check::Outcome::Kind::kText:
    case check::Outcome::Kind::kInteger:
      ++completed_;
      ++counted_[client];
      if (key == keys_.end()) break;
      if (operation.kind == OperationKind::kSet) key->last_value = operation.value;
      if (operation.kind == OperationKind::kGet) key->last_value = operation.outcome.text;
      break;
  }
  think(client);
}

void Workload::begin_counting() { std::fill(counted_.begin(), counted_.end(), 0); }

std::pair<size_t, uint64_t> Workload::slowest_client() const {
  const auto slowest = std::min_element(counted_.begin(), counted_.end());
  return {static_cast<size_t>(slowest - counted_.begin()) + 1, *slowest};
}

void Workload::start_sweep() {
  CHECK(is_stopped_ && is_idle());
  std::set<std::string> names;
  for (const check::Operation& operation : history_) names.insert(operation.key);
  sweep_.assign(names.begin(), names.end());
  for (size_t i = 0; i < clients_.size(); ++i) think(i);
}

void Workload::on_node_died(NodeId id) {
  for (const auto& client : clients_) client->on_node_died(id);
}

}  // namespace torc::sim
