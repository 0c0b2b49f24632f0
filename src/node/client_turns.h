// What clients wait with, each in its own order; the clients take turns.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "node/service.h"

namespace torc::node {

/// One client's long pipeline delays another client's next command by one of its own, not by all of it.
template <typename Item>
class ClientTurns {
 public:
  bool empty() const { return turns_.empty(); }
  size_t size() const { return size_; }

  void push(ClientId client, Item item) {
    std::deque<Item>& queue = queues_[client];
    if (queue.empty()) turns_.push_back(client);
    queue.push_back(std::move(item));
    ++size_;
  }

  /// The oldest item of the first client in turn whose oldest item `may_go`; the client's next turn comes after
  /// everybody else's.
  template <typename MayGo>
  std::optional<Item> take(MayGo may_go) {
    for (auto turn = turns_.begin(); turn != turns_.end(); ++turn) {
      const ClientId client = *turn;
      const auto queue = queues_.find(client);
      if (!may_go(queue->second.front())) continue;
      Item item = std::move(queue->second.front());
      turns_.erase(turn);
      drop_front(queue);
      if (!queues_.contains(client)) return item;
      turns_.push_back(client);
      return item;
    }
    return std::nullopt;
  }

  /// Takes out every item at the front of its client's queue that `is_over`, until there is none.
  template <typename IsOver, typename Taken>
  void take_while(IsOver is_over, Taken taken) {
    std::deque<ClientId> turns = std::exchange(turns_, {});
    for (const ClientId client : turns) {
      auto queue = queues_.find(client);
      while (queue != queues_.end() && is_over(queue->second.front())) {
        taken(std::move(queue->second.front()));
        drop_front(queue);
        queue = queues_.find(client);
      }
      if (queue != queues_.end()) turns_.push_back(client);
    }
  }

 private:
  using Queues = std::map<ClientId, std::deque<Item>>;

  void drop_front(typename Queues::iterator queue) {
    --size_;
    queue->second.pop_front();
    if (queue->second.empty()) queues_.erase(queue);
  }

  Queues queues_;               // none is empty
  std::deque<ClientId> turns_;  // each client of queues_ once
  size_t size_ = 0;
};

}  // namespace torc::node
