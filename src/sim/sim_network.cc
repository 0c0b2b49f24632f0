#include "sim/sim_network.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/frame_text.h"
#include "sim/network_parts.h"

namespace torc::sim {

SimNetwork::SimNetwork(EventQueue& queue, Prng prng, Trace& trace, const NetworkOptions& options)
    : queue_(queue), prng_(prng), trace_(trace), options_(options) {}
SimNetwork::~SimNetwork() = default;

env::Network& SimNetwork::add(NodeId node, Process& process) {
  ports_.push_back(std::make_unique<Port>(*this, node, process));
  const size_t count = ports_.size();
  for (const auto& port : ports_) port->epochs.resize(count, {});
  links_.resize(count);
  for (size_t from = 0; from < count; ++from) {
    for (size_t to = links_[from].size(); to < count; ++to) {
      links_[from].push_back(std::make_unique<Link>(
          queue_, [this, from, to](env::Channel channel, const LinkFrame& frame, Duration behind) {
            return deliver({from, to, channel}, frame, behind);
          }));
      links_[from][to]->set_bandwidth(options_.bandwidth);
    }
  }
  cuts_.resize(count);
  for (auto& row : cuts_) row.resize(count, CutMode::kNone);
  extra_delay_.resize(count);
  for (auto& row : extra_delay_) row.resize(count, Duration(0));
  // Pair (a, b), a < b, stands at b * (b - 1) / 2 + a.
  while (connections_.size() < count * (count - 1) / 2 * kChannels) {
    connections_.push_back(std::make_unique<Connection>());
  }
  return *ports_.back();
}

size_t SimNetwork::position_of(NodeId node) const {
  for (size_t i = 0; i < ports_.size(); ++i) {
    if (ports_[i]->node == node) return i;
  }
  CHECK(false) << "no machine " << node;
  return 0;
}

SimNetwork::Connection& SimNetwork::connection(size_t a, size_t b, size_t channel) {
  CHECK(a != b);
  const size_t low = std::min(a, b);
  const size_t high = std::max(a, b);
  return *connections_[(high * (high - 1) / 2 + low) * kChannels + channel];
}

SimNetwork::Direction& SimNetwork::direction(const Way& way) {
  return connection(way.from, way.to, static_cast<size_t>(way.channel)).towards[way.to > way.from];
}

Duration SimNetwork::draw_delay() {
  const bool is_slow = prng_.chance(options_.slow_per_million, 1'000'000);
  const Duration longest = is_slow ? options_.slow_max : options_.delay_max;
  return Duration(prng_.between(options_.delay_min.count(), std::max(longest, options_.delay_min).count()));
}

void SimNetwork::set_dialect(NodeId node, Dialect dialect) { ports_[position_of(node)]->dialect = dialect; }

void SimNetwork::flush(NodeId node) {
  Port& port = *ports_[position_of(node)];
  std::vector<Port::Outgoing> leaving = std::move(port.outgoing);
  port.outgoing.clear();
  for (Port::Outgoing& frame : leaving) {
    if (port.dialect == Dialect::kThis) {
      send(port, frame.to, frame.channel, std::move(frame.body));
      continue;
    }
    if (port.dialect == Dialect::kNext && prng_.chance(1, 16)) {
      send(port, frame.to, frame.channel, frame_of_the_future());
    }
    if (auto body = spoken(port.dialect, std::move(frame.body))) {
      send(port, frame.to, frame.channel, *std::move(body));
    }
  }
}

size_t SimNetwork::queued_bytes(const Port& from, NodeId to, env::Channel channel) const {
  size_t bytes = links_[position_of(from.node)][position_of(to)]->queued_bytes(channel);
  for (const Port::Outgoing& frame : from.outgoing) {
    if (frame.to == to && frame.channel == channel) bytes += frame.body.size();
  }
  return bytes;
}

uint64_t SimNetwork::queued_bytes() const {
  uint64_t bytes = 0;
  for (const auto& row : links_) {
    for (const auto& link : row) {
      bytes += link->queued_bytes(env::Channel::kControl) + link->queued_bytes(env::Channel::kBulk);
    }
  }
  return bytes;
}

void SimNetwork::send(Port& from, NodeId to, env::Channel channel, std::string body) {
  const Way way{position_of(from.node), position_of(to), channel};
  CHECK(way.from != way.to) << "node " << to << " sends to itself";
  const uint64_t epoch = from.epochs[way.to][static_cast<size_t>(channel)];
  const bool is_lost =
      epoch == 0 || cuts_[way.from][way.to] == CutMode::kLose || prng_.chance(options_.loss_per_million, 1'000'000);
  LinkFrame frame{epoch, Bytes(std::move(body))};
  frame.hash = hash_bytes(frame.body.view());
  const bool is_dropped = is_lost || !link(way.from, way.to).offer(channel, frame);
  trace_.note(queue_.now(), from.node, is_dropped ? TraceKind::kLose : TraceKind::kSend, frame.hash ^ to.value, [&] {
    return "to n" + std::to_string(to.value) + " " + channel_name(channel) + " " + std::to_string(frame.body.size()) +
           " bytes: " + frame_text(frame.body) +
           (epoch == 0   ? " (not connected)"
            : is_lost    ? ""
            : is_dropped ? " (queue full)"
                         : "");
  });
}

/// The frame has left its sender. False: the receiver's socket is full with it.
bool SimNetwork::deliver(const Way& way, const LinkFrame& frame, Duration behind) {
  if (way.channel == env::Channel::kControl) {
    if (prng_.chance(options_.duplicate_per_million, 1'000'000)) {
      arrive_at(queue_.now() + behind + draw_delay(), way, frame, false);
    }
    if (prng_.chance(options_.overtake_per_million, 1'000'000)) {
      // Two draws, two statements: compilers evaluate the operands of one expression in different orders.
      const Duration delay = draw_delay();
      const auto times = static_cast<int64_t>(prng_.between(1, 8));
      const Instant late = queue_.now() + behind + delay * times + extra_delay_[way.from][way.to];
      queue_.schedule_at(late, [this, way, frame] { arrive(way, frame, false); });
      return true;
    }
  }
  arrive_at(queue_.now() + behind + draw_delay(), way, frame, true);
  if (connection(way.from, way.to, static_cast<size_t>(way.channel)).epoch != frame.epoch) return true;  // a former one
  Direction& into = direction(way);
  into.unread_bytes += frame.body.size();
  return into.unread_bytes < kSocketBytesMax;
}

void SimNetwork::arrive_at(Instant when, const Way& way, const LinkFrame& frame, bool is_counted) {
  Direction& into = direction(way);
  into.free_at = std::max(into.free_at, when + extra_delay_[way.from][way.to]);
  queue_.schedule_at(into.free_at, [this, way, frame, is_counted] { arrive(way, frame, is_counted); });
}

void SimNetwork::arrive(const Way& way, const LinkFrame& frame, bool is_counted) {
  const auto channel = static_cast<size_t>(way.channel);
  if (connection(way.from, way.to, channel).epoch != frame.epoch) return;  // the connection broke meanwhile
  Port& port = *ports_[way.to];
  const NodeId peer = ports_[way.from]->node;
  trace_.note(queue_.now(), port.node, TraceKind::kDeliver, frame.hash ^ peer.value, [&] {
    return "from n" + std::to_string(peer.value) + " " + channel_name(way.channel) + " " +
           std::to_string(frame.body.size()) + " bytes: " + frame_text(frame.body) +
           (port.process.is_paused() || port.process.is_busy() ? " (waits in the socket)" : "");
  });
  port.process.post(
      Source::kFrame,
      [this, &port, peer, way, channel, frame, is_counted] {
        if (is_counted) was_read(way, frame);
        // A frame that waited in the socket of a stopped process is still read; one of an older connection is not.
        if (port.epochs[way.from][channel] != frame.epoch || port.handler == nullptr) return;
        port.process.work(Work::kFrameIn, 1, frame.body.size());
        if (const std::optional<Bytes> body = understood(port.dialect, frame.body)) {
          port.handler->on_frame(peer, way.channel, *body);
        }
      },
      frame.body.size());
}

void SimNetwork::was_read(const Way& way, const LinkFrame& frame) {
  if (connection(way.from, way.to, static_cast<size_t>(way.channel)).epoch != frame.epoch) return;
  Direction& into = direction(way);
  CHECK(into.unread_bytes >= frame.body.size());
  into.unread_bytes -= frame.body.size();
  if (into.unread_bytes < kSocketBytesMax / 2) link(way.from, way.to).receiver_has_room(way.channel);
}

void SimNetwork::cut(NodeId from, NodeId to, CutMode mode) {
  CHECK(from != to);
  trace_.note(queue_.now(), from, TraceKind::kCut, to.value << 8 | static_cast<uint64_t>(mode), [&] {
    return "towards n" + std::to_string(to.value) + (mode == CutMode::kHold ? ", frames held" : ", frames lost");
  });
  cuts_[position_of(from)][position_of(to)] = mode;
  link(position_of(from), position_of(to)).set_held(mode == CutMode::kHold);
}

void SimNetwork::heal(NodeId from, NodeId to) {
  const size_t source = position_of(from);
  const size_t target = position_of(to);
  if (cuts_[source][target] == CutMode::kNone) return;
  trace_.note(queue_.now(), from, TraceKind::kHeal, to.value, [&] { return "towards n" + std::to_string(to.value); });
  reopen(source, target);
}

void SimNetwork::heal_all() {
  trace_.note(queue_.now(), NodeId(), TraceKind::kHeal, 0, [] { return std::string("all connections"); });
  for (auto& row : cuts_) std::fill(row.begin(), row.end(), CutMode::kNone);
  for (auto& row : extra_delay_) std::fill(row.begin(), row.end(), Duration(0));
  for (size_t from = 0; from < ports_.size(); ++from) {
    for (size_t to = 0; to < ports_.size(); ++to) {
      if (from == to) continue;
      link(from, to).set_bandwidth(options_.bandwidth);
      reopen(from, to);
    }
  }
}

/// What was held leaves, and what broke meanwhile is connected again.
void SimNetwork::reopen(size_t from, size_t to) {
  cuts_[from][to] = CutMode::kNone;
  link(from, to).set_held(false);
  for (size_t channel = 0; channel < kChannels; ++channel) connect_later(from, to, channel);
}

void SimNetwork::thin_link(NodeId a, NodeId b, const Bandwidth& bandwidth) {
  CHECK(a != b);
  trace_.note(queue_.now(), a, TraceKind::kCut, bandwidth.bytes_per_second, [&] {
    return "link with n" + std::to_string(b.value) + " takes " + std::to_string(bandwidth.bytes_per_second / 1000) +
           " kB/s";
  });
  link(position_of(a), position_of(b)).set_bandwidth(bandwidth);
  link(position_of(b), position_of(a)).set_bandwidth(bandwidth);
}

void SimNetwork::slow_link(NodeId a, NodeId b, Duration extra) {
  CHECK(a != b);
  trace_.note(queue_.now(), a, TraceKind::kCut, static_cast<uint64_t>(extra.count()), [&] {
    return "link with n" + std::to_string(b.value) + " slower by " + std::to_string(extra.count() / 1'000'000) + " ms";
  });
  extra_delay_[position_of(a)][position_of(b)] = extra;
  extra_delay_[position_of(b)][position_of(a)] = extra;
}

void SimNetwork::reset(NodeId a, NodeId b, env::Channel channel) {
  break_connection(position_of(a), position_of(b), static_cast<size_t>(channel));
}

}  // namespace torc::sim
