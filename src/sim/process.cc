#include "sim/process.h"

#include <utility>

#include "base/check.h"

namespace torc::sim {
namespace {

// A turn of a real loop collects what arrives within some tens of microseconds.
constexpr uint64_t kTurnNsMax = 60'000;

}  // namespace

Process::Process(EventQueue& queue, Prng prng, std::function<void()> end_of_turn)
    : queue_(queue), prng_(prng), end_of_turn_(std::move(end_of_turn)) {}

void Process::start() {
  CHECK(!is_alive_);
  ++life_;
  is_alive_ = true;
  is_paused_ = is_turn_open_ = is_turn_due_ = false;
  open_turn();
}

void Process::kill() {
  is_alive_ = is_paused_ = is_turn_open_ = is_turn_due_ = false;
  for (auto& work : waiting_) work.clear();
}

void Process::pause() {
  if (is_alive_) is_paused_ = true;
}

void Process::resume() {
  if (!is_paused_) return;
  is_paused_ = false;
  if (std::exchange(is_turn_due_, false)) close_turn();  // stopped in the middle of a turn: that turn ends first
  std::array<size_t, kSourceCount> order{0, 1, 2, 3};
  for (size_t i = kSourceCount - 1; i > 0; --i) std::swap(order[i], order[prng_.below(i + 1)]);
  for (const size_t source : order) {
    while (is_alive_ && !waiting_[source].empty()) {
      const std::function<void()> work = std::move(waiting_[source].front());
      waiting_[source].pop_front();
      work();
      open_turn();
      if (prng_.chance(1, 8)) close_turn();
    }
  }
}

void Process::post(Source source, std::function<void()> work) {
  if (!is_alive_) return;
  if (is_paused_) {
    waiting_[static_cast<size_t>(source)].push_back(std::move(work));
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
  end_of_turn_();
}

}  // namespace torc::sim
