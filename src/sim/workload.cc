#include "sim/workload.h"

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

#include "base/check.h"
#include "check/filler.h"
#include "kv/entry.h"
#include "sim/deed.h"

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
constexpr Weight kBundleWrites[] = {{OperationKind::kSet, 85}, {OperationKind::kDel, 15}};

/// A key whose value is larger is deleted when it is not used any more.
constexpr uint64_t kLargeBytes = 10'000;

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
    : world_(world),
      prng_(prng),
      options_(options),
      sizes_(world.queue(), prng_.fork(), options.sizes),
      counted_(options.clients),
      thinking_(options.clients) {
  for (size_t i = 0; i < options_.clients; ++i) {
    ClientOptions client = options_.client;
    client.uses_session = i < options_.session_clients;
    clients_.push_back(std::make_unique<Client>(world_, prng_.fork(), static_cast<uint32_t>(i + 1), client));
  }
  const size_t bundles = options_.sizes.bundle_keys_max == 0 ? 0 : 1;
  for (size_t i = 0; i < options_.keys + bundles; ++i) keys_.push_back(fresh_key(i));
}

Workload::Key Workload::fresh_key(size_t position) {
  Key key;
  key.role = position >= options_.keys ? Role::kBundle : position % 5 == 4 ? Role::kCounter : Role::kText;
  const uint64_t number = ++keys_made_;
  if (key.role == Role::kBundle) {
    key.count = uint64_t{1} << prng_.between(1, static_cast<uint64_t>(std::bit_width(options_.sizes.bundle_keys_max)));
    key.count = std::min(key.count, options_.sizes.bundle_keys_max);
    key.name = bundle_name(number, key.count);
    return key;
  }
  key.name = (key.role == Role::kCounter ? "n" : "k") + std::to_string(number);
  // A name at the limit goes with every operation.
  if (sizes_.draw_filler() >= kv::kKeyBytesMax && sizes_.spend(options_.operations_per_key * kv::kKeyBytesMax)) {
    key.name = check::filled(key.name, kv::kKeyBytesMax - key.name.size());
  }
  return key;
}

/// The key has been used enough.
void Workload::replace(Key& key, size_t position) {
  if (key.value_bytes > kLargeBytes) retired_.push_back(key.name);
  key = fresh_key(position);
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
                        [this, client](const check::Operation& finished, std::optional<kv::Refusal> refusal) {
                          on_finished(client, finished, refusal);
                        });
}

/// Bundles of many keys are seldom used: one operation of theirs costs as much as many.
size_t Workload::draw_position() {
  while (true) {
    const size_t position = prng_.below(keys_.size());
    if (keys_[position].role != Role::kBundle || prng_.chance(16, 16 + keys_[position].count)) return position;
  }
}

check::Operation Workload::draw_operation(size_t client) {
  check::Operation operation;
  if (!retired_.empty()) {
    operation.kind = OperationKind::kDel;
    operation.key = std::move(retired_.back());
    retired_.pop_back();
    return operation;
  }
  const size_t position = draw_position();
  Key& key = keys_[position];
  const bool is_too_dear = key.value_bytes > kLargeBytes && !sizes_.spend(key.value_bytes);
  if (key.operations >= options_.operations_per_key || key.unknowns >= options_.unknowns_per_key || is_too_dear) {
    replace(key, position);
  }
  ++key.operations;
  operation.key = key.name;
  operation.kind = prng_.chance(options_.reads_per_mille, 1000) ? OperationKind::kGet : draw_write(key.role);
  if (operation.kind == OperationKind::kIncr) {
    operation.delta = static_cast<int64_t>(prng_.between(1, 1000)) - 300;
  } else {
    operation.value = draw_value(client, key);
  }
  if (operation.kind == OperationKind::kCas) operation.expected = key.last_value;
  const bool has_value = operation.kind != OperationKind::kGet && operation.kind != OperationKind::kDel &&
                         operation.kind != OperationKind::kGetDel && operation.kind != OperationKind::kIncr;
  if (!has_value) operation.value.clear();
  pay_for(operation, key);
  return operation;
}

OperationKind Workload::draw_write(Role role) {
  switch (role) {
    case Role::kText:
      return draw(prng_, kTextWrites);
    case Role::kCounter:
      return draw(prng_, kCounterWrites);
    case Role::kBundle:
      return draw(prng_, kBundleWrites);
  }
  return OperationKind::kGet;
}

/// Nobody writes the same value twice. The longest one is exactly as long as a value may be.
std::string Workload::draw_value(size_t client, const Key& key) {
  std::string tag = "c" + std::to_string(client + 1) + "." + std::to_string(++values_made_) + ";";
  const uint64_t filler = key.role == Role::kText ? sizes_.draw_filler() : 0;
  return check::filled(tag, std::min(filler, kv::kValueBytesMax - tag.size()));
}

/// Keeps the account of what is sent beside what is small, and of how large the value may be now: what is answered, or
/// compared by a CAS, was paid for when the key was chosen.
void Workload::pay_for(const check::Operation& operation, Key& key) {
  if (key.role == Role::kBundle) return sizes_.charge(key.count * kBundleKeyBytes);
  const uint64_t bytes = check::expanded_bytes(operation.value);
  if (operation.kind == OperationKind::kAppend) {
    key.value_bytes += bytes;
  } else if (bytes > 0) {
    key.value_bytes = std::max(key.value_bytes, bytes);  // a write may be refused
  }
}

void Workload::on_finished(size_t client, const check::Operation& operation, std::optional<kv::Refusal> refusal) {
  history_.push_back(operation);
  if (judge_) judge_(operation, refusal);
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
