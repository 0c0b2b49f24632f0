#include "node/clients.h"

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
  for (const Deferred& deferred : client->deferred) deferred_bytes_ -= deferred.command.bytes();
  const uint32_t generation = client->generation + 1;
  *client = Client{};
  client->generation = generation;
  free_.push_back(slot_of(id));
}

const Clients::Client* Clients::find(ClientId id) const {
  if (!id || slot_of(id) >= slots_.size()) return nullptr;
  const Client& client = slots_[slot_of(id)];
  return client.port != nullptr && client.generation == generation_of(id) ? &client : nullptr;
}

bool Clients::can_start(ClientId id, bool is_write) const {
  const Client* client = find(id);
  if (client == nullptr) return false;
  return client->deferred.empty() && (client->under_way == 0 || client->run_is_writes == is_write);
}

void Clients::start(ClientId id, bool is_write) {
  Client* client = find(id);
  CHECK(client != nullptr);
  client->run_is_writes = is_write;
  ++client->under_way;
}

void Clients::defer(ClientId id, Deferred deferred) {
  Client* client = find(id);
  CHECK(client != nullptr);
  deferred_bytes_ += deferred.command.bytes();
  client->deferred.push_back(std::move(deferred));
}

std::optional<Clients::Deferred> Clients::next_startable(ClientId id) {
  Client* client = find(id);
  if (client == nullptr || client->deferred.empty()) return std::nullopt;
  if (client->under_way > 0 && client->run_is_writes != client->deferred.front().is_write) return std::nullopt;
  Deferred deferred = std::move(client->deferred.front());
  client->deferred.pop_front();
  deferred_bytes_ -= deferred.command.bytes();
  return deferred;
}

std::vector<ClientId> Clients::take_runnable() {
  for (const ClientId id : runnable_) {
    if (Client* client = find(id)) client->is_runnable = false;
  }
  return std::exchange(runnable_, {});
}

size_t Clients::pending(ClientId id) const {
  const Client* client = find(id);
  return client == nullptr ? 0 : client->under_way + client->deferred.size();
}

kv::ReplySink& Clients::begin(Waiter waiter) {
  Client* client = find(waiter.client);
  return client == nullptr ? nobody_ : client->port->begin_reply(waiter.ticket);
}

void Clients::end_immediate(Waiter waiter) {
  if (Client* client = find(waiter.client)) client->port->end_reply(waiter.ticket);
}

void Clients::end(Waiter waiter) {
  Client* client = find(waiter.client);
  if (client == nullptr) return;
  CHECK(client->under_way > 0);
  if (--client->under_way == 0 && !client->deferred.empty() && !client->is_runnable) {
    client->is_runnable = true;
    runnable_.push_back(waiter.client);
  }
  client->port->end_reply(waiter.ticket);
}

}  // namespace torc::node
