#include "sim/process.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace torc::sim {
namespace {

// A turn of a real loop collects what arrives within some tens of microseconds.
constexpr uint64_t kTurnNsMax = 60'000;

}  // namespace

Process::Process(EventQueue& queue, Prng prng, std::function<void()> end_of_turn, std::function<void()> leave)
    : queue_(queue), prng_(prng), end_of_turn_(std::move(end_of_turn)), leave_(std::move(leave)) {}

void Process::start() {
  CHECK(!is_alive_);
  ++life_;
  is_alive_ = true;
  is_paused_ = is_turn_open_ = is_turn_due_ = is_busy_ = is_reading_ = false;
  ahead_ = queue_.now();
  open_turn();
}

void Process::kill() {
  is_alive_ = is_paused_ = is_turn_open_ = is_turn_due_ = is_busy_ = is_reading_ = false;
  ahead_ = queue_.now();
  for (auto& waiting : waiting_) waiting.clear();
}

void Process::pause() {
  if (!is_alive_ || is_paused_) return;
  is_paused_ = true;
  paused_since_ = queue_.now();
}

void Process::resume() {
  if (!is_paused_) return;
  is_paused_ = false;
  if (is_busy_) {  // it goes on where it was stopped
    if (ahead_ > paused_since_) ahead_ = queue_.now() + (ahead_ - paused_since_);
    return be_busy();
  }
  is_reading_ = true;
  if (std::exchange(is_turn_due_, false)) close_turn();  // stopped in the middle of a turn: that turn ends first
  is_reading_ = false;
  if (!is_busy_) run_waiting(true);
}

void Process::post(Source source, std::function<void()> work, size_t bytes) {
  if (!is_alive_) return;
  auto& waiting = waiting_[static_cast<size_t>(source)];
  if (is_paused_ || is_busy_ || !waiting.empty()) {
    waiting.push_back({std::move(work), bytes});
    return;
  }
  work();
  open_turn();
}

Schedule Process::schedule(Source source) {
  return [this, source, life = life_](Duration delay, std::function<void()> work) {
    queue_.schedule(delay, [this, source, life, work = std::move(work)]() mutable {
      if (life == life_) post(source, std::move(work));
    });
  };
}

bool Process::is_waiting() const {
  return std::ranges::any_of(waiting_, [](const auto& waiting) { return !waiting.empty(); });
}

void Process::run_waiting(bool splits) {
  is_reading_ = true;
  std::array<size_t, kSourceCount> order{0, 1, 2, 3};
  for (size_t i = kSourceCount - 1; i > 0; --i) std::swap(order[i], order[prng_.below(i + 1)]);
  for (const size_t source : order) run_waiting_of(source, splits);
  is_reading_ = false;
  if (!is_busy_ && is_waiting()) open_turn();  // the end of the turn goes on with it
}

void Process::run_waiting_of(size_t source, bool splits) {
  for (size_t bytes = 0; is_alive_ && !is_busy_ && !waiting_[source].empty() && bytes < kReadBytesPerTurn;) {
    const Waiting next = std::move(waiting_[source].front());
    waiting_[source].pop_front();
    bytes += next.bytes;
    next.work();
    open_turn();
    if (splits && prng_.chance(1, 8)) close_turn();
  }
}

void Process::open_turn() {
  if (is_turn_open_ || !is_alive_) return;
  is_turn_open_ = true;
  queue_.schedule(Duration(prng_.below(kTurnNsMax)), [this, life = life_] {
    if (life != life_ || !is_turn_open_) return;
    if (is_paused_) {
      is_turn_due_ = true;
    } else {
      close_turn();
    }
  });
}

void Process::close_turn() {
  if (!is_turn_open_ || !is_alive_) return;
  is_turn_open_ = false;
  work(Work::kTurn, 1, 0);
  end_of_turn_();
  is_busy_ = true;
  if (ahead_ > queue_.now()) return be_busy();
  finish_turn();
}

void Process::be_busy() {
  queue_.schedule_at(ahead_, [this, life = life_] {
    if (life != life_ || !is_busy_ || is_paused_ || queue_.now() < ahead_) return;
    finish_turn();
  });
}

void Process::finish_turn() {
  is_busy_ = false;
  if (leave_) leave_();
  if (is_alive_ && !is_reading_ && is_waiting()) run_waiting(false);
}

}  // namespace torc::sim
