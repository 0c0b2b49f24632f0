// The fake node and the client of resp_test_server.h. Named so that it is built into the test program only.
#include "net/resp_test_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <future>

namespace torc::net {

node::ClientId FakeNode::open_client(node::ClientPort& port, node::Door) {
  const node::ClientId client(++last_client_);
  ports_[client] = &port;
  return client;
}

void FakeNode::close_client(node::ClientId client) {
  ports_.erase(client);
  std::erase_if(held_, [client](const Held& held) { return held.client == client; });
}

void FakeNode::answer(node::ClientId client, node::Ticket ticket, const auto& write) {
  node::ClientPort& port = *ports_.at(client);
  write(port.begin_reply(ticket));
  port.end_reply(ticket);
}

void FakeNode::submit(node::ClientId client, node::Ticket ticket, const kv::CommandView& command,
                      const kv::SessionCall* call) {
  if (call != nullptr) {
    const std::string label = kv::text_of(call->session) + "/" + std::to_string(call->sequence) + "/" +
                              std::to_string(call->floor) + (call->is_first_send ? "/first" : "");
    return answer(client, ticket, [&](kv::ReplySink& out) { out.bulk(label); });
  }
  if (command.id == kv::CommandId::kDbSize) {
    return answer(client, ticket, [&](kv::ReplySink& out) { out.integer(static_cast<int64_t>(data_.size())); });
  }
  const std::string_view key = command.args[0];
  if (command.id == kv::CommandId::kDel) {
    if (key == "release") release();
    const auto erased = static_cast<int64_t>(data_.erase(std::string(key)));
    return answer(client, ticket, [&](kv::ReplySink& out) { out.integer(erased); });
  }
  if (command.id == kv::CommandId::kSet) {
    data_[std::string(key)] = command.args[1];
    return answer(client, ticket, [](kv::ReplySink& out) { out.ok(); });
  }
  if (key.starts_with("hold:")) {
    held_.push_back({client, ticket, std::string(key.substr(5))});
    held_max_ = std::max(held_max_, held_.size());
    return;
  }
  const auto found = data_.find(key);
  answer(client, ticket, [&](kv::ReplySink& out) { found == data_.end() ? out.nil() : out.bulk(found->second); });
}

void FakeNode::release() {
  std::vector<Held> held = std::exchange(held_, {});
  for (auto one = held.rbegin(); one != held.rend(); ++one) {
    const auto value = data_.find(one->answer);
    answer(one->client, one->ticket,
           [&](kv::ReplySink& out) { out.bulk(value == data_.end() ? one->answer : value->second); });
  }
}

size_t FakeNode::pending(node::ClientId client) const {
  return static_cast<size_t>(
      std::count_if(held_.begin(), held_.end(), [client](const Held& held) { return held.client == client; }));
}

node::NodeStatus FakeNode::status() const {
  node::NodeStatus status;
  status.node = NodeId(3);
  status.membership = node::Membership::kMember;
  status.groups.resize(1);
  status.groups[0].replica.role = consensus::Role::kLeader;
  status.groups[0].replica.term = Term(12);
  status.groups[0].leader_node = NodeId(3);
  status.groups[0].leader_address = "127.0.0.1:7003";
  status.groups[0].keys = data_.size();
  status.gauges = {{"frames_bulk", 10, 100}, {"commands_held", 1, 50}, {"frames_bulk", 5, 100}};
  return status;
}

node::Whereabouts FakeNode::locate(uint16_t slot) const {
  const auto arc = std::ranges::find_if(topology_.arcs, [&](const auto& one) { return one.arc.contains(slot); });
  if (arc == topology_.arcs.end()) return {};
  if (arc->leader == topology_.self) return {.is_here = true, .leader = arc->leader, .cluster_door = {}};
  const auto leader = std::ranges::find(topology_.nodes, arc->leader, &node::NodeAddresses::node);
  return {.is_here = false,
          .leader = arc->leader,
          .is_awaited = !arc->leader && are_leaders_awaited_,
          .cluster_door = leader == topology_.nodes.end() ? "" : leader->cluster_door};
}

node::Topology three_nodes(const std::vector<uint64_t>& leaders) {
  node::Topology topology;
  topology.cluster = ClusterId(0xabcdef);
  topology.self = NodeId(3);
  for (uint32_t i = 0; i < leaders.size(); ++i) {
    const auto count = static_cast<uint32_t>(leaders.size());
    topology.arcs.push_back({.arc = {kSlotCount / count * i, kSlotCount / count * (i + 1)},
                             .group = GroupId(i + 1),
                             .leader = NodeId(leaders[i]),
                             .replicas = {NodeId(1), NodeId(2), NodeId(3)}});
  }
  topology.nodes = {{NodeId(1), "10.0.0.1:7001", "10.0.0.1:7101", true},
                    {NodeId(2), "10.0.0.2:7002", "10.0.0.2:7102", true},
                    {NodeId(3), "10.0.0.3:7003", "10.0.0.3:7103", true}};
  return topology;
}

TestServer::TestServer(const RespLimits& limits, const std::string& cluster_announced) {
  node_.set_topology(three_nodes({3}), "", false);
  const std::vector<DoorOptions> doors = {
      {.door = node::Door::kAny, .host = "127.0.0.1", .port = 0, .announced = {}},
      {.door = node::Door::kCluster, .host = "127.0.0.1", .port = 0, .announced = cluster_announced}};
  server_ = *RespServer::open(loop_, node_, doors, limits);
  thread_ = std::thread([this] { loop_.run(); });
}

TestServer::~TestServer() {
  loop_.post([this] { loop_.stop(); });
  thread_.join();
}

void TestServer::set_topology(node::Topology topology, std::string explanation, bool are_leaders_awaited) {
  std::promise<void> done;
  loop_.post([&] {
    node_.set_topology(std::move(topology), std::move(explanation), are_leaders_awaited);
    done.set_value();
  });
  done.get_future().wait();
}

TestClient::TestClient(const TestServer& server, node::Door door)
    : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval limit{.tv_sec = 20, .tv_usec = 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server.port(door));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

TestClient::~TestClient() { ::close(descriptor_); }

void TestClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

void TestClient::send_command(const std::vector<std::string_view>& args) {
  std::string bytes;
  wire::append_request(bytes, args);
  send(bytes);
}

wire::RespValue TestClient::read() {
  const auto failure = [](std::string text) {
    return wire::RespValue{.kind = wire::RespValue::Kind::kStatus, .text = std::move(text)};
  };
  std::string space(64 << 10, '\0');
  for (;;) {
    Result<std::optional<wire::RespValue>> value = parser_.next();
    if (!value.ok()) return failure("MALFORMED");
    if (value->has_value()) return **std::move(value);
    const ssize_t count = ::recv(descriptor_, space.data(), space.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return failure("TIMEOUT");
    if (count <= 0) return failure("EOF");
    parser_.feed(std::string_view(space).substr(0, static_cast<size_t>(count)));
  }
}

wire::RespValue TestClient::call(const std::vector<std::string_view>& args) {
  send_command(args);
  return read();
}

bool TestClient::is_closed_by_server() { return read().text == "EOF"; }

void TestClient::end_input() { ::shutdown(descriptor_, SHUT_WR); }

void TestClient::reset() {
  const linger at_once{1, 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(std::exchange(descriptor_, -1));
}

}  // namespace torc::net
