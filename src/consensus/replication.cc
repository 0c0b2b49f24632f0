#include "consensus/replication.h"

#include <algorithm>

#include "consensus/quorum.h"

namespace torc::consensus {

void Replication::start(Term term, Instant now) {
  CHECK(log_.last_term() < term) << "entries of term " << term << " before its leader";
  term_ = term;
  peers_.clear();
  heartbeat_at_ = Instant::never();
  follow_configuration(now);
}

void Replication::follow_configuration(Instant now) {
  const Configuration& configuration = log_.configuration();
  std::erase_if(peers_, [&](const auto& peer) { return !configuration.contains(peer.first); });
  for (const ReplicaId id : configuration.members()) {
    if (id != options_.self) peers_.try_emplace(id, Progress(log_.last_index() + 1, now));
  }
  heartbeat_at_ = peers_.empty() ? Instant::never() : std::min(heartbeat_at_, now);
}

void Replication::stop() {
  peers_.clear();
  loads_.forget_unsent(EntryLoads::Purpose::kAppend);
  heartbeat_at_ = Instant::never();
}

void Replication::send_appends(Instant now) {
  for (auto& [id, peer] : peers_) send_to(id, peer, now);
}

void Replication::send_to(ReplicaId id, Peer& peer, Instant now) {
  while (peer.progress.can_send(options_.in_flight_bytes_max)) {
    const LogIndex first = peer.progress.next();
    const bool is_probe = peer.progress.state() == Progress::State::kProbe;
    if (first > log_.last_index() && !is_probe) return;
    const std::optional<Term> prev_term = log_.term_at(first - 1);
    if (!prev_term) return want_snapshot(id, peer, now);
    const bool is_held = first >= log_.first_held();
    if (!is_held && !is_probe) return want_entries(id, peer, now);
    std::vector<Entry> entries;
    if (is_held && !peer.progress.wants_empty_probe()) log_.collect(first, options_.append_bytes_max, entries);
    send_append(id, peer, *prev_term, std::move(entries), now);
  }
}

void Replication::send_append(ReplicaId id, Peer& peer, Term prev_term, std::vector<Entry> entries, Instant now) {
  AppendRequest request;
  request.term = term_;
  request.prev_index = peer.progress.next() - 1;
  request.prev_term = prev_term;
  request.commit = log_.commit();
  request.replicated_to_all = match_of_all();
  request.stamp = clock_.next(now);
  size_t bytes = 0;
  for (const Entry& entry : entries) bytes += entry.size();
  const LogIndex last = request.prev_index + entries.size();
  request.entries = std::move(entries);
  outbox_.send_now(id, std::move(request));
  peer.progress.sent(last, bytes, now);
}

void Replication::want_snapshot(ReplicaId id, Peer& peer, Instant now) {
  if (peer.load_retry_at && now < *peer.load_retry_at) return;
  peer.load_retry_at.reset();
  peer.progress.become_snapshot();
  snapshots_.want(id, log_.start_index());
}

void Replication::snapshot_finished(ReplicaId id, std::optional<LogIndex> index, Instant now) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  if (!index) peer.load_retry_at = now + options_.heartbeat_interval;
  // A snapshot of an earlier leadership may end within ours; where it ended there is a place to ask about.
  const LogIndex place = std::min(index.value_or(peer.progress.match()), log_.last_index());
  peer.progress.snapshot_finished(place);
}

void Replication::want_entries(ReplicaId id, Peer& peer, Instant now) {
  if (loads_.is_out(id) || (peer.load_retry_at && now < *peer.load_retry_at)) return;
  peer.load_retry_at.reset();
  loads_.want(EntryLoads::Purpose::kAppend,
              {id, peer.progress.next(), log_.first_held() - 1, options_.append_bytes_max});
}

void Replication::entries_loaded(ReplicaId id, LogIndex first, std::vector<Entry> entries, Instant now) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  // The answer may be to a question of an earlier leadership.
  if (entries.empty() || !log_.holds(first, entries)) {
    peer.load_retry_at = now + options_.heartbeat_interval;
    return;
  }
  const Progress& progress = peer.progress;
  const std::optional<Term> prev_term = log_.term_at(first - 1);
  if (progress.state() == Progress::State::kReplicate && progress.next() == first && prev_term &&
      progress.can_send(options_.in_flight_bytes_max)) {
    send_append(id, peer, *prev_term, std::move(entries), now);
  }
}

/// On a grid of the interval: all groups that a node leads beat in the same turn, so that their heartbeats travel
/// together (rules.md#heartbeats-per-node-pair). Never later than an interval from now.
Instant Replication::next_beat(Instant now) const {
  const int64_t interval = options_.heartbeat_interval.count();
  const int64_t latest = now.ns + interval;
  return Instant{latest - latest % interval};
}

