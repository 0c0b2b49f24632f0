#include "net/resp_server.h"

#include <utility>

#include "net/resp_connection.h"

namespace torc::net {

Result<std::unique_ptr<RespServer>> RespServer::listen(host::EventLoop& loop, node::Service& service,
                                                       const std::string& host, uint16_t port,
                                                       const RespLimits& limits) {
  return open(loop, service, {{.door = node::Door::kAny, .host = host, .port = port, .announced = {}}}, limits);
}

Result<std::unique_ptr<RespServer>> RespServer::open(host::EventLoop& loop, node::Service& service,
                                                     const std::vector<DoorOptions>& doors, const RespLimits& limits) {
  std::unique_ptr<RespServer> server(new RespServer(loop, std::make_shared<ClientSet>(loop, service, limits)));
  for (const DoorOptions& options : doors) {
    auto listener = Listener::open(loop, *server->clients_, options);
    if (!listener.ok()) return listener.error();
    server->clients_->add_door((*listener)->door());
    server->listeners_.push_back(*std::move(listener));
  }
  return server;
}

RespServer::RespServer(host::EventLoop& loop, std::shared_ptr<ClientSet> clients)
    : loop_(loop), clients_(std::move(clients)) {
  loop_.at_end_of_turn([weak = std::weak_ptr<ClientSet>(clients_)] {
    if (const std::shared_ptr<ClientSet> set = weak.lock()) set->end_turn();
  });
  sweep_later();
}

RespServer::~RespServer() { loop_.clock().cancel(sweep_timer_); }

void RespServer::drain() {
  for (const std::unique_ptr<Listener>& listener : listeners_) listener->stop();
  for (const auto& [id, connection] : clients_->connections()) {
    if (!connection->is_closed()) connection->say_goodbye();
  }
}

void RespServer::sweep_later() {
  sweep_timer_ = loop_.clock().call_at(loop_.clock().now() + clients_->limits().sweep_interval, [this] {
    clients_->close_stuck_and_idle();
    sweep_later();
  });
}

}  // namespace torc::net
