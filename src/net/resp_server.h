// The port where clients speak RESP to this node.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "host/event_loop.h"
#include "net/client_set.h"
#include "net/resp_limits.h"
#include "node/service.h"

namespace torc::net {

class RespServer final : public host::Watcher {
 public:
  /// Listens on `host` (a name or an address) and `port` (0: any free one).
  /// Requires: the node's end_turn() is registered with the loop before this call, so that replies leave in the turn
  /// that made them. `loop` and `service` outlive the server, and the loop does not run after it. Errors: kInvalid for
  /// a host that cannot be resolved, kIo when the port is taken.
  static Result<std::unique_ptr<RespServer>> listen(host::EventLoop& loop, node::Service& service,
                                                    const std::string& host, uint16_t port,
                                                    const RespLimits& limits = {});
  ~RespServer() override;
  RespServer(const RespServer&) = delete;
  RespServer& operator=(const RespServer&) = delete;

  uint16_t port() const { return clients_->port(); }
  const ClientSet& clients() const { return *clients_; }
  /// For a planned stop: accepts nobody and executes nothing more; connections end once what they sent before is
  /// answered. Done when clients().size() is 0.
  void drain();

  void on_ready(bool is_readable, bool is_writable) override;

 private:
  RespServer(host::EventLoop& loop, int descriptor, std::shared_ptr<ClientSet> clients);
  bool accept_one();
  void pause_accepting();
  void sweep_later();

  host::EventLoop& loop_;
  int descriptor_;
  std::shared_ptr<ClientSet> clients_;  // shared with the end-of-turn hook, which outlives the server in the loop
  env::TimerId sweep_timer_ = 0;
  env::TimerId accept_timer_ = 0;
};

}  // namespace torc::net
