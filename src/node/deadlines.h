// When each of a node's groups wants to be looked at: one timer for all of them, and no walk.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/time.h"

namespace torc::node {

/// A heap that learns lazily: a deadline that moves later, as that of an election does with every heartbeat, costs
/// nothing. Its place is taken out when the former time comes, and whoever asks puts it in again where it belongs now.
/// Of equal deadlines the place with the lowest number comes first.
class Deadlines {
 public:
  void resize(size_t places) { at_.resize(places, Instant::never()); }

  /// To be looked at then at the latest. Requires: place < what resize() was told.
  void set(uint32_t place, Instant at) {
    if (at >= at_[place]) return;
    at_[place] = at;
    heap_.push_back({at, place});
    std::ranges::push_heap(heap_, std::greater());
  }
  /// A place whose time comes until then, which is forgotten with it.
  std::optional<uint32_t> take_due(Instant until) {
    drop_moved();
    if (heap_.empty() || heap_.front().at > until) return std::nullopt;
    const uint32_t place = heap_.front().place;
    at_[place] = Instant::never();
    pop();
    return place;
  }
  Instant next() {
    drop_moved();
    return heap_.empty() ? Instant::never() : heap_.front().at;
  }

 private:
  struct Item {
    Instant at;
    uint32_t place = 0;
    friend auto operator<=>(const Item&, const Item&) = default;
  };
  /// Of places that have an earlier one, or had it and were taken out.
  void drop_moved() {
    while (!heap_.empty() && heap_.front().at != at_[heap_.front().place]) pop();
  }
  void pop() {
    std::ranges::pop_heap(heap_, std::greater());
    heap_.pop_back();
  }

  std::vector<Item> heap_;
  std::vector<Instant> at_;  // of each place, the earliest in the heap
};

}  // namespace torc::node
