// How simulated connections come about, break, and come back.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "sim/network_parts.h"

namespace torc::sim {

void SimNetwork::tell_broken(size_t whom, size_t peer, size_t channel) {
  Direction& direction = connection(whom, peer, channel).towards[whom > peer];
  direction.free_at = std::max(direction.free_at, queue_.now() + draw_delay());
  const uint64_t life = ports_[whom]->process.life();
  queue_.schedule_at(direction.free_at, [this, whom, peer, channel, life] {
    Port& port = *ports_[whom];
    if (port.process.life() != life) return;
    const NodeId other = ports_[peer]->node;
    trace_.note(queue_.now(), port.node, TraceKind::kBreak, peer, [&] {
      return "with n" + std::to_string(other.value) + " " + channel_name(static_cast<env::Channel>(channel));
    });
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
    const auto said = introduction_of(*ports_[handshake.dialer]);
    if (!said) return give_up(handshake, kLaterRetry);
    say(handshake, true, [this, handshake, said] { on_call(handshake, *said); });
  });
}

// ---- handshakes ----

std::optional<std::string> SimNetwork::introduction_of(const Port& port) const {
  auto introduction = port.handler == nullptr ? std::nullopt : port.handler->introduction();
  if (introduction) introduction = spoken_introduction(port.dialect, *std::move(introduction));
  return introduction;
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
  const auto answer = introduction_of(port);
  if (!answer) return give_up(handshake, kLaterRetry);
  const env::Admission admission = port.handler->admit(dialer, "n" + std::to_string(dialer.value), introduction);
  if (admission.verdict != env::Admission::Verdict::kWelcome) return refuse(handshake, true, admission);
  say(handshake, false, [this, handshake, introduction, answer] { on_answer(handshake, *answer, introduction); });
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
  trace_.note(queue_.now(), port.node, TraceKind::kConnect, epoch << 8 | peer, [&] {
    return "with n" + std::to_string(other.value) + " " + channel_name(static_cast<env::Channel>(channel));
  });
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
    for (Direction& direction : link.towards) direction.unread_bytes = 0;
    this->link(a, b).drop_queue(static_cast<env::Channel>(channel));
    this->link(b, a).drop_queue(static_cast<env::Channel>(channel));
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

}  // namespace torc::sim
