// One group's replica on this node: drives consensus (persist -> send -> apply), the state machine and the checkpoints.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/lifetime.h"
#include "base/notice.h"
#include "consensus/replica.h"
#include "env/checkpoint_store.h"
#include "env/clock.h"
#include "kv/state_machine.h"
#include "node/checkpoints.h"
#include "node/clients.h"
#include "node/disk_watch.h"
#include "node/held_messages.h"
#include "node/proposals.h"
#include "node/reads.h"
#include "node/replacement.h"
#include "node/service.h"
#include "node/snapshot_receiver.h"
#include "node/snapshot_sender.h"
#include "node/stamp_leads.h"
#include "node/unapplied.h"
#include "storage/log.h"

namespace torc::node {

/// What a group asks of the node it lives on.
class GroupHost {
 public:
  virtual ~GroupHost() = default;
  virtual void send(const consensus::Message& message) = 0;
  virtual void send(const wire::SnapshotChunk& chunk) = 0;
  virtual void send(const wire::SnapshotReply& reply) = 0;
  /// Commands this replica cannot execute any more and certainly has not proposed.
  virtual void reroute(const Request& request) = 0;
  virtual void on_leadership_lost() = 0;
  virtual bool is_reachable(NodeId node) const = 0;
  /// No stamp may be later (node/clock_watch.h). None: too few clocks are known.
  virtual std::optional<WallMs> latest_stamp(Instant) const { return std::nullopt; }
  /// Something large still waits to be sent there.
  virtual bool is_sending_to(NodeId node) const = 0;
  /// The node can no longer be trusted; nothing may be acknowledged after this.
  virtual void on_fatal(const Error& error) = 0;
  virtual void tell(const Notice&) {}
};

struct GroupOptions {
  consensus::ReplicaOptions replica;
  Duration command_timeout = 10s;
  uint64_t checkpoint_log_bytes = 256u << 20;
  uint64_t log_tail_bytes = 64u << 20;  // kept behind a checkpoint for members that lag
  size_t batch_bytes_max = 1u << 20;
  size_t proposals_in_flight_max = 1;
  uint64_t memory_max = 0;  // beyond, the leader refuses commands that grow the state; 0: no limit
  /// Entries are kept in memory until they are durable here: beyond this no more are taken, from clients or from peers.
  size_t unsynced_bytes_max = 64u << 20;
  uint64_t hash_seed = 0;
};

class Group {
 public:
  /// Restores the state from the checkpoint and joins it with what the log has.
  /// Errors: kCorrupt if they contradict each other, kIo.
  static Result<std::unique_ptr<Group>> open(const GroupOptions& options, const consensus::Configuration& birth,
                                             GroupHost& host, Clients& clients, env::Clock& clock, storage::Log& log,
                                             env::CheckpointStore& checkpoints);
  ~Group();

  bool is_leader() const;
  consensus::ReplicaId leader() const { return replica_->status(clock_.now()).leader; }
  Term term() const { return replica_->status(clock_.now()).term; }

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
  /// A new turn of the loop: there is work to be shared out again. `memory_elsewhere`: what gathers on this node
  /// outside of this group, in bytes.
  void begin_turn(uint64_t memory_elsewhere);
  /// False once this turn has applied and answered as much as one may: the rest waits for the next.
  bool has_work_left() const { return work_left_ > 0; }
  /// Proposes what gathered and takes consensus' outputs until it is quiet. Returns true if the log was appended to.
  bool advance();
  /// Everything appended by advance() so far is on its way to the disk / is durable.
  uint64_t appended_sequence() const { return appended_sequence_; }
  void on_durable(uint64_t sequence);
  /// Work that is due at most every few milliseconds: checkpoints, expired keys, overdue commands.
  void maintain();
  /// Has tick() called when it is due, or a turn at once if there is work left over, here or at the caller; at the end
  /// of every turn.
  void arm_timer(bool is_turn_wanted);
  bool has_work() const { return install_ && install_->ready ? install_->is_switched : replica_->has_ready(); }

  /// `newcomer` is a node of the cluster whose data directory is new: bring it back if this replica leads.
  void on_newcomer(consensus::ReplicaId newcomer) { replacement_.met(newcomer); }
  /// This replica leads, and `member` once acknowledged more to it, durably, than a log of that term and end holds.
  bool has_forgotten(consensus::ReplicaId member, Term term, LogIndex durable_index) const;
  /// It is a voter, and that is committed: only then do the others need its former life no more.
  bool is_established() const {
    return replica_->is_configuration_settled() && replica_->configuration().is_voter(options_.replica.self);
  }

