// The one loop of a node process: sockets, timers, work posted from other threads, and one "end of turn" for everything
// that should happen once per batch instead of once per command.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "env/clock.h"

namespace torc::host {

/// Told when a watched descriptor is ready. May unwatch or close any descriptor, itself included.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void on_ready(bool is_readable, bool is_writable) = 0;
};

class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Level-triggered interest in a non-blocking descriptor. Errors and hang-ups are reported as readable.
  void watch(int fd, Watcher* watcher, bool want_read, bool want_write);
  void update(int fd, bool want_read, bool want_write);
  void unwatch(int fd);

  /// Runs `work` on the loop. The only member that other threads may call.
  void post(std::function<void()> work);
  /// Called once after each batch of ready descriptors, timers and posted work, in order of registration.
  void at_end_of_turn(std::function<void()> hook);
  /// CLOCK_BOOTTIME, the wall clock, and timers on this loop.
  env::Clock& clock();

  /// Runs until stop(). SIGINT, SIGTERM, SIGHUP and SIGUSR1 call `on_signal` (on the loop) if given.
  void run(std::function<void(int signal)> on_signal = {});
  void stop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace torc::host
