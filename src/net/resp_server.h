// The ports where clients speak RESP to this node: its any door, and its cluster door if it has one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "host/event_loop.h"
#include "net/client_set.h"
#include "net/listener.h"
#include "net/resp_limits.h"
#include "node/service.h"

namespace torc::net {

/// All doors share one set of clients: its limits, counters and buffers are those of the process.
class RespServer {
 public:
  /// Opens the doors, each on its host (a name or an address) and port (0: any free one).
  /// Requires: at most one door of each kind; the node's end_turn() is registered with the loop before this call, so
  /// that replies leave in the turn that made them. `loop` and `service` outlive the server, and the loop does not run
  /// after it. Errors: kInvalid for a host that cannot be resolved, kIo when the port is taken.
  static Result<std::unique_ptr<RespServer>> open(host::EventLoop& loop, node::Service& service,
                                                  const std::vector<DoorOptions>& doors, const RespLimits& limits = {});
  /// With an any door alone.
  static Result<std::unique_ptr<RespServer>> listen(host::EventLoop& loop, node::Service& service,
                                                    const std::string& host, uint16_t port,
                                                    const RespLimits& limits = {});
  ~RespServer();
  RespServer(const RespServer&) = delete;
  RespServer& operator=(const RespServer&) = delete;

  /// 0: there is no such door.
  uint16_t port(node::Door door = node::Door::kAny) const { return clients_->port(door); }
  const ClientSet& clients() const { return *clients_; }
  /// For a planned stop: accepts nobody and executes nothing more; connections end once what they sent before is
  /// answered. Done when clients().size() is 0.
  void drain();

 private:
  RespServer(host::EventLoop& loop, std::shared_ptr<ClientSet> clients);
  void sweep_later();

  host::EventLoop& loop_;
  std::shared_ptr<ClientSet> clients_;  // shared with the end-of-turn hook, which outlives the server in the loop
  std::vector<std::unique_ptr<Listener>> listeners_;
  env::TimerId sweep_timer_ = 0;
};

}  // namespace torc::net