std::optional<SendStamp> Replication::send_heartbeats(Instant now) {
  if (peers_.empty()) return std::nullopt;
  heartbeat_at_ = next_beat(now);
  std::optional<SendStamp> first;
  const LogIndex of_all = match_of_all();
  for (const auto& [id, peer] : peers_) {
    const HeartbeatRequest request = heartbeat_to(peer, of_all, now);
    if (!first) first = request.stamp;
    outbox_.send_now(id, request);
  }
  return first;
}

HeartbeatRequest Replication::heartbeat_to(const Peer& peer, LogIndex of_all, Instant now) {
  HeartbeatRequest request;
  request.term = term_;
  request.commit = std::min(log_.commit(), peer.progress.match());
  request.replicated_to_all = of_all;
  request.stamp = clock_.next(now);
  return request;
}

// ---- while all members are idle ----

bool Replication::is_idle() const {
  const LogIndex last = log_.last_index();
  return std::ranges::all_of(peers_, [&](const auto& peer) { return peer.second.progress.is_idle(last); });
}

SendStamp Replication::beat(Instant now, std::vector<SentHeartbeat>& said) {
  CHECK(!peers_.empty());
  heartbeat_at_ = next_beat(now);
  const LogIndex of_all = match_of_all();
  const size_t first = said.size();
  for (const auto& [id, peer] : peers_) said.push_back({options_.self, id, heartbeat_to(peer, of_all, now)});
  return said[first].request.stamp;
}

bool Replication::hear(ReplicaId from, const HeartbeatReply& reply, Instant now) {
  const auto found = peers_.find(from);
  if (found == peers_.end() || !is_credible(reply.stamp)) return false;
  found->second.progress.heard(reply.stamp, now);
  return true;
}

bool Replication::on_append_reply(ReplicaId from, const AppendReply& reply, Instant now) {
  const auto found = peers_.find(from);
  if (found == peers_.end()) return true;
  if (!is_credible(reply.stamp) || reply.match_index > log_.last_index()) return false;
  Progress& progress = found->second.progress;
  progress.heard(reply.stamp, now);
  if (reply.accepted) {
    progress.accepted(reply.match_index, now);
  } else {
    // Both sides skip whole terms: the hint is where the member's terms allow agreement, from there we go on with ours.
    progress.rejected(reply.prev_index, log_.last_not_above(reply.hint_index, reply.hint_term) + 1);
  }
  return true;
}

bool Replication::on_heartbeat_reply(ReplicaId from, const HeartbeatReply& reply, Instant now) {
  const auto found = peers_.find(from);
  if (found == peers_.end()) return true;
  if (!is_credible(reply.stamp)) return false;
  Progress& progress = found->second.progress;
  progress.heard(reply.stamp, now);
  progress.check_lost(reply.last_index, options_.heartbeat_interval, options_.election_timeout_min, now);
  return true;
}

LogIndex Replication::quorum_match() const {
  return LogIndex(quorum_value(log_.configuration(), [&](ReplicaId id) {
    const Progress* progress = progress_of(id);
    return progress ? progress->match().value : id == options_.self ? log_.stable_index().value : 0;
  }));
}

LogIndex Replication::match_of_all() const {
  LogIndex least = log_.stable_index();
  for (const auto& [id, peer] : peers_) least = std::min(least, peer.progress.match());
  return least;
}

SendStamp Replication::quorum_stamp() const {
  return static_cast<SendStamp>(quorum_value(log_.configuration(), [&](ReplicaId id) {
    const Progress* progress = progress_of(id);
    const SendStamp stamp = progress ? progress->echoed() : id == options_.self ? Reads::kConfirmedForever : 0;
    return static_cast<uint64_t>(stamp);
  }));
}

Instant Replication::quorum_heard_at() const {
  return Instant{static_cast<int64_t>(quorum_value(log_.configuration(), [&](ReplicaId id) {
    const Progress* progress = progress_of(id);
    return static_cast<uint64_t>(progress ? progress->heard_at().ns : id == options_.self ? Instant::never().ns : 0);
  }))};
}

const Progress* Replication::progress_of(ReplicaId id) const {
  const auto found = peers_.find(id);
  return found == peers_.end() ? nullptr : &found->second.progress;
}

std::vector<PeerStatus> Replication::peers() const {
  std::vector<PeerStatus> peers;
  for (const auto& [id, peer] : peers_) peers.push_back({id, peer.progress.match(), peer.progress.heard_at()});
  return peers;
}

}  // namespace torc::consensus
