// A simulated operating-system process: it runs turns of a loop, can be stopped (SIGSTOP), continued and killed.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>

#include "base/prng.h"
#include "sim/event_queue.h"
#include "sim/schedule.h"

namespace torc::sim {

/// Where work comes from. While a process is stopped its work waits per source, in order: bytes in the socket, expired
/// timers, finished writes. After SIGCONT the loop may look at the sources in any order, so the simulator draws one.
enum class Source : uint8_t { kTimer, kFrame, kDisk, kClient };
constexpr size_t kSourceCount = 4;

class Process {
 public:
  /// `end_of_turn` runs once after each batch of work: where a real loop proposes, sends and flushes.
  Process(EventQueue& queue, Prng prng, std::function<void()> end_of_turn);

  void start();
  /// kill -9: what waits is dropped, nothing of this life runs any more.
  void kill();
  void pause();
  /// SIGCONT: everything that waited runs at once, at the time of the resumption (rules.md#leases).
  void resume();

  bool is_alive() const { return is_alive_; }
  bool is_paused() const { return is_paused_; }
  /// Counts starts; work scheduled in one life never runs in the next.
  uint64_t life() const { return life_; }

  /// Runs `work` now as part of a turn; keeps it while paused, drops it when dead.
  void post(Source source, std::function<void()> work);
  /// A Schedule bound to the current life.
  Schedule schedule(Source source);

 private:
  void open_turn();
  void close_turn();

  EventQueue& queue_;
  Prng prng_;
  std::function<void()> end_of_turn_;
  uint64_t life_ = 0;
  bool is_alive_ = false;
  bool is_paused_ = false;
  bool is_turn_open_ = false;
  bool is_turn_due_ = false;  // the turn would have ended while paused
  std::array<std::deque<std::function<void()>>, kSourceCount> waiting_;
};

}  // namespace torc::sim
