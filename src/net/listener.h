// One listening socket of the RESP server: lets clients in by its door.
#pragma once

#include <memory>

#include "base/result.h"
#include "host/event_loop.h"
#include "net/door.h"

namespace torc::net {

class ClientSet;

class Listener final : public host::Watcher {
 public:
  /// Both outlive the listener. Errors: kInvalid for a host that cannot be resolved, kIo when the port is taken.
  static Result<std::unique_ptr<Listener>> open(host::EventLoop& loop, ClientSet& clients, const DoorOptions& options);
  ~Listener() override;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const OpenDoor& door() const { return door_; }
  /// Lets nobody in any more.
  void stop();

  void on_ready(bool is_readable, bool is_writable) override;

 private:
  Listener(host::EventLoop& loop, ClientSet& clients, int descriptor, OpenDoor door);
  bool accept_one();
  void pause_accepting();

  host::EventLoop& loop_;
  ClientSet& clients_;
  int descriptor_;
  OpenDoor door_;
  env::TimerId accept_timer_ = 0;
};

}  // namespace torc::net
