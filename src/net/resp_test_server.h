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
///   commands with a session call answer "<session>/<sequence>/<floor>"
class FakeNode final : public node::Service {
 public:
  node::ClientId open_client(node::ClientPort& port, node::Door door) override;
  void close_client(node::ClientId client) override;
  void submit(node::ClientId client, node::Ticket ticket, const kv::CommandView& command,
              const kv::SessionCall* call) override;
  size_t pending(node::ClientId client) const override;
  node::NodeStatus status() const override;

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
};

/// The server runs on a thread of its own until destroyed.
class TestServer {
 public:
  explicit TestServer(const RespLimits& limits = {});
  ~TestServer();

  uint16_t port() const { return server_->port(); }
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
  explicit TestClient(const TestServer& server);
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
