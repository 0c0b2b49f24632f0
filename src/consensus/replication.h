// How a leader brings its log to the members and learns what they hold (Raft 5.3, 5.4.2; thesis 10.2 pipelining).
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "consensus/entry_loads.h"
#include "consensus/log_view.h"
#include "consensus/outbox.h"
#include "consensus/progress.h"
#include "consensus/reads.h"
#include "consensus/replica.h"
#include "consensus/snapshot_requests.h"

namespace torc::consensus {

class Replication {
 public:
  /// All of them outlive this object.
  Replication(const ReplicaOptions& options, const LogView& log, Outbox& outbox, SendClock& clock, EntryLoads& loads,
              SnapshotRequests& snapshots)
      : options_(options), log_(log), outbox_(outbox), clock_(clock), loads_(loads), snapshots_(snapshots) {}

  /// Leadership of `term` begins; the log does not hold an entry of the term yet.
  void start(Term term, Instant now);
  void stop();
  /// The configuration changed: members that are new are probed, former ones are left alone.
  void follow_configuration(Instant now);
  Instant heartbeat_at() const { return heartbeat_at_; }

  /// Sends every member what flow control lets through.
  void send_appends(Instant now);
  /// Sends every member a heartbeat and sets the time of the next. Returns the smallest stamp, or nothing if alone.
  std::optional<SendStamp> send_heartbeats(Instant now);

  // ---- while all members are idle: the same without the ceremony (consensus/rest.cc) ----
  bool is_idle() const;
  /// As send_heartbeats(), but they are appended to `said`. Requires: not alone.
  SendStamp beat(Instant now, std::vector<SentHeartbeat>& said);
  /// As on_heartbeat_reply(). False: nothing happened. Requires: is_idle().
  [[nodiscard]] bool hear(ReplicaId from, const HeartbeatReply& reply, Instant now);

  // False for a message that no correct member sends. Late answers of former members are ignored.
  bool on_append_reply(ReplicaId from, const AppendReply& reply, Instant now);
  bool on_heartbeat_reply(ReplicaId from, const HeartbeatReply& reply, Instant now);

  /// Entries that had to be read back, from `first` on, are there (none: they could not be read).
  void entries_loaded(ReplicaId peer, LogIndex first, std::vector<Entry> entries, Instant now);

  /// A snapshot of `index` was sent to `peer` completely, or (nothing) could not be.
  void snapshot_finished(ReplicaId peer, std::optional<LogIndex> index, Instant now);

  /// Largest index that a quorum holds durably. It may be committed only if its entry is of this term (Raft figure 8).
  LogIndex quorum_match() const;
  /// Smallest index that every member holds durably.
  LogIndex match_of_all() const;
  /// Largest stamp that a quorum has echoed; Reads::kConfirmedForever if the leader is a quorum.
  SendStamp quorum_stamp() const;
  /// The earliest time at which all of some quorum had been heard; never() if the leader is a quorum.
  Instant quorum_heard_at() const;
  /// Null if `id` is not another member.
  const Progress* progress_of(ReplicaId id) const;
  std::vector<PeerStatus> peers() const;

 private:
  friend struct StateEncoding;  // reads everything, for the model checker
  struct Peer {
    explicit Peer(Progress p) : progress(p) {}
    Progress progress;
    std::optional<Instant> load_retry_at;  // what it needs could not be read or sent: asked for again then
  };

  HeartbeatRequest heartbeat_to(const Peer& peer, LogIndex of_all, Instant now);
  void send_to(ReplicaId id, Peer& peer, Instant now);
  void send_append(ReplicaId id, Peer& peer, Term prev_term, std::vector<Entry> entries, Instant now);
  void want_snapshot(ReplicaId id, Peer& peer, Instant now);
  void want_entries(ReplicaId id, Peer& peer, Instant now);
  Instant next_beat(Instant now) const;
  bool is_credible(SendStamp stamp) const { return stamp <= clock_.last(); }

  const ReplicaOptions& options_;
  const LogView& log_;
  Outbox& outbox_;
  SendClock& clock_;
  EntryLoads& loads_;
  SnapshotRequests& snapshots_;
  Term term_;
  std::map<ReplicaId, Peer> peers_;  // every member but this one; empty unless leader
  Instant heartbeat_at_ = Instant::never();
};

}  // namespace torc::consensus
