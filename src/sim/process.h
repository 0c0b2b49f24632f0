// A simulated operating-system process: it runs turns of a loop, can be stopped (SIGSTOP), continued and killed.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>

#include "base/prng.h"
#include "sim/event_queue.h"
#include "sim/schedule.h"
#include "sim/work.h"

namespace torc::sim {

/// Where work comes from. While a process is stopped or busy its work waits per source, in order: bytes in the socket,
/// expired timers, finished writes. Afterwards the loop may look at the sources in any order, so the simulator draws
/// one.
enum class Source : uint8_t { kTimer, kFrame, kDisk, kClient };
constexpr size_t kSourceCount = 4;

/// Taken from one source in a turn, as net/peer_connection.cc and net/client_set.h bound it: what is left waits in the
/// socket for the next turn.
constexpr size_t kReadBytesPerTurn = 8u << 20;

/// A turn's work happens at one moment of the world and takes time on the process's own clock: what it made leaves when
/// that time has passed, and what arrives until then waits.
///
///          arrives   close                 leaves
///   world  --|---------|---------------------|---------->
///            [== read ==][==== end of turn ====][== next turn
///   own      +cost     +cost of what is done  ^ busy until here
class Process final : public WorkMeter {
 public:
  /// `end_of_turn` runs once after each batch of work: where a real loop proposes, sends and flushes. `leave` follows
  /// when the time that the turn took has passed: what was made leaves the process.
  Process(EventQueue& queue, Prng prng, std::function<void()> end_of_turn, std::function<void()> leave = {});

  void start();
  /// kill -9: what waits is dropped, nothing of this life runs any more.
  void kill();
  void pause();
  /// SIGCONT: everything that waited runs at once, at the time of the resumption (rules.md#leases).
  void resume();

  bool is_alive() const { return is_alive_; }
  bool is_paused() const { return is_paused_; }
  /// Its last turn still takes time.
  bool is_busy() const { return is_busy_; }
  /// Counts starts; work scheduled in one life never runs in the next.
  uint64_t life() const { return life_; }

  /// The time of the world as the process meets it in the middle of its work: never runs backwards, and ahead of the
  /// world's while the process is busy.
  Instant now() const { return std::max(queue_.now(), ahead_); }
  /// Work takes so many times its usual cost; 0: none at all.
  void set_slowness(uint32_t times) { slowness_ = times; }
  void work(Work work, uint64_t times, uint64_t bytes) override { wait(slowness_ * cost_of(work, times, bytes)); }
  void wait(Duration length) override {
    if (is_alive_) ahead_ = now() + length;
  }

  /// Runs `work` now as part of a turn; keeps it while paused or busy, drops it when dead. `bytes` of input wait with
  /// it.
  void post(Source source, std::function<void()> work, size_t bytes = 0);
  /// A Schedule bound to the current life.
  Schedule schedule(Source source);

 private:
  struct Waiting {
    std::function<void()> work;
    size_t bytes = 0;
  };

  bool is_waiting() const;
  void open_turn();
  void close_turn();
  void be_busy();
  void finish_turn();
  /// `splits`: into several turns, as a loop that returns from SIGSTOP may.
  void run_waiting(bool splits);
  void run_waiting_of(size_t source, bool splits);

  EventQueue& queue_;
  Prng prng_;
  std::function<void()> end_of_turn_;
  std::function<void()> leave_;
  uint32_t slowness_ = 0;
  uint64_t life_ = 0;
  bool is_alive_ = false;
  bool is_paused_ = false;
  bool is_turn_open_ = false;
  bool is_turn_due_ = false;  // the turn would have ended while paused
  bool is_busy_ = false;
  bool is_reading_ = false;  // what waited runs now, in this turn or in several
  Instant ahead_;            // what it does now is done by then
  Instant paused_since_;     // while paused
  std::array<std::deque<Waiting>, kSourceCount> waiting_;
};

}  // namespace torc::sim
