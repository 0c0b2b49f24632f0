#include "node/beats.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "node/resting.h"

namespace torc::node {
namespace {

using consensus::HeartbeatReply;
using consensus::Message;

/// In a beat each group, and each receiver of it, has one place.
auto place_of(const wire::Heartbeat& one) { return std::tuple(one.group, one.to); }

/// The place to which `answer` is one, if the heartbeat there has its leader, term and round.
std::optional<size_t> position_of(const wire::Beat& beat, const Message& answer) {
  const auto place = std::tuple(answer.group, answer.from.number);
  const auto found =
      std::ranges::lower_bound(beat.heartbeats, place, {}, [](const auto& one) { return place_of(one); });
  if (found == beat.heartbeats.end() || place_of(*found) != place) return std::nullopt;
  const auto& reply = std::get<HeartbeatReply>(answer.body);
  const bool follows =
      found->from == answer.to.number && found->request.term == reply.term && found->request.stamp == reply.stamp;
  if (!follows) return std::nullopt;
  return static_cast<size_t>(found - beat.heartbeats.begin());
}

}  // namespace

// ---- the side that leads ----

void Beats::gather(GroupId group, const consensus::SentHeartbeat& heartbeat) {
  self_ = heartbeat.from.node;
  peer_ = heartbeat.to.node;
  gathered_.push_back({group, heartbeat.from.number, heartbeat.to.number, heartbeat.request});
}

std::vector<wire::PeerMessage> Beats::take_beats() {
  std::vector<wire::PeerMessage> said;
  if (gathered_.size() == 1) {
    const wire::Heartbeat& one = gathered_.front();
    said.emplace_back(Message{one.group, {self_, one.from}, {peer_, one.to}, one.request});
    gathered_.clear();
  }
  if (gathered_.empty()) return said;

  // Nearly always they are in order: all beat when their time comes, by their places.
  const auto place = [](const wire::Heartbeat& one) { return place_of(one); };
  if (!std::ranges::is_sorted(gathered_, {}, place)) std::ranges::stable_sort(gathered_, {}, place);
  wire::Beat beat;
  for (size_t i = 0; i < gathered_.size(); ++i) {
    const wire::Heartbeat& one = gathered_[i];
    // Of two rounds of a turn the later one proves whatever the earlier one would: that one counts as lost on its way.
    if (i + 1 < gathered_.size() && place_of(one) == place_of(gathered_[i + 1])) continue;
    beat.heartbeats.push_back(one);
    if (beat.heartbeats.size() < wire::kHeartbeatsMax && i + 1 < gathered_.size()) continue;
    beat.number = next_number_++;
    unanswered_count_ += beat.heartbeats.size();
    unanswered_.push_back(beat);
    said.emplace_back(std::exchange(beat, {}));
  }
  gathered_.clear();
  for (; unanswered_count_ > kUnansweredMax; unanswered_.pop_front()) {
    unanswered_count_ -= unanswered_.front().heartbeats.size();
  }
  return said;
}

std::vector<Message> Beats::open(NodeId self, NodeId peer, const wire::BeatReply& reply, Resting* resting,
                                 Instant now) {
  std::vector<Message> answers;
  const auto found = std::ranges::find(unanswered_, reply.number, &wire::Beat::number);
  if (found == unanswered_.end()) return answers;
  auto exception = reply.exceptions.begin();
  for (size_t i = 0; i < found->heartbeats.size(); ++i) {
    const wire::Heartbeat& one = found->heartbeats[i];
    LogIndex last_index = one.request.commit;
    if (exception != reply.exceptions.end() && exception->position == i) {
      const std::optional<LogIndex> told = (exception++)->last_index;
      if (!told) continue;  // it did not follow, as far as this reply tells
      last_index = *told;
    }
    if (resting != nullptr && resting->hear(self, peer, one, last_index, now)) continue;
    answers.push_back(
        {one.group, {peer, one.to}, {self, one.from}, HeartbeatReply{one.request.term, one.request.stamp, last_index}});
  }
  unanswered_count_ -= found->heartbeats.size();
  unanswered_.erase(found);
  return answers;
}

// ---- the side that follows ----

std::vector<Message> Beats::open(NodeId self, NodeId peer, wire::Beat beat, Resting* resting, Instant now) {
  std::vector<Message> heartbeats;
  const bool is_replied_to = unreplied_.size() < kUnrepliedMax;
  Received received{{}, std::vector<std::optional<LogIndex>>(beat.heartbeats.size())};
  for (size_t i = 0; i < beat.heartbeats.size(); ++i) {
    const wire::Heartbeat& one = beat.heartbeats[i];
    if (resting != nullptr && is_replied_to) received.answers[i] = resting->follow(self, peer, one, now);
    if (received.answers[i]) {
      ++received.answered;
    } else {
      heartbeats.push_back({one.group, {peer, one.from}, {self, one.to}, one.request});
    }
  }
  received.beat = std::move(beat);
  if (is_replied_to) unreplied_.push_back(std::move(received));
  return heartbeats;
}

bool Beats::note(const Message& answer) {
  for (auto received = unreplied_.rbegin(); received != unreplied_.rend(); ++received) {
    const std::optional<size_t> position = position_of(received->beat, answer);
    if (!position || received->answers[*position]) continue;
    received->answers[*position] = std::get<HeartbeatReply>(answer.body).last_index;
    ++received->answered;
    return true;
  }
  return false;
}

std::vector<wire::PeerMessage> Beats::take_replies() {
  std::vector<wire::PeerMessage> replies;
  for (const Received& received : std::exchange(unreplied_, {})) {
    if (received.answered == 0) continue;  // silence says as much
    wire::BeatReply reply{received.beat.number, {}};
    for (uint32_t i = 0; i < received.answers.size(); ++i) {
      const std::optional<LogIndex>& last_index = received.answers[i];
      if (last_index == received.beat.heartbeats[i].request.commit) continue;
      reply.exceptions.push_back({i, last_index});
    }
    replies.emplace_back(std::move(reply));
  }
  return replies;
}

void Beats::forget() {
  gathered_.clear();
  unanswered_.clear();
  unanswered_count_ = 0;
  unreplied_.clear();
}

}  // namespace torc::node
