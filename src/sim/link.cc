#include "sim/link.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace torc::sim {
namespace {

constexpr std::array<env::Channel, kChannels> kBoth = {env::Channel::kControl, env::Channel::kBulk};

}  // namespace

Duration Bandwidth::time_of(uint64_t bytes) const {
  if (is_unlimited()) return Duration(0);
  CHECK(bytes < UINT64_MAX / 1'000'000'000) << bytes;
  return Duration(static_cast<int64_t>(bytes * 1'000'000'000 / bytes_per_second));
}

void Link::set_bandwidth(const Bandwidth& bandwidth) {
  CHECK(bandwidth.bytes_per_second > 0);
  advance();
  bandwidth_ = bandwidth;
  for (Flow& one : flows_) {  // the front frame begins anew: near enough
    if (!one.frames.empty()) one.front_left = bandwidth_.time_of(one.frames.front().body.size());
  }
  advance();
}

void Link::set_held(bool is_held) {
  advance();
  is_held_ = is_held;
  advance();
}

void Link::receiver_has_room(env::Channel channel) {
  if (!flow(channel).is_receiver_full) return;
  advance();
  flow(channel).is_receiver_full = false;
  advance();
}

bool Link::offer(env::Channel channel, LinkFrame frame) {
  advance();
  Flow& to = flow(channel);
  if (!to.frames.empty() && to.bytes + frame.body.size() > env::queued_bytes_max(channel)) return false;
  to.bytes += frame.body.size();
  if (to.frames.empty()) to.front_left = bandwidth_.time_of(frame.body.size());
  to.frames.push_back(std::move(frame));
  advance();
  return true;
}

void Link::drop_queue(env::Channel channel) {
  advance();
  flow(channel) = Flow{};
  advance();
}

int64_t Link::active_flows() const {
  return std::ranges::count_if(flows_, [this](const Flow& one) { return is_active(one); });
}

void Link::advance() {
  while (const int64_t active = active_flows()) {
    const Duration share = (queue_.now() - booked_until_) / active;
    booked_until_ = queue_.now();
    bool is_complete = false;
    for (const env::Channel channel : kBoth) {
      if (!is_active(flow(channel))) continue;
      flow(channel).front_left -= share;
      if (flow(channel).front_left > Duration(0)) continue;
      send_front(channel);
      is_complete = true;
    }
    if (!is_complete) break;
  }
  booked_until_ = queue_.now();
  schedule();
}

void Link::send_front(env::Channel channel) {
  Flow& from = flow(channel);
  LinkFrame frame = std::move(from.frames.front());
  from.frames.pop_front();
  from.bytes -= frame.body.size();
  sent_bytes_ += frame.body.size();
  from.front_left = from.frames.empty() ? Duration(0) : bandwidth_.time_of(from.frames.front().body.size());
  from.is_receiver_full = !deliver_(channel, std::move(frame), std::min(bandwidth_.buffer, backlog()));
}

Duration Link::backlog() const {
  Duration left{0};
  for (const Flow& one : flows_) left += bandwidth_.time_of(one.bytes);
  return left;
}

void Link::schedule() {
  queue_.cancel(std::exchange(event_, 0));
  const int64_t active = active_flows();
  if (active == 0) return;
  Duration first = Duration::max();
  for (const Flow& one : flows_) {
    if (is_active(one)) first = std::min(first, one.front_left);
  }
  event_ = queue_.schedule(first * active, [this] {
    event_ = 0;
    advance();
  });
}

}  // namespace torc::sim
