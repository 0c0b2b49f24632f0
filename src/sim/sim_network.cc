#include "sim/sim_network.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/frame_text.h"

namespace torc::sim {
namespace {

constexpr size_t kChannels = 2;
// As a transport's bounded queue: a connection whose peer takes nothing for long is broken.
constexpr size_t kHeldFramesMax = 4096;

std::string channel_name(size_t channel) { return channel == 0 ? "control" : "bulk"; }

}  // namespace

/// What one process sees: which connections it believes in, and what it sent in this turn.
struct SimNetwork::Port final : env::Network {
  struct Outgoing {
    NodeId to;
    env::Channel channel;
    std::string body;
  };

  Port(NodeId id, Process& owner) : node(id), process(owner) {}
  void send(NodeId to, env::Channel channel, ByteChain body) override {
    outgoing.push_back(Outgoing{to, channel, body.joined()});
  }
  void set_handler(env::NetworkHandler* to) override { handler = to; }

  NodeId node;
  Process& process;
  Dialect dialect = Dialect::kThis;
  env::NetworkHandler* handler = nullptr;
  std::vector<Outgoing> outgoing;
  std::vector<std::array<uint64_t, kChannels>> epochs;  // [peer]: the connection this process believes in; 0: none
};

/// Everything on its way into one end of a connection, in order.
struct SimNetwork::Direction {
  Instant free_at;  // nothing arrives before what was sent before it
  struct Held {
    uint64_t epoch;
    Bytes body;
  };
  std::deque<Held> held;  // sent into a cut of mode kHold
};

struct SimNetwork::Connection {
  uint64_t epoch = 0;                // 0: down
  bool is_connecting = false;        // or about to
  uint64_t attempt = 0;              // of a handshake under way; 0: none
  std::array<Direction, 2> towards;  // [0]: into the lower position, [1]: into the higher
};

SimNetwork::SimNetwork(EventQueue& queue, Prng prng, Trace& trace, const NetworkOptions& options)
    : queue_(queue), prng_(prng), trace_(trace), options_(options) {}
SimNetwork::~SimNetwork() = default;

env::Network& SimNetwork::add(NodeId node, Process& process) {
  ports_.push_back(std::make_unique<Port>(node, process));
  const size_t count = ports_.size();
  for (const auto& port : ports_) port->epochs.resize(count, {});
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

void SimNetwork::send(Port& from, NodeId to, env::Channel channel, std::string body) {
  const size_t source = position_of(from.node);
  const size_t target = position_of(to);
  CHECK(source != target) << "node " << to << " sends to itself";
  const auto way = static_cast<size_t>(channel);
  const uint64_t epoch = from.epochs[target][way];
  const CutMode cut = cuts_[source][target];
  const bool is_lost = epoch == 0 || cut == CutMode::kLose || prng_.chance(options_.loss_per_million, 1'000'000);
  trace_.note(queue_.now(), from.node, is_lost ? TraceKind::kLose : TraceKind::kSend, hash_bytes(body, to.value), [&] {
    return "to n" + std::to_string(to.value) + " " + channel_name(way) + " " + std::to_string(body.size()) +
           " bytes: " + frame_text(Bytes::copy_of(body)) + (epoch == 0 ? " (not connected)" : "");
  });
  if (is_lost) return;
  Bytes bytes(std::move(body));
  if (cut == CutMode::kHold) {
    auto& held = connection(source, target, way).towards[target > source].held;
    held.push_back({epoch, std::move(bytes)});
    if (held.size() > kHeldFramesMax) break_connection(source, target, way);
    return;
  }
  if (channel == env::Channel::kControl) {
    if (prng_.chance(options_.duplicate_per_million, 1'000'000)) {
      deliver(source, target, way, epoch, bytes, draw_delay());
    }
    if (prng_.chance(options_.overtake_per_million, 1'000'000)) {
      // Two draws, two statements: compilers evaluate the operands of one expression in different orders.
      const Duration delay = draw_delay();
      const auto times = static_cast<int64_t>(prng_.between(1, 8));
      const Duration late = delay * times + extra_delay_[source][target];
      queue_.schedule(late, [this, source, target, way, epoch, bytes] { arrive(source, target, way, epoch, bytes); });
      return;
    }
  }
  deliver(source, target, way, epoch, std::move(bytes), draw_delay());
}

void SimNetwork::deliver(size_t from, size_t to, size_t channel, uint64_t epoch, Bytes body, Duration delay) {
  Direction& direction = connection(from, to, channel).towards[to > from];
  direction.free_at = std::max(direction.free_at, queue_.now() + delay + extra_delay_[from][to]);
  queue_.schedule_at(direction.free_at, [this, from, to, channel, epoch, bytes = std::move(body)] {
    arrive(from, to, channel, epoch, bytes);
  });
}

void SimNetwork::arrive(size_t from, size_t to, size_t channel, uint64_t epoch, const Bytes& bytes) {
  if (connection(from, to, channel).epoch != epoch) return;  // the connection broke meanwhile
  Port& port = *ports_[to];
  trace_.note(queue_.now(), port.node, TraceKind::kDeliver, hash_bytes(bytes.view(), ports_[from]->node.value), [&] {
    return "from n" + std::to_string(ports_[from]->node.value) + " " + channel_name(channel) + " " +
           std::to_string(bytes.size()) + " bytes: " + frame_text(bytes) +
           (port.process.is_paused() ? " (waits in the socket)" : "");
  });
  port.process.post(Source::kFrame, [&port, peer = ports_[from]->node, from, channel, epoch, bytes] {
    // A frame that waited in the socket of a stopped process is still read; one of an older connection is not.
    if (port.epochs[from][channel] != epoch || port.handler == nullptr) return;
    if (!is_known(port.dialect, bytes)) return;
    port.handler->on_frame(peer, static_cast<env::Channel>(channel), bytes);
  });
}

void SimNetwork::tell_broken(size_t whom, size_t peer, size_t channel) {
  Direction& direction = connection(whom, peer, channel).towards[whom > peer];
  direction.free_at = std::max(direction.free_at, queue_.now() + draw_delay());
  const uint64_t life = ports_[whom]->process.life();
  queue_.schedule_at(direction.free_at, [this, whom, peer, channel, life] {
    Port& port = *ports_[whom];
    if (port.process.life() != life) return;
    const NodeId other = ports_[peer]->node;
    trace_.note(queue_.now(), port.node, TraceKind::kBreak, peer,
                [&] { return "with n" + std::to_string(other.value) + " " + channel_name(channel); });
    port.process.post(Source::kFrame, [&port, other, peer, channel] {
      if (std::exchange(port.epochs[peer][channel], 0) == 0 || port.handler == nullptr) return;
      port.handler->on_disconnected(other, static_cast<env::Channel>(channel));
    });
  });
}

void SimNetwork::connect_later(size_t a, size_t b, size_t channel) {
  Connection& link = connection(a, b, channel);
  if (link.is_connecting || link.epoch != 0) return;
  connect_after(a, b, channel, Duration(prng_.between(options_.connect_min.count(), options_.connect_max.count())));
}

void SimNetwork::connect_after(size_t a, size_t b, size_t channel, Duration wait) {
  connection(a, b, channel).is_connecting = true;
  queue_.schedule(wait, [this, a, b, channel] { connect(a, b, channel); });
}

void SimNetwork::connect(size_t a, size_t b, size_t channel) {
  Connection& link = connection(a, b, channel);
  link.is_connecting = false;
  const bool is_possible = ports_[a]->process.is_alive() && ports_[b]->process.is_alive() &&
                           cuts_[a][b] == CutMode::kNone && cuts_[b][a] == CutMode::kNone;
  if (!is_possible || link.epoch != 0) return;  // a start or a heal tries again
  link.is_connecting = true;
  link.attempt = ++last_attempt_;
  const Handshake handshake{a, b, channel, link.attempt};
  ports_[a]->process.post(Source::kFrame, [this, handshake] {
    const Port& port = *ports_[handshake.dialer];
    say(handshake, true, [this, handshake, said = introduction_of(port)] { on_call(handshake, said); });
  });
}

// ---- handshakes ----

std::string SimNetwork::introduction_of(const Port& port) const {
  return port.handler == nullptr ? "" : spoken_introduction(port.dialect, port.handler->introduction());
}

/// `work` runs in the process at the other end, unless the attempt has been given up by then.
void SimNetwork::say(const Handshake& handshake, bool is_to_listener, std::function<void()> work) {
  const size_t from = is_to_listener ? handshake.dialer : handshake.listener;
  const size_t to = is_to_listener ? handshake.listener : handshake.dialer;
  Direction& direction = connection(from, to, handshake.channel).towards[to > from];
  direction.free_at = std::max(direction.free_at, queue_.now() + draw_delay() + extra_delay_[from][to]);
  queue_.schedule_at(direction.free_at, [this, handshake, from, to, work = std::move(work)] {
    if (connection(from, to, handshake.channel).attempt != handshake.attempt) return;
    if (cuts_[from][to] != CutMode::kNone) return break_connection(from, to, handshake.channel);
    ports_[to]->process.post(Source::kFrame, [this, handshake, to, work] {
      const bool is_current =
          connection(handshake.dialer, handshake.listener, handshake.channel).attempt == handshake.attempt;
      if (is_current && ports_[to]->handler != nullptr) work();
    });
  });
}

void SimNetwork::on_call(const Handshake& handshake, const std::string& introduction) {
  const Port& port = *ports_[handshake.listener];
  const NodeId dialer = ports_[handshake.dialer]->node;
  const env::Admission admission = port.handler->admit(dialer, "n" + std::to_string(dialer.value), introduction);
  if (admission.verdict != env::Admission::Verdict::kWelcome) return refuse(handshake, true, admission);
  say(handshake, false,
      [this, handshake, introduction, answer = introduction_of(port)] { on_answer(handshake, answer, introduction); });
}

void SimNetwork::on_answer(const Handshake& handshake, const std::string& answer, const std::string& introduction) {
  const auto& [a, b, channel, attempt] = handshake;
  const NodeId listener = ports_[b]->node;
  const env::Admission admission = ports_[a]->handler->admit(listener, "n" + std::to_string(listener.value), answer);
  if (admission.verdict != env::Admission::Verdict::kWelcome) return refuse(handshake, false, admission);
  const uint64_t epoch = connection(a, b, channel).epoch = ++last_epoch_;
  say(handshake, true, [this, handshake, introduction, epoch] { on_welcome(handshake, introduction, epoch); });
  connected(a, b, channel, epoch, admission.ends_earlier);
}

void SimNetwork::on_welcome(const Handshake& handshake, const std::string& introduction, uint64_t epoch) {
  const auto& [a, b, channel, attempt] = handshake;
  const NodeId dialer = ports_[a]->node;
  const env::Admission admission = ports_[b]->handler->admit(dialer, "n" + std::to_string(dialer.value), introduction);
  if (admission.verdict != env::Admission::Verdict::kWelcome) return break_connection(a, b, channel);
  connection(a, b, channel).is_connecting = false;
  connection(a, b, channel).attempt = 0;
  connected(b, a, channel, epoch, admission.ends_earlier);
}

void SimNetwork::connected(size_t whom, size_t peer, size_t channel, uint64_t epoch, bool ends_earlier) {
  Port& port = *ports_[whom];
  const NodeId other = ports_[peer]->node;
  trace_.note(queue_.now(), port.node, TraceKind::kConnect, epoch << 8 | peer,
              [&] { return "with n" + std::to_string(other.value) + " " + channel_name(channel); });
  for (size_t one = 0; one < kChannels; ++one) {
    if (one != channel && !ends_earlier) continue;
    if (std::exchange(port.epochs[peer][one], 0) == 0) continue;
    port.handler->on_disconnected(other, static_cast<env::Channel>(one));  // what stood before
  }
  port.epochs[peer][channel] = epoch;
  port.handler->on_connected(other, static_cast<env::Channel>(channel));
}

void SimNetwork::refuse(const Handshake& handshake, bool is_by_listener, const env::Admission& admission) {
  const size_t judge = is_by_listener ? handshake.listener : handshake.dialer;
  const size_t judged = is_by_listener ? handshake.dialer : handshake.listener;
  const bool is_for_good = admission.verdict == env::Admission::Verdict::kRefused;
  trace_.note(queue_.now(), ports_[judge]->node, TraceKind::kBreak, judged << 8 | 1, [&] {
    return "lets n" + std::to_string(ports_[judged]->node.value) +
           " not in: " + (is_for_good ? admission.refusal.reason : "later");
  });
  if (is_for_good) {
    say(handshake, !is_by_listener, [this, handshake, judge, judged, refusal = admission.refusal] {
      ports_[judged]->handler->on_refused(ports_[judge]->node, refusal);
      give_up(handshake, kRefusedRetry);
    });
  } else {
    give_up(handshake, kLaterRetry);
  }
}

void SimNetwork::give_up(const Handshake& handshake, Duration wait) {
  connection(handshake.dialer, handshake.listener, handshake.channel).attempt = 0;
  connect_after(handshake.dialer, handshake.listener, handshake.channel, wait);
}

void SimNetwork::break_connection(size_t a, size_t b, size_t channel) {
  Connection& link = connection(a, b, channel);
  if (std::exchange(link.attempt, 0) != 0) link.is_connecting = false;
  if (link.epoch != 0) {
    link.epoch = 0;
    for (Direction& direction : link.towards) direction.held.clear();
    tell_broken(a, b, channel);
    tell_broken(b, a, channel);
  }
  connect_later(a, b, channel);
}

void SimNetwork::on_start(NodeId node) {
  const size_t self = position_of(node);
  for (size_t peer = 0; peer < ports_.size(); ++peer) {
    for (size_t channel = 0; peer != self && channel < kChannels; ++channel) connect_later(self, peer, channel);
  }
}

void SimNetwork::on_death(NodeId node) {
  const size_t self = position_of(node);
  Port& port = *ports_[self];
  port.handler = nullptr;
  port.outgoing.clear();
  for (auto& epochs : port.epochs) epochs = {};
  for (size_t peer = 0; peer < ports_.size(); ++peer) {
    for (size_t channel = 0; peer != self && channel < kChannels; ++channel) break_connection(self, peer, channel);
  }
}

void SimNetwork::cut(NodeId from, NodeId to, CutMode mode) {
  CHECK(from != to);
  trace_.note(queue_.now(), from, TraceKind::kCut, to.value << 8 | static_cast<uint64_t>(mode), [&] {
    return "towards n" + std::to_string(to.value) + (mode == CutMode::kHold ? ", frames held" : ", frames lost");
  });
  cuts_[position_of(from)][position_of(to)] = mode;
}

void SimNetwork::heal(NodeId from, NodeId to) {
  const size_t source = position_of(from);
  const size_t target = position_of(to);
  if (cuts_[source][target] == CutMode::kNone) return;
  trace_.note(queue_.now(), from, TraceKind::kHeal, to.value, [&] { return "towards n" + std::to_string(to.value); });
  cuts_[source][target] = CutMode::kNone;
  release_held(source, target);
}

void SimNetwork::heal_all() {
  trace_.note(queue_.now(), NodeId(), TraceKind::kHeal, 0, [] { return std::string("all connections"); });
  for (auto& row : cuts_) std::fill(row.begin(), row.end(), CutMode::kNone);
  for (auto& row : extra_delay_) std::fill(row.begin(), row.end(), Duration(0));
  for (size_t from = 0; from < ports_.size(); ++from) {
    for (size_t to = 0; to < ports_.size(); ++to) {
      if (from != to) release_held(from, to);
    }
  }
}

void SimNetwork::release_held(size_t from, size_t to) {
  for (size_t channel = 0; channel < kChannels; ++channel) {
    Direction& direction = connection(from, to, channel).towards[to > from];
    auto held = std::move(direction.held);
    direction.held.clear();
    for (Direction::Held& frame : held) {
      deliver(from, to, channel, frame.epoch, std::move(frame.body), draw_delay());
    }
    connect_later(from, to, channel);
  }
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
