#include "node/clients.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace torc::node {
namespace {

// A ClientId is its slot + 1 in the low half and the slot's generation in the high half, so that an answer for a client
// that has gone finds nobody, at the price of one comparison and no reference count.
constexpr ClientId make_id(uint32_t slot, uint32_t generation) {
  return ClientId(static_cast<uint64_t>(generation) << 32 | (slot + 1));
}
constexpr uint32_t slot_of(ClientId id) { return static_cast<uint32_t>(id.value) - 1; }
constexpr uint32_t generation_of(ClientId id) { return static_cast<uint32_t>(id.value >> 32); }

}  // namespace

ClientId Clients::open(ClientPort& port, Door door) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t slot = free_.back();
  free_.pop_back();
  slots_[slot].port = &port;
  slots_[slot].door = door;
  return make_id(slot, slots_[slot].generation);
}

void Clients::close(ClientId id) {
  Client* client = find(id);
  if (client == nullptr) return;
  for (Run& run : client->runs) {
    while (run.deferred) give_back(*client, take_deferred(*client, run).bytes());
  }
  std::erase_if(client->runs, [](const Run& run) { return run.under_way == 0; });
  for (const KeptRequest& deferred : std::exchange(client->behind, {})) give_back(*client, deferred.bytes());
  client->port = nullptr;
  if (client->under_way.empty()) release(id, *client);
}

void Clients::release(ClientId id, Client& client) {
  CHECK(client.held_bytes == 0) << client.held_bytes;
  const uint32_t generation = client.generation + 1;
  client = Client{};
  client.generation = generation;
  free_.push_back(slot_of(id));
}

Clients::Client* Clients::find_any(ClientId id) {
  if (!id || slot_of(id) >= slots_.size()) return nullptr;
  Client& client = slots_[slot_of(id)];
  return client.generation == generation_of(id) ? &client : nullptr;
}

const Clients::Client* Clients::find(ClientId id) const {
  const Client* client = const_cast<Clients*>(this)->find_any(id);
  return client != nullptr && client->port != nullptr ? client : nullptr;
}

// ---- the order of a client's commands ----

const Clients::Run* Clients::find_run(const Client& client, GroupId group) {
  const auto found = std::ranges::lower_bound(client.runs, group, {}, &Run::group);
  return found == client.runs.end() || found->group != group ? nullptr : &*found;
}

Clients::Run& Clients::run_of(Client& client, GroupId group) {
  const auto found = std::ranges::lower_bound(client.runs, group, {}, &Run::group);
  if (found != client.runs.end() && found->group == group) return *found;
  return *client.runs.insert(found, Run{.group = group, .deferred = {}});
}

/// True if nothing of the group is under way any more: what waits for that may start.
bool Clients::end_in_run(Client& client, GroupId group) {
  if (group == kEveryGroup) {
    client.is_alone = false;
    return true;
  }
  const auto run = std::ranges::lower_bound(client.runs, group, {}, &Run::group);
  CHECK(run != client.runs.end() && run->group == group && run->under_way > 0) << group;
  if (--run->under_way > 0) return false;
  if (!run->deferred) client.runs.erase(run);
  return true;
}

bool Clients::can_start(ClientId id, GroupId group, bool is_write) const {
  const Client* client = find(id);
  if (client == nullptr || client->is_alone || !client->behind.empty()) return false;
  if (group == kEveryGroup) return client->under_way.empty() && client->deferred_in_runs == 0;
  const Run* run = find_run(*client, group);
  return run == nullptr || (!run->deferred && run->may_start(is_write));
}

void Clients::start(Waiter waiter, GroupId group, bool is_write, size_t bytes) {
  Client* client = find(waiter.client);
  CHECK(client != nullptr);
  const auto counted = static_cast<uint32_t>(std::min<size_t>(bytes, UINT32_MAX));
  client->under_way.push_back({waiter.ticket, group, counted});
  hold(*client, counted);
  if (group == kEveryGroup) {
    client->is_alone = true;
    return;
  }
  Run& run = run_of(*client, group);
  run.is_writes = is_write;
  ++run.under_way;
}

void Clients::defer(KeptRequest request) {
  Client* client = find(request->waiter.client);
  CHECK(client != nullptr);
  hold(*client, request.bytes());
  const bool is_behind = request->group == kEveryGroup || client->is_alone || !client->behind.empty();
  is_behind ? client->behind.push_back(std::move(request)) : defer_in_run(*client, std::move(request));
}

