#include "check/timeline.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace torc::check {

std::vector<Event> timeline_of(const std::vector<ModelOperation>& operations) {
  std::vector<OperationIndex> by_client(operations.size());
  std::iota(by_client.begin(), by_client.end(), 0);
  std::stable_sort(by_client.begin(), by_client.end(), [&](OperationIndex a, OperationIndex b) {
    const Operation& first = *operations[a].source;
    const Operation& second = *operations[b].source;
    return std::tie(first.client, first.start_ns) < std::tie(second.client, second.start_ns);
  });

  struct Timed {
    int64_t time_ns;
    uint32_t round;  // ends of the same client at the same nanosecond that come first
    Event event;
  };
  std::vector<Timed> timed;
  timed.reserve(2 * operations.size());
  const Operation* previous = nullptr;
  int64_t last_end_ns = 0;
  uint32_t ends_then = 0;  // this client's ends at last_end_ns
  for (const OperationIndex index : by_client) {
    const Operation& operation = *operations[index].source;
    if (previous == nullptr || previous->client != operation.client) ends_then = 0;
    previous = &operation;
    const auto round_at = [&](int64_t time_ns) { return ends_then > 0 && last_end_ns == time_ns ? ends_then : 0; };
    timed.push_back({operation.start_ns, round_at(operation.start_ns), {index, false}});
    if (operations[index].is_open) continue;
    const uint32_t round = round_at(*operation.end_ns);
    timed.push_back({*operation.end_ns, round, {index, true}});
    last_end_ns = *operation.end_ns;
    ends_then = round + 1;
  }
  std::stable_sort(timed.begin(), timed.end(), [](const Timed& a, const Timed& b) {
    return std::tie(a.time_ns, a.round, a.event.is_end) < std::tie(b.time_ns, b.round, b.event.is_end);
  });
  std::vector<Event> events;
  events.reserve(timed.size());
  for (const Timed& t : timed) events.push_back(t.event);
  return events;
}

}  // namespace torc::check
