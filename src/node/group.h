// One group's replica on this node: drives consensus (persist -> send -> apply), the state machine and the checkpoints.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "consensus/replica.h"
#include "env/checkpoint_store.h"
#include "env/clock.h"
#include "kv/state_machine.h"
#include "node/clients.h"
#include "node/proposals.h"
#include "node/reads.h"
#include "node/service.h"
#include "storage/checkpointer.h"
#include "storage/log.h"

namespace torc::node {

/// What a group asks of the node it lives on.
class GroupHost {
 public:
  virtual ~GroupHost() = default;
  virtual void send(const consensus::Message& message) = 0;
  /// Commands this replica cannot execute any more and certainly has not proposed.
  virtual void reroute(Waiter waiter, const kv::CommandView& command, const kv::SessionCall* call, Retry retry) = 0;
  virtual void on_leadership_lost() = 0;
  virtual bool is_reachable(NodeId node) const = 0;
  /// The node can no longer be trusted; nothing may be acknowledged after this.
  virtual void on_fatal(const Error& error) = 0;
};

struct GroupOptions {
  consensus::ReplicaOptions replica;
  Duration command_timeout = 10s;
  uint64_t checkpoint_log_bytes = 256u << 20;
  size_t batch_bytes_max = 1u << 20;
  size_t proposals_in_flight_max = 1;
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
  bool read_now(Waiter waiter, const kv::CommandView& command);
  /// Requires: is_leader(), and the waiter was started (Clients::start).
  void read_later(Waiter waiter, const kv::CommandView& command);
  void write(Waiter waiter, const kv::CommandView& command, const kv::SessionCall* call, Retry retry);

  void receive(const consensus::Message& message);
  void tick();
  /// Proposes what gathered and takes consensus' outputs until it is quiet. Returns true if the log was appended to.
  bool advance();
  /// Everything appended by advance() so far is on its way to the disk / is durable.
  uint64_t appended_sequence() const { return appended_sequence_; }
  void on_durable(uint64_t sequence);
  /// Work that is due at most every few milliseconds: checkpoints, expired keys, overdue commands.
  void maintain();
  bool has_work() const { return replica_->has_ready(); }
  Instant next_deadline() const { return replica_->next_deadline(); }

  /// Starts handing leadership to another voter that is there; ignored while an attempt is under way.
  void hand_over();
  /// The same, to this voter.
  void hand_over_to(NodeId target);
  const consensus::Configuration& configuration() const { return replica_->configuration(); }
  GroupStatus status() const;
  LogIndex applied() const { return state_->applied(); }
  uint64_t digest() const { return state_->digest(); }

 private:
  struct Unsent {
    uint64_t sequence = 0;
    std::vector<consensus::Message> messages;
  };
  Group(const GroupOptions& options, GroupHost& host, Clients& clients, env::Clock& clock, storage::Log& log,
        env::CheckpointStore& checkpoints);
  void transfer(consensus::ReplicaId target, Instant now);
  Status restore(const consensus::Configuration& birth);

  void propose_gathered();
  void ask_for_reads();
  void take_ready();
  void apply_through(LogIndex commit);
  bool apply(const consensus::Entry& entry);
  bool load_unapplied();
  void serve_reads();
  void notice_leadership();
  void reroute_unproposed();
  /// Ends writes that this replica will not decide. `plain_error`: for commands that were proposed once, here.
  void refuse_all(const std::vector<WriteWaiter>& waiters, std::string_view plain_error);
  void refuse(const WriteWaiter& writer, std::string_view plain_error);
  void purge_expired();
  Status join_log_with(const storage::CheckpointMeta& checkpoint, storage::GroupLog& log);
  void checkpoint_when_due();
  void on_checkpoint_outcome(const storage::Checkpointer::Outcome& outcome);
  void cut_log();

  GroupOptions options_;
  GroupHost& host_;
  Clients& clients_;
  env::Clock& clock_;
  storage::Log& log_;
  env::CheckpointStore& checkpoints_;
  std::unique_ptr<kv::StateMachine> state_;
  std::unique_ptr<consensus::Replica> replica_;
  std::unique_ptr<storage::Checkpointer> checkpointer_;
  Proposals proposals_;
  Reads reads_;
  std::deque<consensus::Entry> unapplied_;  // known entries after applied(); may begin later than applied() + 1
  LogIndex last_index_;
  std::deque<Unsent> unsent_;
  uint64_t appended_sequence_ = 0;
  uint64_t durable_sequence_ = 0;
  LogIndex cut_index_;
  LogIndex checkpoint_index_;
  /// Not known after a restart: zero, so that a node restarted again and again still takes its checkpoints.
  uint64_t log_bytes_at_checkpoint_ = 0;
  Instant next_checkpoint_;
  bool was_leader_ = false;
  Instant handing_over_until_;
  consensus::ReplicaId handed_to_;  // target of the last attempt
  Instant next_purge_;
  LogIndex purge_behind_;  // the last purge comes behind this index
  Instant purge_lost_at_;
};

}  // namespace torc::node