void Clients::defer_in_run(Client& client, KeptRequest request) {
  Run& run = run_of(client, request->group);
  if (!run.deferred) run.deferred = std::make_unique<std::deque<KeptRequest>>();
  run.deferred->push_back(std::move(request));
  ++client.deferred_in_runs;
}

KeptRequest Clients::take_deferred(Client& client, Run& run) {
  KeptRequest request = std::move(run.deferred->front());
  run.deferred->pop_front();
  if (run.deferred->empty()) run.deferred.reset();
  --client.deferred_in_runs;
  return request;
}

std::optional<KeptRequest> Clients::next_startable(ClientId id) {
  Client* client = find(id);
  if (client == nullptr || client->is_alone) return std::nullopt;
  for (; !client->behind.empty() && client->behind.front()->group != kEveryGroup; client->behind.pop_front()) {
    defer_in_run(*client, std::move(client->behind.front()));  // what it was behind is answered
  }
  std::optional<KeptRequest> next;
  const auto startable = std::ranges::find_if(
      client->runs, [](const Run& run) { return run.deferred && run.may_start(run.deferred->front()->is_write); });
  if (startable != client->runs.end()) {
    next = take_deferred(*client, *startable);
    if (startable->under_way == 0 && !startable->deferred) client->runs.erase(startable);
  } else if (!client->behind.empty() && client->under_way.empty()) {
    next = std::move(client->behind.front());
    client->behind.pop_front();
  }
  if (next) give_back(*client, next->bytes());
  return next;
}

bool Clients::has_room(ClientId id, size_t bytes) const {
  const Client* client = find(id);
  if (client == nullptr || held_bytes_ + bytes > held_bytes_max_) return false;
  return client->held_bytes + bytes <= held_bytes_max_ - (held_bytes_ + bytes);
}

void Clients::hold(Client& client, size_t bytes) {
  client.held_bytes += bytes;
  held_bytes_ += bytes;
}

void Clients::give_back(Client& client, size_t bytes) {
  CHECK(bytes <= client.held_bytes) << bytes << " of " << client.held_bytes;
  client.held_bytes -= bytes;
  held_bytes_ -= bytes;
}

std::vector<ClientId> Clients::take_runnable() {
  for (const ClientId id : runnable_) {
    if (Client* client = find(id)) client->is_runnable = false;
  }
  return std::exchange(runnable_, {});
}

void Clients::postpone(ClientId id) {
  Client* client = find(id);
  if (client == nullptr || client->deferred() == 0 || std::exchange(client->is_runnable, true)) return;
  runnable_.push_back(id);
}

size_t Clients::pending(ClientId id) const {
  const Client* client = find(id);
  return client == nullptr ? 0 : client->under_way.size() + client->deferred();
}

kv::ReplySink& Clients::begin(Waiter waiter) {
  Client* client = find(waiter.client);
  return client == nullptr ? nobody_ : client->port->begin_reply(waiter.ticket);
}

void Clients::refuse(Waiter waiter, kv::Refusal refusal) {
  begin(waiter).refusal(refusal);
  end(waiter);
}

void Clients::refuse_unstarted(Waiter waiter, kv::Refusal refusal) {
  begin(waiter).refusal(refusal);
  end_immediate(waiter);
}

void Clients::end_immediate(Waiter waiter) {
  if (Client* client = find(waiter.client)) client->port->end_reply(waiter.ticket);
}

/// The one that ends, and no other: a small command that is refused while a large one waits in front of it once gave
/// back the bytes of the large one.
Clients::UnderWay Clients::take_under_way(Client& client, Ticket ticket) {
  std::deque<UnderWay>& all = client.under_way;
  CHECK(!all.empty());
  auto found = all.begin();
  if (found->ticket != ticket && all.back().ticket == ticket) found = all.end() - 1;  // what came last was refused
  while (found != all.end() && found->ticket != ticket) ++found;
  CHECK(found != all.end()) << "command " << ticket << " of a client ends without having been started";
  const UnderWay taken = *found;
  all.erase(found);
  return taken;
}

void Clients::end(Waiter waiter) {
  Client* client = find_any(waiter.client);
  if (client == nullptr) return;  // nobody: a purge
  const UnderWay ended = take_under_way(*client, waiter.ticket);
  give_back(*client, ended.bytes);
  if (end_in_run(*client, ended.group)) postpone(waiter.client);
  if (client->port == nullptr) {
    if (client->under_way.empty()) release(waiter.client, *client);
    return;
  }
  client->port->end_reply(waiter.ticket);
}

}  // namespace torc::node
