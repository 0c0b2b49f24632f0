#include "consensus/state_encoding.h"

#include <algorithm>

#include "base/codec.h"
#include "consensus/replica_parts.h"

namespace torc::consensus {

void StateWriter::number(uint64_t value) { put_varint(out_, value); }

void StateWriter::bytes(std::string_view value) { put_bytes(out_, value); }

void StateWriter::id(ReplicaId id) {
  number(id.node ? options_.names[id.node.value] : 0);
  number(id.number.value);
}

void StateWriter::ids(const std::vector<ReplicaId>& ids) {
  std::vector<std::pair<uint64_t, uint64_t>> renamed;
  for (const ReplicaId id : ids) renamed.emplace_back(options_.names[id.node.value], id.number.value);
  std::sort(renamed.begin(), renamed.end());
  number(renamed.size());
  for (const auto& [node, drawn] : renamed) {
    number(node);
    number(drawn);
  }
}

void StateWriter::time(Instant time) {
  if (options_.with_times) put_i64(out_, time.ns);
}

void StateWriter::entry(const Entry& entry) {
  number(entry.term.value);
  number(entry.index.value);
  number(static_cast<uint64_t>(entry.kind));
  if (entry.kind == EntryKind::kConfiguration) {
    configuration(decode_configuration(entry.payload()).value());
  } else {
    bytes(entry.payload());
  }
}

void StateWriter::configuration(const Configuration& configuration) {
  ids(configuration.voters);
  ids(configuration.outgoing);
  ids(configuration.learners);
}

void StateWriter::hard_state(const HardState& state) {
  number(state.term.value);
  id(state.vote);
}

/// Befriended by every part that has state.
struct StateEncoding {
  StateWriter& out;
  std::span<const uint64_t> unreported;

  void replica(const Replica::Parts& p) {
    out.number(p.replicated_to_all.value);
    out.number(p.commit_reported.value);
    out.number(p.messages_refused > 0);
    ballot(p.election.ballot());
    election(p.election);
    log(p.log);
    stamps(p.clock);
    pull(p.pull);
    snapshots(p.snapshots);
    CHECK(!p.install) << "take its Readys first";
    if (!p.is_leader()) return;  // what is left of an earlier leadership is forgotten when the next one starts
    out.number(p.noop.value);
    replication(p.replication);
    reads(p.reads);
    transfer(p.transfer);
  }

  void ballot(const Ballot& b) {
    out.hard_state(b.current_);
    out.hard_state(b.durable_);
    out.number(b.offers_.size());
    for (const Ballot::Offer& offer : b.offers_) {
      out.number(report_of(offer.sequence));
      out.hard_state(offer.state);
    }
  }

  void election(const Election& e) {
    out.number(static_cast<uint64_t>(e.role_));
    out.id(e.leader_);
    std::vector<ReplicaId> granted;  // nobody counts refusals
    for (const auto& [id, is_granted] : e.answers_) {
      if (is_granted) granted.push_back(id);
    }
    out.ids(granted);
    if (!out.options().with_times) return;
    out.time(e.started_at_);
    out.number(e.leader_heard_at_.has_value());
    if (e.leader_heard_at_) out.time(*e.leader_heard_at_);
    out.time(e.deadline_);
    out.number(static_cast<uint64_t>(e.patience_.count()));
    out.number(e.writing_since_.has_value());
    if (e.writing_since_) out.time(*e.writing_since_);
    Prng copy = e.prng_;  // its next value stands for its state
    out.number(copy.next());
  }

  void log(const LogView& l) {
    out.number(l.start_index_.value);
    out.number(l.start_term_.value);
    out.number(l.runs_.size());
    for (const TermRun& run : l.runs_) {
      out.number(run.first_index.value);
      out.number(run.term.value);
    }
    for (const LogIndex index : {l.last_index_, l.commit_, l.stable_index_, l.offered_index_, l.released_index_}) {
      out.number(index.value);
    }
    out.number(l.is_reset_);
    out.number(l.held_.size());
    for (const Entry& entry : l.held_) out.entry(entry);
    out.number(l.offers_.size());
    for (const LogView::Offer& offer : l.offers_) {
      out.number(report_of(offer.sequence));
      out.number(offer.last_index.value);
    }
    out.number(l.configurations_.size());
    for (const PlacedConfiguration& placed : l.configurations_) {
      out.number(placed.index.value);
      out.configuration(placed.configuration);
    }
  }

