#include "scenarios/lab_network.h"

#include <utility>
#include <variant>

#include "base/check.h"
#include "wire/peer_message.h"

namespace torc::scenarios {
namespace {

// A round trip costs 0.2 to 1 ms where nothing is wrong.
constexpr uint64_t kCalmDelayMinNs = 100'000;
constexpr uint64_t kCalmDelayMaxNs = 500'000;
constexpr uint64_t kUnreliableDelayMaxNs = 26'000'000;
constexpr uint64_t kUnreliableLossPercent = 10;
constexpr uint64_t kMillisecond = 1'000'000;

bool is_reply(const wire::PeerMessage& message) {
  using namespace consensus;
  if (std::holds_alternative<wire::BeatReply>(message)) return true;
  const auto* said = std::get_if<Message>(&message);
  return said != nullptr &&
         (std::holds_alternative<PreVoteReply>(said->body) || std::holds_alternative<VoteReply>(said->body) ||
          std::holds_alternative<AppendReply>(said->body) || std::holds_alternative<HeartbeatReply>(said->body) ||
          std::holds_alternative<PullReply>(said->body));
}

bool holds_replies_only(const Bytes& frame) {
  const Result<wire::PeerMessage> message = wire::decode(frame);
  CHECK(message.ok()) << message.error().message;
  const auto* pack = std::get_if<wire::Pack>(&*message);
  if (pack == nullptr) return is_reply(*message);
  for (size_t i = 0; i < pack->parts.size(); ++i) {
    const Result<wire::PeerMessage> part = wire::decode_part(*pack, i);
    CHECK(part.ok()) << part.error().message;
    if (!is_reply(*part)) return false;
  }
  return true;
}

}  // namespace

LabNetwork::LabNetwork(sim::World& world, Prng prng, Deliver deliver)
    : world_(world), prng_(prng), deliver_(std::move(deliver)) {}

void LabNetwork::set_end(NodeId from, NodeId to, bool is_up) {
  if (is_up) {
    down_.erase({from, to});
  } else {
    down_.insert({from, to});
  }
}

void LabNetwork::set_link(NodeId a, NodeId b, bool is_up) {
  set_end(a, b, is_up);
  set_end(b, a, is_up);
}

void LabNetwork::disconnect(NodeId id) {
  disconnected_.insert(id);
  for (const NodeId other : world_.nodes()) {
    if (other != id) set_link(id, other, false);
  }
}

void LabNetwork::connect(NodeId id) {
  disconnected_.erase(id);
  for (const NodeId other : world_.nodes()) {
    if (other != id && is_connected(other)) set_link(id, other, true);
  }
}

bool LabNetwork::is_lost(NodeId from, NodeId to) {
  if (!is_up(from, to)) return true;
  if (is_unreliable_ && prng_.chance(kUnreliableLossPercent, 100)) return true;
  const auto loss = loss_percent_.find({from, to});
  return loss != loss_percent_.end() && prng_.chance(loss->second, 100);
}

Duration LabNetwork::draw_delay(bool is_reply) {
  uint64_t delay = prng_.between(kCalmDelayMinNs, kCalmDelayMaxNs);
  if (is_unreliable_ && !is_reply) delay += prng_.below(kUnreliableDelayMaxNs + 1);
  if (is_reordering_ && is_reply && prng_.chance(600, 900)) {
    delay += (200 + prng_.below(1 + prng_.below(2000))) * kMillisecond;
  }
  return Duration(delay);
}

void LabNetwork::send(NodeId from, NodeId to, std::string body) {
  if (is_lost(from, to)) return;
  Bytes frame(std::move(body));
  const bool is_reply = holds_replies_only(frame);
  world_.queue().schedule(draw_delay(is_reply), [this, from, to, is_reply, frame = std::move(frame)] {
    if (!is_up(from, to) || !world_.is_alive(to)) return;
    if (!is_reply) ++requests_received_;
    world_.post_from_client(to, [this, from, to, frame] { deliver_(from, to, frame); });
  });
}

}  // namespace torc::scenarios
