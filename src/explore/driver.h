// One replica of the real core with its disk, driven as a node drives it (consensus/ready.h, the contract), or wrongly
// where a bug is planted.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "consensus/replica.h"
#include "consensus/state_encoding.h"
#include "explore/config.h"

namespace torc::explore {

using consensus::Message;

enum class InputKind : uint8_t {
  kReceive,   // argument: the message
  kTick,      // a silence longer than any timeout passed
  kSync,      // the oldest Ready reached the disk
  kCrash,     // argument: so many unsynced records survive; restarts at once
  kPropose,   // argument: which proposal
  kRead,      // argument: token
  kChange,    // argument: which of the configured membership changes is proposed
  kTransfer,  // argument: the target's position
  kCut,       // everything committed and durable is applied, in a checkpoint, and cut off the log
  kSnapshot,  // the oldest snapshot that is wanted has been sent completely
  kTime,      // a step of time passes; nobody looks at the clock
};

/// A snapshot on its way. The entries it was made of stand for the state, so that a wrong one is noticed.
struct Snapshot {
  consensus::SnapshotHead head;
  ReplicaId to;
  std::vector<Entry> state;
};

struct Effects {
  std::vector<Message> sent;
  std::vector<Snapshot> snapshots;
  std::vector<consensus::ReadOutcome> reads;
  std::string wrong;  // a broken contract; empty if none
};

class Driver {
 public:
  /// `time`: steps of time that have passed, if time passes.
  Driver(const Config& config, ReplicaId self, Disk disk, uint64_t time = 0);

  Effects receive(const Message& message);
  Effects receive(const Snapshot& snapshot);
  Effects tick();
  Effects sync();
  Effects propose(std::string_view payload);
  Effects read(consensus::ReadToken token);
  Effects change(const ConfigurationChange& change);
  Effects transfer(ReplicaId target);
  Effects cut();
  Effects send_snapshot();
  Effects pass_time();
  /// What is on the disk when the process dies with `records_kept` of its unsynced records written.
  Disk disk_after_crash(size_t records_kept) const;

  const consensus::Replica& replica() const { return replica_; }
  consensus::ReplicaStatus status() const { return replica_.status(now_); }
  const Disk& disk() const { return disk_; }
  /// The log with everything that was handed to the disk: what the core believes its log to be.
  std::vector<Entry> written_log() const;
  /// Steps of time that have passed by its clock; 0 if time does not pass.
  uint64_t time() const;
  size_t readys_pending() const { return pending_.size(); }
  size_t snapshots_pending() const { return wanted_.size(); }
  size_t records_pending() const;
  /// Clients have been told that entries up to here are committed.
  LogIndex acknowledged() const;
  void encode(consensus::StateWriter& out) const;

 private:
  struct Record {
    std::optional<HardState> hard_state;
    std::optional<Entry> entry;
    std::optional<Snapshot> install;
  };
  struct Pending {
    uint64_t sequence;
    std::vector<Record> records;
    std::vector<Message> send;
  };

  static void write(Disk& disk, const Record& record);
  /// A crash may come after any record: a term has to be there before the entries that need it.
  bool is_order_wrong() const;
  Instant later();
  Message credited_to_newest(Message message) const;
  void drain(Effects& effects);
  void take(Effects& effects);
  void send(Effects& effects, Message message);
  void forge_votes(const Message& message);
  void answer(const consensus::EntriesWanted& wanted);

  const Config& config_;
  ReplicaId self_;
  Instant now_;
  Disk disk_;
  consensus::Replica replica_;
  uint64_t sequence_ = 0;
  LogIndex commit_;
  std::deque<Pending> pending_;
  std::deque<consensus::SnapshotWanted> wanted_;
  std::optional<Snapshot> staged_;         // for the next Ready that installs
  bool is_term_dropped_ = false;           // kPullWithoutTerm, kSnapshotWithoutTerm
  std::map<ReplicaId, LogIndex> counted_;  // kCountsOldTerm, kOldVotersCommit: what members acknowledged to this leader
  std::set<ReplicaId> granted_;            // kOldVotersElect: who voted for this candidate
  consensus::SendStamp newest_ = 0;        // kLeaseFromNewest: of all messages sent
};

/// The configuration a world's group is born with.
consensus::Configuration birth_of(const Config& config);
inline ReplicaId member(uint64_t position) { return {NodeId(position + 1), ReplicaNumber(1)}; }
/// Appends a message; its stamp only if the options want stamps.
void encode_message(const Message& message, consensus::StateWriter& out);
void encode_snapshot(const Snapshot& snapshot, consensus::StateWriter& out);

}  // namespace torc::explore
