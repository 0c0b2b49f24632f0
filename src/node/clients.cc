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

ClientId Clients::open(ClientPort& port) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t slot = free_.back();
  free_.pop_back();
  slots_[slot].port = &port;
  return make_id(slot, slots_[slot].generation);
}

void Clients::close(ClientId id) {
  Client* client = find(id);
  if (client == nullptr) return;
  for (const KeptRequest& deferred : client->deferred) give_back(*client, deferred.bytes());
  client->deferred.clear();
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

bool Clients::can_start(ClientId id, bool is_write) const {
  const Client* client = find(id);
  if (client == nullptr) return false;
  return client->deferred.empty() && (client->under_way.empty() || client->run_is_writes == is_write);
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

void Clients::start(Waiter waiter, bool is_write, size_t bytes) {
  Client* client = find(waiter.client);
  CHECK(client != nullptr);
  const auto counted = static_cast<uint32_t>(std::min<size_t>(bytes, UINT32_MAX));
  client->run_is_writes = is_write;
  client->under_way.push_back({waiter.ticket, counted});
  hold(*client, counted);
}

void Clients::defer(KeptRequest request) {
  Client* client = find(request->waiter.client);
  CHECK(client != nullptr);
  hold(*client, request.bytes());
  client->deferred.push_back(std::move(request));
}

std::optional<KeptRequest> Clients::next_startable(ClientId id) {
  Client* client = find(id);
  if (client == nullptr || client->deferred.empty()) return std::nullopt;
  if (!client->under_way.empty() && client->run_is_writes != client->deferred.front()->is_write) return std::nullopt;
  KeptRequest request = std::move(client->deferred.front());
  client->deferred.pop_front();
  give_back(*client, request.bytes());
  return request;
}

std::vector<ClientId> Clients::take_runnable() {
  for (const ClientId id : runnable_) {
    if (Client* client = find(id)) client->is_runnable = false;
  }
  return std::exchange(runnable_, {});
}

void Clients::postpone(ClientId id) {
  Client* client = find(id);
  if (client == nullptr || client->deferred.empty() || std::exchange(client->is_runnable, true)) return;
  runnable_.push_back(id);
}

size_t Clients::pending(ClientId id) const {
  const Client* client = find(id);
  return client == nullptr ? 0 : client->under_way.size() + client->deferred.size();
}

kv::ReplySink& Clients::begin(Waiter waiter) {
  Client* client = find(waiter.client);
  return client == nullptr ? nobody_ : client->port->begin_reply(waiter.ticket);
}

void Clients::refuse(Waiter waiter, kv::Refusal refusal) {
  begin(waiter).refusal(refusal);
  end(waiter);
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
  give_back(*client, take_under_way(*client, waiter.ticket).bytes);
  if (client->port == nullptr) {
    if (client->under_way.empty()) release(waiter.client, *client);
    return;
  }
  if (client->under_way.empty()) postpone(waiter.client);
  client->port->end_reply(waiter.ticket);
}

}  // namespace torc::node