  /// Starts handing leadership to another voter that is there, the one that has the most; ignored while an attempt is
  /// under way.
  void hand_over();
  /// The same, to this voter.
  void hand_over_to(NodeId target);
  /// The stamps are ahead of the time, which is `time`: if this replica leads, sets them back, and the deadlines and
  /// sessions that come from stamps more than `bound_ms` ahead.
  void set_stamp_back(WallMs time, int64_t bound_ms);
  /// The time that expiry knows.
  WallMs stamp() const { return stamp_; }
  const consensus::Configuration& configuration() const { return replica_->configuration(); }
  /// A member said whether its disk is full.
  void on_disk_report(NodeId node, bool is_full) { disk_watch_.on_report(node, is_full, clock_.now()); }
  GroupStatus status() const;
  LogIndex applied() const { return state_->applied(); }
  uint64_t digest() const { return state_->digest(); }
  /// What counts against GroupOptions::memory_max.
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
  /// Entries on their way to the disk, which are held in memory until they are there.
  struct Undurable {
    uint64_t sequence = 0;
    uint64_t bytes = 0;
  };
  /// A snapshot between "the core has given its log up for it" and "it is the state". Once its Ready was taken no other
  /// is: nothing may reach the log before the switch of checkpoints, which takes its time off the loop.
  struct Install {
    std::unique_ptr<storage::SnapshotSink> sink;
    std::optional<consensus::Ready> ready;
    bool is_switched = false;
  };
  Group(const GroupOptions& options, GroupHost& host, Clients& clients, env::Clock& clock, storage::Log& log,
        env::CheckpointStore& checkpoints);
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
  bool apply(const consensus::Entry& entry);
  bool load_unapplied();
  void serve_reads();
  void notice_leadership();
  WallMs stamp_now(Instant now) const;
  void notice_stamp();
  void adopt_stamp();
  void reroute_unproposed();
  /// Ends writes that this replica will not decide. `plain`: for commands that were proposed once, here.
  void refuse_all(const std::vector<WriteWaiter>& waiters, kv::Refusal plain);
  void refuse(const WriteWaiter& writer, kv::Refusal plain);
  void write_own(const kv::CommandView& command);
  void purge_expired();
  void replace_lost_members();
  void watch_disk();
  Status join_log_with(const storage::CheckpointMeta& checkpoint, storage::GroupLog& log);
  void send_snapshot(const consensus::SnapshotWanted& wanted);
  void begin_install(consensus::Ready ready);
  void switch_checkpoints();
  void finish_install();

  GroupOptions options_;
  GroupHost& host_;
  Clients& clients_;
  env::Clock& clock_;
  storage::Log& log_;
  env::CheckpointStore& checkpoints_;
  std::unique_ptr<kv::StateMachine> state_;
  std::unique_ptr<consensus::Replica> replica_;
  Replacement replacement_;
  DiskWatch disk_watch_;
  Checkpoints own_checkpoints_;
  SnapshotSender snapshot_sender_;
  SnapshotReceiver snapshot_receiver_;
  std::unique_ptr<Install> install_;  // from "staged" to "it is the state"
  Proposals proposals_;
  Reads reads_;
  Unapplied unapplied_;
  LogIndex commit_;         // as consensus said last; applied() follows it
  LogIndex led_from_;       // the log's end when this leadership began
  uint64_t work_left_ = 0;  // of this turn, in kv::Cost::work
  uint64_t memory_elsewhere_ = 0;
  HeldMessages unsent_;
  std::deque<Undurable> undurable_;
  uint64_t undurable_bytes_ = 0;
  uint64_t unoffered_bytes_ = 0;  // of entries that came in since a Ready carried some
  uint64_t appended_sequence_ = 0;
  uint64_t durable_sequence_ = 0;
  env::TimerId timer_ = 0;
  Instant timer_at_ = Instant::never();
  bool was_leader_ = false;
  consensus::ReplicaStatus told_;  // role, term and leader as last noticed
  Instant handing_over_until_;
  consensus::ReplicaId handed_to_;  // target of the last attempt
  Instant next_purge_;
  LogIndex purge_behind_;  // the last purge comes behind this index
  Instant purge_lost_at_;
  WallMs stamp_;  // of what is applied
  Instant stamped_at_;
  StampLeads stamp_leads_;
  uint64_t operations_ = 0;  // applied
  uint64_t stamps_set_back_ = 0;
  uint64_t snapshots_installed_ = 0;
  uint64_t applied_bytes_ = 0;
  uint64_t appends_put_off_ = 0;
  Lifetime lifetime_;
};

}  // namespace torc::node
