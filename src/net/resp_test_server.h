// For tests: a RESP server over a small fake node, and a blocking client.
#pragma once

#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/resp_server.h"
#include "wire/resp_reply_parser.h"

namespace torc::net {

/// A node that answers GET, SET and DEL from a map at once, except:
///   GET hold:<text>  answers <text> only when somebody sends DEL release, the latest command first
///   DBSIZE answers how many keys there are
///   commands with a session call answer "<session>/<sequence>/<floor>", and "/first" of a first send
class FakeNode final : public node::Service {
 public:
  node::ClientId open_client(node::ClientPort& port, node::Door door) override;
  void close_client(node::ClientId client) override;
  void submit(node::ClientId client, node::Ticket ticket, const kv::CommandView& command,
              const kv::SessionCall* call) override;
  kv::SessionId draw_session() override { return {0, 7}; }
  size_t pending(node::ClientId client) const override;
  node::NodeStatus status() const override;
  std::string explanation() const override { return explanation_; }
  node::Topology topology() const override { return topology_; }
  /// As the topology has it.
  node::Whereabouts locate(uint16_t slot) const override;

  void set_topology(node::Topology topology, std::string explanation, bool are_leaders_awaited) {
    topology_ = std::move(topology);
    explanation_ = std::move(explanation);
    are_leaders_awaited_ = are_leaders_awaited;
  }
  size_t held_max() const { return held_max_; }
  void release();

 private:
  struct Held {
    node::ClientId client;
    node::Ticket ticket;
    std::string answer;
  };
  void answer(node::ClientId client, node::Ticket ticket, const auto& write);

  uint64_t last_client_ = 0;
  std::map<node::ClientId, node::ClientPort*> ports_;
  std::map<std::string, std::string, std::less<>> data_;
  std::vector<Held> held_;
  size_t held_max_ = 0;
  node::Topology topology_;
  std::string explanation_;
  bool are_leaders_awaited_ = false;  // of arcs without one
};

/// Three nodes of which this is the third, with cluster doors at 10.0.0.1 and 10.0.0.2, and one arc for each leader,
/// by number; 0: none is known.
node::Topology three_nodes(const std::vector<uint64_t>& leaders);

/// Runs on a thread of its own until destroyed. It has both doors; three_nodes({3}).
class TestServer {
 public:
  explicit TestServer(const RespLimits& limits = {}, const std::string& cluster_announced = {});
  ~TestServer();

  uint16_t port(node::Door door = node::Door::kAny) const { return server_->port(door); }
  /// Returns when it holds.
  void set_topology(node::Topology topology, std::string explanation = {}, bool are_leaders_awaited = false);
  /// Most commands that waited for DEL release at once. Requires: the clients are idle.
  size_t held_max() const { return node_.held_max(); }
  void drain() {
    loop_.post([this] { server_->drain(); });
  }
  void release_held() {
    loop_.post([this] { node_.release(); });
  }

 private:
  host::EventLoop loop_;
  FakeNode node_;
  std::unique_ptr<RespServer> server_;
  std::thread thread_;
};

/// Blocking, with a time limit on everything: a test that waits for nothing fails instead of hanging.
class TestClient {
 public:
  explicit TestClient(const TestServer& server, node::Door door = node::Door::kAny);
  ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  /// Raw bytes; the peer may have closed, and nobody minds.
  void send(std::string_view bytes);
  void send_command(const std::vector<std::string_view>& args);
  /// The next reply. Status "EOF" if the server closed, "TIMEOUT" or "MALFORMED".
  wire::RespValue read();
  wire::RespValue call(const std::vector<std::string_view>& args);
  /// call().text
  std::string text_of(const std::vector<std::string_view>& args) { return call(args).text; }
  /// True when the server closes the connection without another reply.
  bool is_closed_by_server();
  /// No more input will come; replies still can.
  void end_input();
  /// Ends the connection as a machine that fails does: the server's next packet, and what it has not read, meet a
  /// reset.
  void reset();

 private:
  int descriptor_;
  wire::RespReplyParser parser_;
};

}  // namespace torc::net
