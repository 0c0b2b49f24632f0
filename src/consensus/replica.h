// One replica of one group: Raft as a value machine. Inputs in, one Ready out; no clock, thread, I/O or hidden
// randomness.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "consensus/membership.h"
#include "consensus/ready.h"

namespace torc::consensus {

struct ReplicaOptions {
  GroupId group;
  ReplicaId self;
  uint64_t seed = 0;                      // of the election timer's randomness
  Duration election_timeout_min = 300ms;  // each wait is drawn from [min, 2 * min)
  Duration heartbeat_interval = 60ms;
  /// Share of the lease given up for clocks that run at different speeds, in percent (rules.md#leases).
  int lease_drift_percent = 10;
  size_t append_bytes_max = 1u << 20;     // soft limit of one AppendRequest's entries
  size_t in_flight_bytes_max = 8u << 20;  // unacknowledged entries per peer, flow control
  size_t held_bytes_max = 16u << 20;      // committed entries kept in the core for followers slightly behind
  bool pre_vote = true;                   // false only in simulations that show why it is there
  bool check_quorum = true;               // likewise
  bool pull = true;  // likewise; needs pre_vote, whose refusals tell from whom to pull (rules.md#pull-before-voting)
  bool lease_reads = true;  // false: every read is confirmed by a round of heartbeats
  /// False only where the disk's time does not count: nobody campaigns while its own vote is on its way to the disk.
  bool waits_for_disk = true;
};

/// What the log and the checkpoint say at start. A replica that never ran has everything zero and its configuration:
/// the one the group is born with, or an empty one if it joins a group that exists and will be told.
struct RestoredState {
  HardState hard_state;
  LogIndex start_index;  // entries up to here are only in the checkpoint
  Term start_term;
  std::vector<TermRun> term_runs;  // of entries start_index + 1 .. last_index
  LogIndex last_index;
  LogIndex commit;              // known committed: the checkpoint's index
  Configuration configuration;  // in force at start_index: of an entry up to there, else the one of birth
  /// Every configuration in the log after start_index, in order: the latest counts, and truncating it brings back the
  /// one before.
  std::vector<PlacedConfiguration> configurations;
};

/// Whether log and checkpoint agree about themselves: term runs in order, no gap, commit and configurations inside of
/// the log, no entry of a term above the hard state's. Errors: kCorrupt.
Status check_restored(const RestoredState& restored);

struct ReplicaStatus {
  Role role = Role::kFollower;
  RoleCause role_cause = RoleCause::kStart;
  Term term;
  ReplicaId leader;  // none: unknown
  LogIndex commit;
  LogIndex last_index;
  LogIndex stable_index;       // durable in the own log
  LogIndex replicated_to_all;  // durable at every voter, as far as known: the log may be cut up to here
  size_t held_bytes = 0;       // of entries that the core keeps in memory
  bool has_lease = false;
  uint64_t messages_refused =
      0;  // sent by no correct peer: another replica's, malformed, contradicting what is committed
};

/// Another member as the leader sees it.
struct PeerStatus {
  ReplicaId id;
  LogIndex match_index;  // durable there and equal to ours
  Instant heard_at;      // answered the last time, or became a peer
};

/// A heartbeat as a leader at rest says it.
struct SentHeartbeat {
  ReplicaId from;
  ReplicaId to;
  HeartbeatRequest request;
};

class Replica {
 public:
  /// Starts as a follower that grants nothing for one election timeout (rules.md#leases).
  /// Requires: check_restored(restored).
  Replica(const ReplicaOptions& options, RestoredState restored, Instant now);
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // ---- inputs. Every `now` is sampled after the input's bytes were read and never runs backwards. ----
  void tick(Instant now);
  void receive(const Message& message, Instant now);
  /// Appends an entry if leader. `buffer` holds the payload behind kEntryHeaderBytes reserved bytes.
  /// Returns its place, or nothing if this replica is not a leader that accepts proposals (follower, or handing over).
  struct Proposed {
    Term term;
    LogIndex index;
  };
  std::optional<Proposed> propose(EntryKind kind, std::string buffer, Instant now);
  /// Proposes another membership if leader. It counts from the moment it is appended; if it is joint, the configuration
  /// that ends the change follows by itself once the joint one is committed. One change at a time: the next may follow
  /// when configuration() is not joint and committed.
  /// A leader that is no voter of the new configuration has no lease from here on, leads until the change is committed
  /// and then tells a voter to take over.
  /// Errors: kUnavailable if not a leader that accepts proposals, or before the term's first commit, or while an
  /// earlier configuration is not committed; kInvalid as changed_configuration.
  Result<Proposed> propose_change(const ConfigurationChange& change, Instant now);
  /// The index a read may be served at right now without a message: only with a valid lease and the term's no-op
  /// committed. The state machine must have applied it.
  std::optional<LogIndex> lease_read_index(Instant now) const;
  /// Asks for leadership to be confirmed; the outcome comes in a Ready (ReadIndex, thesis 6.4).
  void read(ReadToken token, Instant now);
  void persisted(uint64_t ready_sequence, Instant now);
  /// Answers an EntriesWanted: consecutive entries from its `first`, possibly fewer than wanted, or empty if
  /// unavailable.
  void entries_loaded(ReplicaId peer, std::vector<Entry> entries, Instant now);
  /// Ends a SnapshotWanted: a snapshot of `index` was sent to `peer` completely, or (nothing) that has failed.
  void snapshot_finished(ReplicaId peer, std::optional<LogIndex> index, Instant now);
  /// A snapshot has arrived here completely, was validated, and lies beside the checkpoint. True: the next Ready says
  /// to install it, and the log has been given up for it. False: discard it, the log holds as much.
  [[nodiscard]] bool snapshot_staged(const SnapshotHead& head, Instant now);
  /// Starts handing leadership to `target`: proposals are refused until it took over or an election timeout has passed,
  /// and there is no lease for the rest of the term once it was told to campaign. Ignored unless leader and `target` is
  /// another voter.
  void transfer_leadership(ReplicaId target, Instant now);
  /// Without a leader this replica waits so long at least, twice as long at most, before it campaigns; so long it also
  /// waits for votes. For one whose disk is slow: whose is fast should come first, and votes need the disk. Says
  /// nothing about votes for others and leases.
  void set_election_patience(Duration at_least);
  /// The log was cut: entries up to `start_index` are only in the checkpoint now.
  void log_cut(LogIndex start_index);

