// One group's replica on this node: drives consensus (persist -> send -> apply), the state machine and the checkpoints.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/lifetime.h"
#include "consensus/replica.h"
#include "env/checkpoint_store.h"
#include "env/clock.h"
#include "node/applier.h"
#include "node/checkpoints.h"
#include "node/clients.h"
#include "node/disk_watch.h"
#include "node/group_output.h"
#include "node/held_messages.h"
#include "node/installation.h"
#include "node/proposals.h"
#include "node/reads.h"
#include "node/replacement.h"
#include "node/service.h"
#include "node/snapshot_receiver.h"
#include "node/snapshot_sender.h"
#include "node/stamp_leads.h"
#include "storage/log.h"

namespace torc::node {

struct GroupOptions {
  consensus::ReplicaOptions replica;
  Duration command_timeout = 10s;
  uint64_t log_bytes_max = 320u << 20;  // beyond, it is cut at the checkpoint whoever lags
  uint64_t segment_bytes = 64u << 20;   // of the node's log
  size_t batch_bytes_max = 1u << 20;
  size_t proposals_in_flight_max = 1;
  uint64_t memory_max = 0;  // beyond, the leader refuses commands that grow the state; 0: no limit
  /// Entries are kept in memory until they are durable here: beyond this no more are taken, from clients or from peers.
  size_t unsynced_bytes_max = 64u << 20;
  uint64_t hash_seed = 0;
  Arc arc;  // whose keys the group owns
};

class Group {
 public:
  /// Restores the state from the checkpoint and joins it with what the log has.
  /// Errors: kCorrupt if they contradict each other, kIo.
  static Result<std::unique_ptr<Group>> open(const GroupOptions& options, const consensus::Configuration& birth,
                                             Surroundings& surroundings, Clients& clients, env::Clock& clock,
                                             storage::Log& log, env::CheckpointStore& checkpoints);
  ~Group();

  bool is_leader() const;
  consensus::ReplicaId leader() const { return replica_->leader(); }
  Term term() const { return replica_->term(); }
  consensus::ReplicaId self() const { return options_.replica.self; }

  /// Answers a read at once if a lease allows it and the answer needs no commit. Otherwise nothing happened.
  bool read_now(const Request& request);
  /// Requires: is_leader(), and the waiter was started (Clients::start).
  void read_later(const Request& request);
  void write(const Request& request);
  /// A write that comes now is proposed in this turn if its batch is the next one; otherwise it gathers.
  bool may_propose() const;
  /// How large the answer may be if the command is executed behind everything that waits; 0: a few bytes.
  size_t expected_reply_bytes(const kv::CommandView& command) const;

  void receive(const consensus::Message& message);
  void receive(const wire::SnapshotChunk& chunk);
  void receive(const wire::SnapshotReply& reply);
  /// The bulk channel to `node` (re)connected.
  void on_bulk_connected(NodeId node) { snapshot_sender_.on_connected(node, clock_.now()); }
  void tick();
  /// A new turn of the loop: there is work to be shared out again, `work` of it for this group (kv::Cost::work), and
  /// one step, entry or answer more. `memory_elsewhere`: what gathers on this node outside of this group, in bytes.
  void begin_turn(uint64_t memory_elsewhere, uint64_t work);
  /// False once this turn has applied and answered as much as one may: the rest waits for the next.
  bool has_work_left() const { return work_left_ > 0; }
  /// Proposes what gathered and takes consensus' outputs until it is quiet. What came of this, and of everything said
  /// to the group before.
  [[nodiscard]] GroupOutput advance();
  /// Everything appended by advance() so far is on its way to the disk / is durable: what may leave now.
  uint64_t appended_sequence() const { return appended_sequence_; }
  [[nodiscard]] std::vector<consensus::Message> on_durable(uint64_t sequence);
  /// Work that is due at most every few milliseconds: checkpoints, expired keys, overdue commands.
  void maintain();
  /// tick() and maintain() are wanted at this time at the latest, and a turn; now, if one has left something over.
  Instant next_deadline() const;

