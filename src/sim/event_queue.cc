#include "sim/event_queue.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace torc::sim {
namespace {

// An id is (sequence << kSlotBits) | slot: ordered by time of scheduling, and finds its work without a search.
constexpr int kSlotBits = 20;
constexpr uint64_t kSlotMask = (1u << kSlotBits) - 1;

}  // namespace

EventId EventQueue::schedule_at(Instant when, std::function<void()> work) {
  CHECK(work != nullptr);
  uint32_t slot;
  if (free_slots_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    CHECK(slot <= kSlotMask) << "more than " << kSlotMask << " events wait: something schedules without end";
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  const EventId id = (++last_sequence_ << kSlotBits) | slot;
  slots_[slot] = Slot{id, std::move(work)};
  heap_.push_back(Due{std::max(when, now_).ns, id});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  return id;
}

void EventQueue::cancel(EventId id) {
  Slot* slot = (id & kSlotMask) < slots_.size() ? &slots_[id & kSlotMask] : nullptr;
  if (slot == nullptr || slot->id != id) return;
  slot->work = nullptr;  // the heap's element is dropped when it comes up
}

void EventQueue::drop_cancelled() {
  while (!heap_.empty() && slots_[heap_.front().id & kSlotMask].work == nullptr) {
    const auto slot = static_cast<uint32_t>(heap_.front().id & kSlotMask);
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    heap_.pop_back();
    slots_[slot].id = 0;
    free_slots_.push_back(slot);
  }
}

Instant EventQueue::next_time() {
  drop_cancelled();
  return heap_.empty() ? Instant::never() : Instant{heap_.front().time_ns};
}

bool EventQueue::run_next() {
  drop_cancelled();
  if (heap_.empty()) return false;
  const Due due = heap_.front();
  std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
  heap_.pop_back();
  const auto slot = static_cast<uint32_t>(due.id & kSlotMask);
  std::function<void()> work = std::move(slots_[slot].work);
  slots_[slot] = Slot{};
  free_slots_.push_back(slot);
  CHECK(due.time_ns >= now_.ns);
  now_ = Instant{due.time_ns};
  ++events_run_;
  work();
  return true;
}

void EventQueue::run_until(Instant end) {
  while (next_time() <= end) {
    if (!run_next()) break;
  }
  now_ = std::max(now_, end);
}

}  // namespace torc::sim
