#include "net/client_set.h"

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

void ClientSet::add(int descriptor, std::string address, std::string local_address) {
  const Instant now = loop_.clock().now();
  ClientRecord record;
  record.id = ++last_id_;
  record.descriptor = descriptor;
  record.address = std::move(address);
  record.local_address = std::move(local_address);
  record.connected_at = record.last_active_at = now;
  const uint64_t id = record.id;
  connections_.emplace(id, std::make_unique<RespConnection>(*this, descriptor, std::move(record)));
}

void ClientSet::mark(RespConnection& connection) { marked_.push_back(&connection); }

void ClientSet::account(ptrdiff_t bytes) {
  buffered_bytes_ += static_cast<size_t>(bytes);
  if (bytes > 0) grown_this_turn_ += static_cast<size_t>(bytes);
}

void ClientSet::end_turn() {
  grown_this_turn_ = 0;
  // end_turn() of a connection marks nobody, closing one in it included: its id goes straight to gone_.
  for (RespConnection* connection : std::exchange(marked_, {})) {
    connection->end_turn();
    if (connection->is_closed()) gone_.push_back(connection->record().id);
  }
  for (uint64_t id : std::exchange(gone_, {})) connections_.erase(id);
}

void ClientSet::close_stuck_readers() {
  const Instant now = loop_.clock().now();
  for (auto& [id, connection] : connections_) connection->close_if_stuck(now);
}

void ClientSet::resume_next_turn(uint64_t id) {
  loop_.post(lifetime_.bind([this, id] { resume(id); }));
}

void ClientSet::resume(uint64_t id) {
  const auto found = connections_.find(id);
  if (found != connections_.end() && !found->second->is_closed()) found->second->resume();
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