  // ---- rest: neither turns nor maintenance, for as long as nothing but heartbeats comes (group_rest.cc) ----
  /// True: there is nothing that maintain() or a turn would do before next_deadline(). Requires: maintain() was called
  /// after whatever happened last.
  [[nodiscard]] bool try_rest();
  /// Until when it rests at the latest, replica's deadlines aside. Requires: try_rest() was true.
  Instant rests_until() const { return rests_until_; }
  /// The replica, which a node speaks to itself while the group rests (node/resting.h).
  consensus::Replica& replica() { return *replica_; }
  /// After a heartbeat, an answer to one, or tick(), at rest. True: nothing came of it but messages, which are
  /// appended to `said`. False: the rest is over, and the group has to take part in a turn.
  [[nodiscard]] bool rest_on(std::vector<consensus::Message>& said);
  /// Measures the own disk, by which a replica without a leader sets its patience: before tick(), if nobody called
  /// maintain() lately.
  void watch_disk();
  /// It would do something in a turn that begins now.
  bool wants_turn() const;
  bool has_work() const { return installation_.is_under_way() ? installation_.is_switched() : replica_->has_ready(); }

  /// A node of the cluster holds `newcomer`, which the group was not born with: make it a voter if this replica leads.
  void on_newcomer(consensus::ReplicaId newcomer) { replacement_.met(newcomer); }
  /// This replica leads, and `member` once acknowledged more to it, durably, than a log of that term and end holds.
  bool has_forgotten(consensus::ReplicaId member, Term term, LogIndex durable_index) const;
  /// It is a voter, and that is committed: only then do the others need its predecessor no more.
  bool is_established() const {
    return replica_->is_configuration_settled() && replica_->configuration().is_voter(options_.replica.self);
  }

  /// Starts handing leadership to another voter that is there, the one that has the most; ignored while an attempt is
  /// under way.
  void hand_over();
  /// The same, to this voter.
  void hand_over_to(NodeId target);
  /// The group's turn to write a checkpoint (node/checkpoint_queue.h).
  void take_checkpoint() { own_checkpoints_.ask(); }
  uint64_t log_growth() const { return own_checkpoints_.log_growth(); }
  bool is_checkpoint_under_way() const { return own_checkpoints_.is_under_way(); }
  /// The node's log needs its room (node/log_keeper.h): what is applied is checkpointed now, and the log cut there.
  void demand_checkpoint() { own_checkpoints_.demand(); }
  /// Until then, or until the checkpoint has failed.
  bool is_checkpoint_demanded() const { return own_checkpoints_.is_demanded(); }
  /// The stamps are ahead of the time, which is `time`: if this replica leads, sets them back, and the deadlines and
  /// sessions that come from stamps more than `bound_ms` ahead.
  void set_stamp_back(WallMs time, int64_t bound_ms);
  /// The time that expiry knows.
  WallMs stamp() const { return stamp_; }
  const consensus::Configuration& configuration() const { return replica_->configuration(); }
  /// A member said whether its disk is full.
  void on_disk_report(NodeId node, bool is_full) { disk_watch_.on_report(node, is_full, clock_.now()); }
  void on_node_lost(NodeId node) { disk_watch_.on_lost(node); }
  GroupStatus status() const;
  /// How far a log reaches that holds everything this replica ever acknowledged, as far as this disk remembers.
  LogIndex durable_index() const;
  LogIndex last_index() const { return replica_->status(clock_.now()).last_index; }
  LogIndex applied() const { return applier_.state().applied(); }
  uint64_t digest() const { return applier_.state().digest(); }
  /// What counts against GroupOptions::memory_max, of this group alone.
  uint64_t memory_used() const;
  /// What gathers here, with its bounds.
  void add_gauges(std::vector<Gauge>& gauges) const;
  const consensus::Replica& replica() const { return *replica_; }