  void stamps(const SendClock& c) {
    if (!out.options().with_stamps) return;
    out.number(static_cast<uint64_t>(c.last_));
    if (out.options().with_times) out.number(static_cast<uint64_t>(c.ahead_max_));
  }

  void pull(const Pull& p) {
    std::vector<std::pair<uint64_t, const Pull::Offer*>> offers;
    for (const auto& [id, offer] : p.offers_) offers.emplace_back(out.options().names[id.node.value], &offer);
    std::sort(offers.begin(), offers.end());
    out.number(offers.size());
    for (const auto& [name, offer] : offers) {
      out.number(name);
      freshness(offer->log);
      out.number(offer->hears_leader);
    }
    freshness(p.round_log_);
    out.id(p.source_);
    if (p.source_) out.number(p.asked_prev_.value);
    out.number(p.is_for_vote_);
    out.number(p.wake_at_ == Instant::never());
    out.time(p.wake_at_);
  }

  void freshness(const Pull::Freshness& f) {
    out.number(f.last_term.value);
    out.number(f.last_index.value);
  }

  /// Asked for and not ended yet: nobody is asked for a second one meanwhile, also by later leaderships.
  void snapshots(const SnapshotRequests& s) { out.ids({s.out_.begin(), s.out_.end()}); }

  void replication(const Replication& r) {
    out.number(r.term_.value);
    out.time(r.heartbeat_at_);
    std::vector<std::pair<uint64_t, const Replication::Peer*>> peers;
    for (const auto& [id, peer] : r.peers_) peers.emplace_back(out.options().names[id.node.value], &peer);
    std::sort(peers.begin(), peers.end());
    out.number(peers.size());
    for (const auto& [name, peer] : peers) {
      out.number(name);
      progress(peer->progress);
      if (!out.options().with_times) continue;
      out.number(peer->load_retry_at.has_value());
      if (peer->load_retry_at) out.time(*peer->load_retry_at);
    }
  }

  void progress(const Progress& p) {
    out.number(static_cast<uint64_t>(p.state_));
    out.number(p.match_.value);
    out.number(p.next_.value);
    out.number((p.is_probe_out_ ? 1 : 0) + (p.was_probe_lost_ ? 2 : 0));
    out.time(p.waiting_since_);
    out.number(p.flights_.size());
    for (const Progress::Flight& flight : p.flights_) {
      out.number(flight.last.value);
      out.number(flight.bytes);
    }
    out.time(p.heard_at_);
    if (out.options().with_stamps) out.number(static_cast<uint64_t>(p.echoed_));
  }

  void reads(const Reads& r) {
    if (!out.options().with_stamps) return;
    out.number(r.noop_.value);
    for (const SendStamp stamp : {r.start_stamp_, r.confirmed_, r.round_stamp_}) {
      out.number(static_cast<uint64_t>(stamp));
    }
    out.number(r.is_quorum_alone_);
    out.number(r.waiting_.size());
    for (const Reads::Waiting& read : r.waiting_) {
      out.number(read.token);
      out.number(read.index.value);
      out.number(static_cast<uint64_t>(read.registered));
    }
  }

  void transfer(const Transfer& t) {
    out.id(t.target_);
    out.time(t.deadline_);
    out.number((t.is_told_ ? 1 : 0) + (t.has_handed_over_ ? 2 : 0));
  }

  /// Which of the reports to come covers Ready `sequence`.
  uint64_t report_of(uint64_t sequence) const {
    return static_cast<uint64_t>(std::lower_bound(unreported.begin(), unreported.end(), sequence) - unreported.begin());
  }

  static void encode(const Replica& replica, std::span<const uint64_t> unreported, StateWriter& out) {
    StateEncoding{out, unreported}.replica(*replica.parts_);
  }
};

void encode_state(const Replica& replica, std::span<const uint64_t> unreported, StateWriter& out) {
  CHECK(!replica.has_ready()) << "take its Readys first";
  StateEncoding::encode(replica, unreported, out);
}

}  // namespace torc::consensus
