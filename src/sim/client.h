// A simulated client: one operation at a time, a timeout, and a new connection to another node when one goes wrong.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.h"
#include "check/history.h"
#include "kv/batch.h"
#include "sim/deed.h"
#include "sim/world.h"

namespace torc::sim {

struct ClientOptions {
  Duration delay_min = 50us;  // one way, to and from a node
  Duration delay_max = 1ms;
  Duration timeout = 2s;  // of one attempt
  /// With a session, a write without a clear answer is sent again under the same label until it has one
  /// (rules.md#exactly-once). The session is drawn once.
  bool uses_session = false;
  size_t attempts_max = 40;
  uint32_t loss_percent = 0;    // of what it sends, and of the answers: as a connection that broke, unnoticed
  std::vector<NodeId> servers;  // it knows of these only; empty: all
};

class Client {
 public:
  /// `refusal`: why it was not executed, if that is the outcome.
  using Done = std::function<void(const check::Operation&, std::optional<kv::Refusal> refusal)>;

  Client(World& world, Prng prng, uint32_t number, const ClientOptions& options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Executes; `done` gets the operation with its outcome and times. Requires: is_idle().
  void run(check::Operation operation, Done done);
  bool is_idle() const { return !operation_.has_value(); }
  void on_node_died(NodeId id);

 private:
  class Connection;
  struct Sent;

  bool is_labelled() const;
  void attempt();
  Sent bytes_to_send() const;
  void send(Sent sent);
  void arrive(Connection& connection, const Sent& sent);
  void on_answer(uint64_t attempt, const Told& told);
  void on_no_answer(uint64_t attempt);
  void retry_or_give_up();
  void leave_node();
  NodeId draw_server();
  bool is_lost();
  void finish(const Told& told);
  Duration draw_delay();

  World& world_;
  Prng prng_;
  uint32_t number_;
  ClientOptions options_;
  std::optional<check::Operation> operation_;
  Done done_;
  uint64_t attempt_ = 0;  // names the current attempt; answers to earlier ones are ignored
  size_t attempts_of_operation_ = 0;
  EventId timeout_ = 0;
  NodeId target_;
  std::shared_ptr<Connection> connection_;
  std::vector<std::shared_ptr<Connection>> former_;  // nodes may hold on to them until they notice
  kv::SessionId session_;
  size_t copies_ = 0;      // of the labelled write, which may be executed, or were
  uint64_t sequence_ = 0;  // of the current or last labelled write
};

}  // namespace torc::sim
