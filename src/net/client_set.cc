#include "net/client_set.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "net/resp_connection.h"

namespace torc::net {
namespace {

constexpr size_t kReceiveBytes = 64u << 10;  // taken off a socket at once; a pipeline of 16 is about 1 KiB
constexpr size_t kSpareOutputBytesMax = 64u << 10;
constexpr size_t kSpareOutputsMax = 64;

}  // namespace

ClientSet::ClientSet(host::EventLoop& loop, node::Service& service, const RespLimits& limits)
    : loop_(loop),
      service_(service),
      limits_(limits),
      started_at_(loop.clock().now()),
      commands_(*this),
      receive_space_(kReceiveBytes) {}

ClientSet::~ClientSet() {
  for (auto& [id, connection] : connections_) connection->close();
}

void ClientSet::add(int descriptor, node::Door door, std::string address, std::string local_address) {
  const Instant now = loop_.clock().now();
  ClientRecord record;
  record.id = ++last_id_;
  record.descriptor = descriptor;
  record.door = door;
  record.address = std::move(address);
  record.local_address = std::move(local_address);
  record.connected_at = record.last_active_at = now;
  const uint64_t id = record.id;
  connections_.emplace(id, std::make_unique<RespConnection>(*this, descriptor, std::move(record)));
}

const OpenDoor* ClientSet::door(node::Door door) const {
  const auto found = std::ranges::find(doors_, door, &OpenDoor::door);
  return found == doors_.end() ? nullptr : &*found;
}

uint16_t ClientSet::port(node::Door kind) const {
  const OpenDoor* open = door(kind);
  return open == nullptr ? 0 : open->port;
}

void ClientSet::mark(RespConnection& connection) { marked_.push_back(&connection); }

void ClientSet::account(ptrdiff_t bytes) {
  buffered_bytes_ += static_cast<size_t>(bytes);
  if (bytes <= 0) return;
  grown_this_turn_ += static_cast<size_t>(bytes);
  if (buffered_bytes_ > limits_.buffered_bytes_max) doom_largest();
}

/// Ten thousand clients of 100 KB each are a gigabyte too, so nobody is too small to be counted; but it is never a
/// small one that goes for what a large one holds.
void ClientSet::doom_largest() {
  std::vector<RespConnection*> largest;
  for (const auto& [id, connection] : connections_) {
    if (connection->accounted_bytes() > 0) largest.push_back(connection.get());
  }
  std::ranges::sort(largest, std::greater(), &RespConnection::accounted_bytes);
  const size_t enough = limits_.buffered_bytes_max - limits_.buffered_bytes_max / 16;
  for (RespConnection* connection : largest) {
    if (buffered_bytes_ <= enough) return;
    connection->doom();
  }
}

void ClientSet::end_turn() {
  grown_this_turn_ = 0;
  describing_this_turn_ = {};
  // Nobody is forgotten before all are through: one that grows here may doom another, which is marked again then.
  while (!marked_.empty()) {
    for (RespConnection* connection : std::exchange(marked_, {})) {
      connection->end_turn();
      if (connection->is_closed()) gone_.push_back(connection->record().id);
    }
  }
  for (uint64_t id : std::exchange(gone_, {})) connections_.erase(id);
}

void ClientSet::close_stuck_and_idle() {
  const Instant now = loop_.clock().now();
  for (auto& [id, connection] : connections_) connection->close_if_stuck_or_idle(now);
}

void ClientSet::resume_next_turn(uint64_t id) {
  loop_.post(lifetime_.bind([this, id] { resume(id); }));
}

void ClientSet::resume(uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || found->second->is_closed()) return;
  // Hundreds may resume at once, each with a large answer, or a dear one. Those left over come first the next time.
  if (is_turn_full() || is_turn_spent()) return resume_next_turn(id);
  found->second->resume();
}

std::string ClientSet::take_spare_output() {
  if (spare_outputs_.empty()) return {};
  std::string output = std::move(spare_outputs_.back());
  spare_outputs_.pop_back();
  return output;
}

void ClientSet::give_spare_output(std::string output) {
  if (output.capacity() > kSpareOutputBytesMax || spare_outputs_.size() == kSpareOutputsMax) return;
  output.clear();
  spare_outputs_.push_back(std::move(output));
}

}  // namespace torc::net