 private:
  static constexpr Duration kPurgePatience = 1s;       // a purge not seen applied by then may have been lost
  static constexpr size_t kPurgedKeysMax = 1024;       // per round, so that expiry never holds up clients
  static constexpr size_t kPurgedBytesMax = 8u << 20;  // keys and values of a round: the first key may pass it
  static constexpr size_t kPurgeBytesMax =
      kv::kOperationHeadBytesMax + kPurgedKeysMax * kv::kArgumentHeadBytesMax + kPurgedBytesMax + kv::kKeyBytesMax;
  /// A read that names very many keys, in pieces. The state stays as it is meanwhile: nothing is applied.
  struct ReadUnderWay {
    KeptRequest request;
    WallMs now;
    kv::Progress progress;
  };
  /// Entries on their way to the disk, which are held in memory until they are there.
  struct Undurable {
    uint64_t sequence = 0;
    uint64_t bytes = 0;
  };
  Group(const GroupOptions& options, Surroundings& surroundings, Clients& clients, env::Clock& clock, storage::Log& log,
        env::CheckpointStore& checkpoints);
  kv::StateMachine& state() { return applier_.state(); }
  const kv::StateMachine& state() const { return applier_.state(); }
  void transfer(consensus::ReplicaId target, Instant now);
  Status restore(const consensus::Configuration& birth);

  void propose_gathered();
  void ask_for_reads();
  void take_ready();
  void carry_out(consensus::Ready ready);
  std::optional<kv::Refusal> reason_to_refuse(const kv::CommandView& command) const;
  size_t growth_before() const;
  bool has_backlog() const;
  bool takes_entries() const { return undurable_bytes_ + unoffered_bytes_ <= options_.unsynced_bytes_max; }
  void apply_committed();
  void serve_reads();
  void serve(KeptRequest read);
  void serve_on();
  void commit_expiry(KeptRequest read);
  void notice_leadership();
  WallMs stamp_now(Instant now) const;
  void notice_stamp();
  void adopt_stamp();
  void turn_out_unproposed();
  /// Ends writes that this replica will not decide. `plain`: for commands that were proposed once, here.
  void refuse_all(const std::vector<WriteWaiter>& waiters, kv::Refusal plain);
  void refuse(const WriteWaiter& writer, kv::Refusal plain);
  void write_own(const kv::CommandView& command);
  void purge_expired();
  void replace_lost_members();
  Instant next_purge_due() const;
  Status join_log_with(const storage::CheckpointMeta& checkpoint, storage::GroupLog& log);
  void send_snapshot(const consensus::SnapshotWanted& wanted);
  void on_snapshot_written(const Status& status);
  void install_snapshot();
  void finish_install();
  void send(std::vector<consensus::Message> messages);
  void fail(const Error& error);

  GroupOptions options_;
  Surroundings& surroundings_;
  Clients& clients_;
  env::Clock& clock_;
  storage::Log& log_;
  env::CheckpointStore& checkpoints_;
  GroupOutput output_;  // so far
  Applier applier_;
  std::unique_ptr<consensus::Replica> replica_;
  Replacement replacement_;
  DiskWatch disk_watch_;
  Checkpoints own_checkpoints_;
  SnapshotSender snapshot_sender_;
  SnapshotReceiver snapshot_receiver_;
  Installation installation_;
  Proposals proposals_;
  Reads reads_;
  std::optional<ReadUnderWay> read_under_way_;
  LogIndex led_from_;       // the log's end when this leadership began
  uint64_t work_left_ = 0;  // of this turn, in kv::Cost::work
  uint64_t memory_elsewhere_ = 0;
  HeldMessages unsent_;
  std::deque<Undurable> undurable_;
  uint64_t undurable_bytes_ = 0;
  uint64_t unoffered_bytes_ = 0;     // of entries that came in since a Ready carried some
  LogIndex durable_before_install_;  // of the log that was given up for a snapshot last
  uint64_t appended_sequence_ = 0;
  uint64_t durable_sequence_ = 0;
  bool is_resting_ = false;
  Instant rests_until_ = Instant::never();
  LogIndex rests_at_;  // replicated to all
  bool was_leader_ = false;
  consensus::ReplicaStatus told_;  // role, term and leader as last noticed
  Instant handing_over_until_;
  consensus::ReplicaId handed_to_;  // target of the last attempt
  Instant next_purge_;
  LogIndex purge_behind_;  // the last purge proposed comes behind this index
  Instant purge_lost_at_;
  WallMs stamp_;  // of what is applied
  Instant stamped_at_;
  StampLeads stamp_leads_;
  uint64_t operations_ = 0;  // applied
  uint64_t stamps_set_back_ = 0;
  uint64_t snapshots_installed_ = 0;
  Instant snapshots_not_before_;  // the last one found no space
  uint64_t appends_put_off_ = 0;
  Lifetime lifetime_;
};

}  // namespace torc::node