  // ---- at rest: heartbeats and answers of which nothing else comes. The state afterwards is what tick() or receive()
  // would have made of it, to the last bit; only the way is short, because a node has a thousand such replicas. ----
  /// A heartbeat of the leader that this replica follows already, which tells nothing new: the answer to it. Otherwise
  /// nothing happened: receive() it.
  [[nodiscard]] std::optional<HeartbeatReply> follow(ReplicaId from, ReplicaId to, const HeartbeatRequest& request,
                                                     Instant now);
  /// The heartbeats of a leader whose members have everything, once they are due: appended to `said`. False: nothing
  /// happened, tick().
  [[nodiscard]] bool beat(Instant now, std::vector<SentHeartbeat>& said);
  /// An answer to them. False: nothing happened, receive() it.
  [[nodiscard]] bool hear(ReplicaId from, ReplicaId to, const HeartbeatReply& reply, Instant now);

  // ---- output ----
  bool has_ready() const;
  Ready take_ready();
  /// Where there is nothing but messages that may leave at once, as heartbeats and their answers may: appends them to
  /// `messages` without the ceremony of a Ready. False: take_ready(), nothing was taken.
  [[nodiscard]] bool take_messages(std::vector<Message>& messages);
  /// tick() is wanted at this time at the latest.
  Instant next_deadline() const;

  // Of status(), for who asks often.
  Role role() const;
  Term term() const;
  ReplicaId leader() const;
  LogIndex replicated_to_all() const;
  ReplicaStatus status(Instant now) const;
  /// Every other member, sorted; empty unless leader. For deciding whether a learner has caught up.
  std::vector<PeerStatus> peers() const;
  /// The latest in the log, committed or not: the one that counts.
  const Configuration& configuration() const;
  /// It is committed, as far as this replica knows, and no change is under way.
  bool is_configuration_settled() const;
  /// The one in force at `index`; what a checkpoint of that index has to carry. Empty at a replica that joined, for
  /// what came before it was told of any: it makes no checkpoint there. Requires: start of the log <= index <= last
  /// index.
  const Configuration& configuration_at(LogIndex index) const;
  /// Term of the entry at `index`, if still known. Requires: index <= last index.
  std::optional<Term> term_at(LogIndex index) const;

 private:
  friend struct InvariantView;  // read-only access for the invariant checker
  friend struct StateEncoding;  // likewise for the model checker
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace torc::consensus
